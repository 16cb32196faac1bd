#include "experiments/analysis/statistics.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <cstdint>

namespace lengthwise {

double median(std::vector<double> values) { return median_of(values); }

double median_of(std::vector<double>& values) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  if (values.empty()) return kNotANumber;
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

Moments moments(std::span<const double> values) {
  Moments result;
  double sum = 0, squares = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    sum += value;
    ++result.count;
  }
  if (result.count == 0) return result;
  result.mean = sum / static_cast<double>(result.count);
  for (const double value : values) {
    if (std::isfinite(value)) squares += (value - result.mean) * (value - result.mean);
  }
  if (result.count > 1) result.variance = squares / static_cast<double>(result.count - 1);
  return result;
}

double student_reach(double degrees) {
  if (!(degrees > 0)) return kNotANumber;
  return boost::math::quantile(boost::math::students_t(degrees), 0.975);
}

}  // namespace lengthwise
