#include "experiments/analysis/growth_law.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace lengthwise {
namespace {

constexpr size_t kFewProcesses = 5;
constexpr int64_t kFewRepeats = 5;

void summarise(Cell& cell, bool exact) {
  cell.median = median(cell.processes);
  if (cell.processes.size() < 2) return;
  if (exact) {
    const auto [low, high] = std::minmax_element(cell.processes.begin(), cell.processes.end());
    cell.interval = {*low, *high};
    return;
  }
  const Interval of_logs = interval_of_mean(moments(logarithms(cell.processes)));
  cell.interval = {std::exp(of_logs.low), std::exp(of_logs.high)};
}

LocalSlope local_slope(const LogPoint& before, const LogPoint& after, double degrees) {
  LocalSlope slope;
  slope.from = before.length, slope.to = after.length;
  const double run =
      std::log(static_cast<double>(after.length) / static_cast<double>(before.length));
  slope.value = (after.value - before.value) / run;
  const double error = std::hypot(before.standard_error, after.standard_error) / run;
  const double reach = student_reach(degrees) * error;
  slope.interval = {slope.value - reach, slope.value + reach};
  return slope;
}

void add_local_slopes(GrowthLaw& law) {
  for (size_t i = 0; i + 1 < law.logs.points.size(); ++i) {
    law.local_slopes.push_back(
        local_slope(law.logs.points[i], law.logs.points[i + 1], law.logs.degrees));
  }
}

/// What is counted has no noise: its exponent is read off, and its local slopes are what they are.
void judge_exact(GrowthLaw& law) {
  std::vector<int64_t> lengths;
  std::vector<double> values;
  for (const auto& [length, value] : law.values) {
    lengths.push_back(length);
    values.push_back(value);
    law.logs.points.push_back({length, std::log(value), kTrust});
  }
  add_local_slopes(law);
  for (LocalSlope& slope : law.local_slopes) slope.interval = {slope.value, slope.value};
  law.leading = leading_exponent(lengths, values);
  Exponent& exponent = law.exponent;
  exponent.exact = true;
  exponent.value = law.leading.value;
  exponent.interval = {exponent.value, exponent.value};
  exponent.settled = law.leading.settled;
  exponent.method =
      fmt::format("leading term, {} cancelled", cancelled_name(law.leading.cancelled));
  if (!lengths.empty()) exponent.to = lengths.back();
  if (!law.leading.pairs.empty()) exponent.from = law.leading.pairs.back().shortest;
  if (std::isfinite(exponent.value) && !exponent.settled) {
    exponent.flags.push_back("not yet asymptotic");
  }
}

void judge_timed(GrowthLaw& law) {
  law.logs = log_curve(law.curve);
  const bool one_process = law.logs.degrees == 0;
  add_local_slopes(law);
  if (one_process) take_errors_from_residuals(law.logs);
  ExponentFit fit = fit_exponent(law.logs, log_slowness(law.curve), one_process);
  law.exponent = std::move(fit.exponent);
  law.kinks = std::move(fit.kinks);
  const auto few = [](const auto& entry) {
    const size_t count = entry.second.processes.size();
    return count > 1 && (count < kFewProcesses || entry.second.repeats < kFewRepeats);
  };
  if (std::any_of(law.curve.begin(), law.curve.end(), few)) {
    law.exponent.flags.push_back("few processes");
  }
}

std::span<const LogPoint> from_length(std::span<const LogPoint> points, int64_t length) {
  while (!points.empty() && points.front().length < length) points = points.subspan(1);
  return points;
}

}  // namespace

GrowthLaw growth_law(Curve curve, bool exact) {
  GrowthLaw law;
  law.curve = std::move(curve);
  for (auto& [length, cell] : law.curve) {
    summarise(cell, exact);
    law.values[length] = cell.median;
  }
  if (law.curve.empty()) return law;
  exact ? judge_exact(law) : judge_timed(law);
  law.shape = PowerSums(law.logs.points).best().terms;
  law.polynomial = fit_polynomial(from_length(law.logs.points, exact ? 0 : law.exponent.from));
  return law;
}

}  // namespace lengthwise
