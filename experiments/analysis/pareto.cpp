#include "experiments/analysis/pareto.h"

#include <cmath>

namespace lengthwise {
namespace {

double law_at(const Group& group, Quantity quantity, int64_t length) {
  const NumberByLength& values = group.laws[static_cast<size_t>(quantity)].values;
  const auto found = values.find(length);
  return found == values.end() ? kNotANumber : found->second;
}

double mean_training_seconds(const ScoreLine& line) {
  std::vector<double> seconds;
  for (const SeedScore& seed : line.seeds) seconds.push_back(seed.training_seconds);
  return moments(seconds).mean;
}

bool beats(const Comparison& comparison, const ParetoPoint& a, const ParetoPoint& b,
           double ParetoPoint::*price) {
  const ScoreLine &line = comparison.scores[a.line], &other = comparison.scores[b.line];
  if (line.task != other.task || line.train_length != other.train_length ||
      line.primary != other.primary) {
    return false;
  }
  const double sign = line.less_is_better() ? -1 : 1;
  const double better = sign * (a.value - b.value), dearer = a.*price - b.*price;
  return better >= 0 && dearer <= 0 && (better > 0 || dearer < 0);
}

bool is_on_front(const Comparison& comparison, const std::vector<ParetoPoint>& points,
                 const ParetoPoint& point, double ParetoPoint::*price) {
  if (!std::isfinite(point.value) || !std::isfinite(point.*price)) return false;
  for (const ParetoPoint& other : points) {
    if (beats(comparison, other, point, price)) return false;
  }
  return true;
}

}  // namespace

std::vector<ParetoPoint> pareto_points(const Comparison& comparison) {
  std::vector<ParetoPoint> points;
  for (size_t i = 0; i < comparison.scores.size(); ++i) {
    const ScoreLine& line = comparison.scores[i];
    if (!line.chosen || line.seeds.empty()) continue;
    const Group& group = comparison.groups[line.group];
    points.push_back({.line = i,
                      .value = score_at(line.of(line.primary).mean, line.length),
                      .training_seconds = mean_training_seconds(line),
                      .peak_total_bytes = law_at(group, Quantity::peak_total_bytes, line.length),
                      .state_bytes = law_at(group, Quantity::state_bytes, line.length)});
  }
  for (ParetoPoint& point : points) {
    point.on_front_seconds = is_on_front(comparison, points, point, &ParetoPoint::training_seconds);
    point.on_front_bytes = is_on_front(comparison, points, point, &ParetoPoint::peak_total_bytes);
    point.on_front_state = is_on_front(comparison, points, point, &ParetoPoint::state_bytes);
  }
  return points;
}

}  // namespace lengthwise
