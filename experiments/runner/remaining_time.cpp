#include "experiments/runner/remaining_time.h"

#include <fmt/format.h>

#include <numeric>
#include <utility>

#include "experiments/runner/units.h"

namespace lengthwise {

RemainingTime::RemainingTime(std::vector<double> weights, int jobs)
    : weights_(std::move(weights)),
      left_(std::accumulate(weights_.begin(), weights_.end(), 0.0)),
      jobs_(jobs) {}

double RemainingTime::take(size_t run) {
  const double weight = std::exchange(weights_.at(run), 0.0);
  left_ -= weight;
  return weight;
}

void RemainingTime::ended(size_t run, double seconds) {
  ended_ += take(run);
  seconds_ += seconds;
}

void RemainingTime::skipped(size_t run) { take(run); }

std::string RemainingTime::text() const {
  // sums of floats: what is left of nothing need not be 0
  if (ended_ <= 0 || left_ <= 1e-9 * ended_) return "";
  return fmt::format("about {} left", seconds_text(left_ * seconds_ / ended_ / jobs_));
}

}  // namespace lengthwise
