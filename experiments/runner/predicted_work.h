// What a run will do and hold, from sizes alone.
#pragma once
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "experiments/runner/task_cache.h"
#include "nn/model_cost.h"

namespace lengthwise {

enum class WorkKind : uint8_t { forward, training_step, decode_step };

/// One kind of work, done `times` times.
struct WorkItem {
  WorkKind kind = WorkKind::forward;
  int64_t batch = 0, length = 0, times = 0;
  PassCost cost;           // of doing it once
  int64_t peak_bytes = 0;  // meanwhile, the model included
  double flops() const;    // of doing it once
};

struct PredictedRun {
  std::vector<WorkItem> work;
  bool is_known = true;         // false where the variant does not predict its cost
  int64_t step_peak_bytes = 0;  // of the measured training step
  double flops() const;
  int64_t peak_bytes() const;
};

/// Predicts runs; keeps the tasks that it made, to ask them how many labels a batch has.
class WorkPredictor {
 public:
  PredictedRun predict(const RunConfig& config, int threads);

 private:
  struct Labels {
    int64_t count = 0;
    int64_t scoring_bytes = 0;  // of what stands beside them in a batch to score
  };
  /// Of a scored batch (forward) or of a measured one.
  Labels labels(const Task& task, WorkKind kind, int64_t batch, int64_t length);
  const std::vector<BatchShape>& shapes(const Task& task, int64_t batch, int64_t length);

  TaskCache tasks_;
  std::map<std::tuple<const Task*, WorkKind, int64_t, int64_t>, Labels> labels_;
  std::map<std::tuple<const Task*, int64_t, int64_t>, std::vector<BatchShape>> shapes_;
};

}  // namespace lengthwise
