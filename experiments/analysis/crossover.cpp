#include "experiments/analysis/crossover.h"

#include <cmath>

namespace lengthwise {
namespace {

struct Gap {
  int64_t length;
  double value, reach;  // log(first / second); half its 95 % interval, 0 where exact
};

Gap gap_at(int64_t length, const Cell& first, const Cell& second, bool exact) {
  Gap gap{length, std::log(first.median / second.median), 0};
  if (exact) return gap;
  std::vector<double> a, b;
  for (const double value : first.processes) a.push_back(std::log(value));
  for (const double value : second.processes) b.push_back(std::log(value));
  const Moments x = moments(a), y = moments(b);
  gap.value = x.mean - y.mean;
  const double vx = x.variance / static_cast<double>(x.count),
               vy = y.variance / static_cast<double>(y.count);
  const double degrees =
      (vx + vy) * (vx + vy) /
      (vx * vx / static_cast<double>(x.count - 1) + vy * vy / static_cast<double>(y.count - 1));
  gap.reach = vx + vy > 0 ? student_reach(degrees) * std::sqrt(vx + vy) : 0;
  if (x.count < 2 || y.count < 2) gap.reach = kNotANumber;
  return gap;
}

double between(const Gap& a, const Gap& b, double from, double to) {
  const double at = from / (from - to);
  return std::exp(std::log(static_cast<double>(a.length)) +
                  at * std::log(static_cast<double>(b.length) / static_cast<double>(a.length)));
}

}  // namespace

std::string_view crossover_name(CrossoverStatus status) {
  switch (status) {
    case CrossoverStatus::crosses:
      return "crosses";
    case CrossoverStatus::always:
      return "always";
    case CrossoverStatus::not_reached:
      return "not_reached";
    case CrossoverStatus::equal:
      return "equal";
    case CrossoverStatus::undecided:
      return "undecided";
    case CrossoverStatus::several:
      return "several";
  }
  return "";
}

Crossover crossover(const Curve& first, const Curve& second, bool exact) {
  std::vector<Gap> gaps;
  for (const auto& [length, cell] : first) {
    const auto other = second.find(length);
    if (other != second.end()) gaps.push_back(gap_at(length, cell, other->second, exact));
  }
  Crossover result;
  if (gaps.empty()) return result;
  result.from = gaps.front().length, result.to = gaps.back().length;
  size_t crossings = 0;
  for (size_t i = 0; i + 1 < gaps.size(); ++i) {
    const double a = gaps[i].value, b = gaps[i + 1].value;
    if (a * b >= 0) continue;
    ++crossings;
    result.swapped = b > 0;
    result.length = between(gaps[i], gaps[i + 1], a, b);
  }
  if (crossings > 0) {
    result.status = crossings == 1 ? CrossoverStatus::crosses : CrossoverStatus::several;
    result.interval = {result.length, result.length};
    return result;
  }
  const double start = gaps.front().value, end = gaps.back().value;
  if (start == 0 && end == 0) {
    result.status = CrossoverStatus::equal;
    return result;
  }
  const bool closing = std::abs(end) < std::abs(start);
  result.status = closing ? CrossoverStatus::not_reached : CrossoverStatus::always;
  result.swapped = (end > 0) != closing;
  return result;
}

}  // namespace lengthwise
