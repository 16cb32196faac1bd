#include "experiments/runner/remaining_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "experiments/runner/units.h"

namespace lengthwise {

RemainingTime::RemainingTime(std::vector<RunWeight> weights, int jobs)
    : weights_(std::move(weights)), jobs_(jobs) {
  for (size_t run = 0; run < weights_.size(); ++run) kind_of(run).left_flops += weights_[run].flops;
}

double RemainingTime::take(size_t run) {
  const double flops = std::exchange(weights_.at(run).flops, 0.0);
  kind_of(run).left_flops -= flops;
  return flops;
}

void RemainingTime::ended(size_t run, double seconds) {
  Kind& kind = kind_of(run);
  kind.ended_flops += take(run);
  kind.seconds += seconds;
}

void RemainingTime::skipped(size_t run) { take(run); }

std::string RemainingTime::text() const {
  const double ended_flops = kinds_[0].ended_flops + kinds_[1].ended_flops;
  if (ended_flops <= 0) return "";
  const double of_both = (kinds_[0].seconds + kinds_[1].seconds) / ended_flops;
  const auto left = std::count_if(weights_.begin(), weights_.end(),
                                  [](const RunWeight& run) { return run.flops > 0; });
  double seconds = 0;
  for (const Kind& kind : kinds_) {
    // sums of floats: what is left of nothing need not be 0
    if (kind.left_flops <= 1e-9 * ended_flops) continue;
    seconds += kind.left_flops * (kind.ended_flops > 0 ? kind.seconds / kind.ended_flops : of_both);
  }
  return seconds > 0
             ? fmt::format("about {} left",
                           seconds_text(seconds /
                                        static_cast<double>(std::min<std::ptrdiff_t>(jobs_, left))))
             : "";
}

}  // namespace lengthwise
