#include "experiments/analysis/growth_law.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace lengthwise {
namespace {

std::vector<double> logs(const std::vector<double>& values) {
  std::vector<double> result;
  for (const double value : values) result.push_back(std::log(value));
  return result;
}

void summarise(Cell& cell, bool exact) {
  cell.median = median(cell.processes);
  if (cell.processes.size() < 2) return;
  if (exact) {
    const auto [low, high] = std::minmax_element(cell.processes.begin(), cell.processes.end());
    cell.interval = {*low, *high};
    return;
  }
  const Moments m = moments(logs(cell.processes));
  const double n = static_cast<double>(m.count);
  const double reach = student_reach(n - 1) * std::sqrt(m.variance / n);
  cell.interval = {std::exp(m.mean - reach), std::exp(m.mean + reach)};
}

LocalSlope local_slope(int64_t from, const Cell& before, int64_t to, const Cell& after,
                       bool exact) {
  LocalSlope slope;
  slope.from = from, slope.to = to;
  const double run = std::log(static_cast<double>(to) / static_cast<double>(from));
  if (exact) {
    slope.value = std::log(after.median / before.median) / run;
    slope.interval = {slope.value, slope.value};
    return slope;
  }
  const Moments a = moments(logs(before.processes)), b = moments(logs(after.processes));
  slope.value = (b.mean - a.mean) / run;
  if (a.count < 2 || b.count < 2) return slope;
  const double va = a.variance / static_cast<double>(a.count),
               vb = b.variance / static_cast<double>(b.count);
  const double degrees = va + vb == 0 ? 1
                                      : (va + vb) * (va + vb) /
                                            (va * va / static_cast<double>(a.count - 1) +
                                             vb * vb / static_cast<double>(b.count - 1));
  const double reach = student_reach(degrees) * std::sqrt(va + vb) / run;
  slope.interval = {slope.value - reach, slope.value + reach};
  return slope;
}

}  // namespace

GrowthLaw growth_law(Curve curve, bool exact) {
  GrowthLaw law;
  std::vector<int64_t> lengths;
  std::vector<double> values;
  for (auto& [length, cell] : curve) {
    summarise(cell, exact);
    law.values[length] = cell.median;
    lengths.push_back(length);
    values.push_back(cell.median);
  }
  for (auto before = curve.begin(); before != curve.end() && std::next(before) != curve.end();
       ++before) {
    const auto after = std::next(before);
    law.local_slopes.push_back(
        local_slope(before->first, before->second, after->first, after->second, exact));
  }
  if (!lengths.empty()) law.exponent.to = lengths.back();
  if (exact) {
    law.leading = leading_exponent(lengths, values);
    law.exponent.value = law.leading.value;
    law.exponent.interval = {law.leading.value, law.leading.value};
    law.exponent.exact = true;
    law.exponent.settled = law.leading.settled;
    if (!law.leading.pairs.empty()) law.exponent.from = law.leading.pairs.back().shortest;
    law.exponent.method =
        fmt::format("differences, {} cancelled", cancelled_name(law.leading.cancelled));
  } else {
    const RawSlope slope = raw_slope(lengths, values);
    law.exponent.value = slope.value;
    if (!slope.lengths.empty()) {
      law.exponent.from = slope.lengths.front();
      const double reach =
          student_reach(static_cast<double>(slope.lengths.size()) - 2) * slope.standard_error;
      law.exponent.interval = {slope.value - reach, slope.value + reach};
    }
    law.exponent.method = "regression over the upper half of the lengths";
  }
  law.curve = std::move(curve);
  return law;
}

}  // namespace lengthwise
