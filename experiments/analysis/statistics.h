// The few statistics that the comparison rests on.
#pragma once
#include <limits>
#include <span>
#include <vector>

namespace lengthwise {

inline constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();

/// What holds the truth in 95 of 100 studies. NaN: an end that is open, or not known.
struct Interval {
  double low = kNotANumber, high = kNotANumber;
};

/// Of the finite values; NaN where there are none.
double median(std::vector<double> values);
/// The same without a copy; reorders and shortens `values`.
double median_of(std::vector<double>& values);

/// The finite values' mean and variance (n - 1 below; NaN with one value).
struct Moments {
  double mean = kNotANumber, variance = kNotANumber;
  size_t count = 0;
};
Moments moments(std::span<const double> values);

std::vector<double> logarithms(std::span<const double> values);

/// Variances of groups that are small but alike: each is drawn towards what all have in common, the
/// more the less they differ beyond chance (Smyth 2004, Linear models and empirical Bayes methods,
/// Statistical Applications in Genetics and Molecular Biology 3:3). degrees[i] is a count of
/// observations minus one; with 0 the variance is the common one. At least one must be above 0.
struct ModeratedVariances {
  std::vector<double> variances;
  double degrees = 0;  // of freedom, behind each of them
};
ModeratedVariances moderated_variances(std::span<const double> variances,
                                       std::span<const double> degrees);

/// The share of Student's distribution below the quantile, and of Fisher's.
double student_quantile(double share, double degrees);
double fisher_quantile(double share, double degrees, double residual_degrees);

/// Half the width of a two-sided 95 % interval in standard errors: Student's t with so many degrees
/// of freedom, which need not be whole. NaN with none.
double student_reach(double degrees);
/// Of the mean that these moments estimate; open with fewer than two values.
Interval interval_of_mean(const Moments& moments);

}  // namespace lengthwise
