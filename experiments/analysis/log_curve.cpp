#include "experiments/analysis/log_curve.h"

#include <algorithm>
#include <cmath>

namespace lengthwise {
namespace {

constexpr size_t kFewestToJudge = 4;
// The median deviation of normal numbers from the median of their cell, the least of each left out
// (it is often 0): 0.68 standard deviations for cells of 4 to 15.
constexpr double kMedianDeviation = 0.68;

/// |log - median|, sorted, without the least.
std::vector<double> deviations(const std::vector<double>& values) {
  const double middle = median(values);
  std::vector<double> result;
  for (const double value : values) result.push_back(std::abs(value - middle));
  std::sort(result.begin(), result.end());
  result.erase(result.begin());
  return result;
}

size_t drop_outliers(std::vector<std::vector<double>>& cells) {
  std::vector<double> all;
  for (const auto& cell : cells) {
    if (cell.size() < kFewestToJudge) continue;
    const std::vector<double> own = deviations(cell);
    all.insert(all.end(), own.begin(), own.end());
  }
  if (all.empty()) return 0;
  const double common = median(all);
  size_t dropped = 0;
  for (auto& cell : cells) {
    if (cell.size() < kFewestToJudge) continue;
    const double middle = median(cell);
    const double scale = std::max({common, median(deviations(cell)), kTrust});
    dropped += std::erase_if(cell, [&](double value) {
      return std::abs(value - middle) > kOutlying / kMedianDeviation * scale;
    });
  }
  return dropped;
}

}  // namespace

LogCurve log_curve(const Curve& curve) {
  LogCurve result;
  std::vector<std::vector<double>> cells;
  for (const auto& [length, cell] : curve) cells.push_back(logarithms(cell.processes));
  result.outliers = drop_outliers(cells);
  std::vector<double> variances, degrees;
  auto cell = cells.begin();
  for (const auto& [length, unused] : curve) {
    const Moments m = moments(*cell++);
    result.points.push_back({length, m.mean, 1});
    variances.push_back(m.count > 1 ? m.variance : 0);
    degrees.push_back(static_cast<double>(m.count) - 1);
  }
  if (std::none_of(degrees.begin(), degrees.end(), [](double d) { return d > 0; })) return result;
  const ModeratedVariances moderated = moderated_variances(variances, degrees);
  result.degrees = moderated.degrees;
  for (size_t i = 0; i < result.points.size(); ++i) {
    const double of_mean = moderated.variances[i] / (degrees[i] + 1);
    result.points[i].standard_error = std::sqrt(of_mean + kTrust * kTrust);
  }
  return result;
}

LogCurve log_ratio_curve(const Curve& first, const Curve& second) {
  Curve ratios;
  for (const auto& [length, a] : first) {
    const auto found = second.find(length);
    if (found == second.end()) continue;
    const Cell& b = found->second;
    if (a.seeds.empty() || a.seeds != b.seeds) return {};
    Cell& ratio = ratios[length];
    for (size_t i = 0; i < a.processes.size(); ++i) {
      ratio.processes.push_back(a.processes[i] / b.processes[i]);
    }
  }
  return log_curve(ratios);
}

std::vector<double> log_slowness(const Curve& curve) {
  std::vector<double> result;
  for (const auto& [length, cell] : curve) {
    double sum = 0;
    for (const double rate : cell.probe_rates) sum -= std::log(rate);
    const double mean = sum / static_cast<double>(cell.probe_rates.size());
    if (!std::isfinite(mean)) return {};
    result.push_back(mean);
  }
  return result;
}

}  // namespace lengthwise
