// The runs of a sweep: every combination of the values that its keys name. A grid keeps a few dozen
// bytes of a run, and makes its configuration when asked, so that it may have very many.
#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/runner/sweep_config.h"

namespace lengthwise {

class StartWeights;

struct PlannedRun {
  uint64_t id = 0;
  uint64_t data_hash = 0;
  uint64_t cell = 0;    // its place in the grid
  std::string refused;  // why it cannot work; "" where it can
};

class Grid {
 public:
  /// UserError where a cell cannot run, a key is read by no run, or every cell is refused.
  explicit Grid(SweepConfig config);

  /// Without repetitions, interleaved: variants change fastest, so that the machine's drift does
  /// not look like a difference between them.
  const std::vector<PlannedRun>& runs() const { return runs_; }
  RunConfig config(const PlannedRun& run) const;
  /// What tells a run from the others, in one line.
  std::string label(const RunConfig& config) const;

 private:
  OptionValues values(uint64_t cell) const;
  void expand(const StartWeights& weights);

  std::vector<std::pair<std::string, std::vector<std::string>>> dimensions_;  // last: fastest
  std::vector<PlannedRun> runs_;
  std::set<std::string> varying_;  // keys beside variant, scheme, length and seed
};

/// 16 hexadecimal digits: how files and records name a run.
std::string id_text(uint64_t id);
/// The id that id_text writes so; nothing where it writes none so.
std::optional<uint64_t> id_of(std::string_view text);

}  // namespace lengthwise
