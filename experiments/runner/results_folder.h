// Where a sweep keeps what: runs/<id>.h5 for every run that ended, checkpoints/ for those under
// way, runs/damaged/ for files that could not be read, and <name>.h5 with all rows together.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "experiments/runner/record.h"

namespace lengthwise {

class ResultsFolder {
 public:
  explicit ResultsFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// Makes what is missing. UserError where it cannot be made or written to.
  void make() const;
  std::filesystem::path runs() const { return folder_ / "runs"; }
  std::filesystem::path run(uint64_t id) const;
  std::filesystem::path merged(const std::string& name) const { return folder_ / (name + ".h5"); }

  /// The record of a run whose cost is known and that is still training.
  std::filesystem::path cost(uint64_t id) const;
  /// The training as it last stood, and where its validation loss was lowest.
  std::filesystem::path last_checkpoint(uint64_t id) const;
  std::filesystem::path best_checkpoint(uint64_t id) const;
  std::filesystem::path tuned_checkpoint(uint64_t id) const;
  void make_checkpoints() const;

 private:
  std::filesystem::path folder_;
};

struct FoundRecord {
  Table table;
  RecordedEnd end;
};

/// The run's record, if its file is there and can be read. One that is damaged or another's is
/// moved to runs/damaged/, and said so on stderr.
std::optional<FoundRecord> find_record(const ResultsFolder& folder, uint64_t id);
/// Its end alone, which is much quicker.
std::optional<RecordedEnd> find_end(const ResultsFolder& folder, uint64_t id);

/// Moves a file that cannot be read out of the way: nothing is lost by it, and `why` is said on
/// stderr.
void keep_aside(const std::filesystem::path& path, const std::string& why);

}  // namespace lengthwise
