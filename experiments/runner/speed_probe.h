// How long work takes on this machine, found by doing some of it.
#pragma once
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "experiments/runner/predicted_work.h"

namespace lengthwise {

class SpeedProbe {
 public:
  /// A run of this configuration will be predicted: pieces of its work may be tried.
  void add(const RunConfig& config, const PredictedRun& run);
  /// Does pieces of work, the cheapest first, for about `seconds`.
  void measure(double seconds);
  /// All that the run takes, as far as was tried; NaN where nothing like it was.
  double seconds(const RunConfig& config, const PredictedRun& run) const;

 private:
  struct Piece {
    RunConfig config;  // of a run that does it
    double flops = 0;
  };
  struct Sample {
    WorkItem item;
    std::array<double, kScopes> scope_seconds{};
  };
  using Key = std::pair<std::string, WorkKind>;

  void try_piece(const std::string& model, const Piece& piece);
  double item_seconds(const std::string& model, const WorkItem& item) const;

  // by model, batch, length and the kind of work that it is for
  std::map<std::tuple<std::string, int64_t, int64_t, WorkKind>, Piece> pieces_;
  std::map<Key, std::vector<Sample>> samples_;  // by rising work
  TaskCache tasks_;
  WorkPredictor predictor_;
  double start_seconds_ = 0;  // of a process
};

}  // namespace lengthwise
