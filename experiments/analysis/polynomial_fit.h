// A polynomial through a curve of cost.
#pragma once
#include <span>

#include "experiments/analysis/power_sums.h"
#include "experiments/analysis/statistics.h"

namespace lengthwise {

/// constant + linear n + quadratic n^2, none negative; NaN where not fitted.
struct Polynomial {
  double constant = kNotANumber, linear = kNotANumber, quadratic = kNotANumber;
  double worst_relative_error = kNotANumber;  // over the points
};

/// Least squares of the relative errors; of at least three points, as fewer are always met.
Polynomial fit_polynomial(std::span<const LogPoint> points);

}  // namespace lengthwise
