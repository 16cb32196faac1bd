#include "experiments/runner/shard.h"

#include <algorithm>
#include <numeric>

#include "experiments/runner/predicted_work.h"

namespace lengthwise {

std::vector<RunWeight> run_weights(const Grid& grid) {
  // So that many small runs do not count as nothing.
  constexpr double kStartingFlops = 2e9;
  WorkPredictor predictor;
  std::vector<RunWeight> weights;
  for (const PlannedRun& run : grid.runs()) {
    // With a fixed number of threads, so that the parts do not depend on the machine.
    const RunConfig config = grid.config(run);
    const double flops = run.refused.empty() ? predictor.predict(config, 1).flops() : 0.0;
    weights.push_back({flops + kStartingFlops, config.trains});
  }
  return weights;
}

std::vector<size_t> runs_of_shard(std::span<const RunWeight> weights, const Shard& shard) {
  std::vector<size_t> runs(weights.size());
  std::iota(runs.begin(), runs.end(), size_t{0});
  if (shard.count == 1) return runs;
  // The largest first, each to the part that has least so far.
  std::stable_sort(runs.begin(), runs.end(),
                   [&](size_t a, size_t b) { return weights[a].flops > weights[b].flops; });
  std::vector<double> loads(static_cast<size_t>(shard.count), 0.0);
  std::vector<size_t> own;
  for (const size_t run : runs) {
    const auto least = std::min_element(loads.begin(), loads.end());
    *least += weights[run].flops;
    if (least - loads.begin() == shard.index - 1) own.push_back(run);
  }
  std::sort(own.begin(), own.end());
  return own;
}

}  // namespace lengthwise
