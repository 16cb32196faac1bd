#include "experiments/analysis/statistics.h"

#include <algorithm>
#include <boost/math/distributions/fisher_f.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/digamma.hpp>
#include <boost/math/special_functions/trigamma.hpp>
#include <cmath>
#include <cstdint>

#include "base/check.h"

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

std::vector<double> logarithms(std::span<const double> values) {
  std::vector<double> result;
  for (const double value : values) result.push_back(std::log(value));
  return result;
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

namespace {

/// The x at which the trigamma function, which falls, has this value, which must be above 0.
double inverse_trigamma(double value) {
  double low = std::log(1e-6), high = std::log(1e9);
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (boost::math::trigamma(std::exp(middle)) > value ? low : high) = middle;
  }
  return std::exp(low);
}

}  // namespace

ModeratedVariances moderated_variances(std::span<const double> variances,
                                       std::span<const double> degrees) {
  check_equal(variances.size(), degrees.size(), "one variance for each count of degrees");
  double pooled = 0, all = 0;
  for (size_t i = 0; i < variances.size(); ++i) {
    if (degrees[i] > 0) pooled += degrees[i] * variances[i], all += degrees[i];
  }
  check(all > 0, "a variance takes two observations");
  pooled /= all;
  ModeratedVariances result{std::vector<double>(variances.size(), pooled), all};
  // the spread of log variances beyond what counts of degrees explain says how alike they are
  std::vector<double> centred;
  double explained = 0;
  for (size_t i = 0; i < variances.size(); ++i) {
    if (degrees[i] <= 0) continue;
    const double half = degrees[i] / 2;
    centred.push_back(std::log(std::max(variances[i], 1e-8 * pooled)) - boost::math::digamma(half) +
                      std::log(half));
    explained += boost::math::trigamma(half);
  }
  const Moments spread = moments(centred);
  const double beyond = spread.variance - explained / static_cast<double>(spread.count);
  if (pooled == 0 || !(beyond > 0)) return result;
  const double half = inverse_trigamma(beyond), prior = 2 * half;
  const double common = std::exp(spread.mean + boost::math::digamma(half) - std::log(half));
  for (size_t i = 0; i < variances.size(); ++i) {
    const double own = degrees[i] > 0 ? degrees[i] * variances[i] : 0;
    result.variances[i] = (prior * common + own) / (prior + std::max(degrees[i], 0.0));
  }
  result.degrees = std::min(all, prior + all / static_cast<double>(spread.count));
  return result;
}

double student_quantile(double share, double degrees) {
  if (!(degrees > 0)) return kNotANumber;
  return boost::math::quantile(boost::math::students_t(degrees), share);
}

double fisher_quantile(double share, double degrees, double residual_degrees) {
  return boost::math::quantile(boost::math::fisher_f(degrees, residual_degrees), share);
}

double student_reach(double degrees) {
  return degrees > 0 ? student_quantile(0.975, degrees) : kNotANumber;
}

Interval interval_of_mean(const Moments& moments) {
  if (moments.count < 2) return {};
  const double n = static_cast<double>(moments.count);
  const double reach = student_reach(n - 1) * std::sqrt(moments.variance / n);
  return {moments.mean - reach, moments.mean + reach};
}

}  // namespace lengthwise
