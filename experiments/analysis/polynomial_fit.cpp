#include "experiments/analysis/polynomial_fit.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "experiments/analysis/nonnegative_least_squares.h"

namespace lengthwise {

Polynomial fit_polynomial(std::span<const LogPoint> points) {
  if (points.size() < 3) return {};
  const size_t count = points.size();
  const double longest = static_cast<double>(points.back().length);
  const double largest = points.back().value;
  std::vector<double> columns(3 * count);
  const std::vector<double> ones(count, 1.0);
  for (size_t k = 0; k < count; ++k) {
    double term = std::exp(largest - points[k].value);
    for (size_t power = 0; power < 3; ++power) {
      columns[power * count + k] = term;
      term *= static_cast<double>(points[k].length) / longest;
    }
  }
  const std::vector<double> found = nonnegative_least_squares(columns, ones);
  const double scale = std::exp(largest);
  Polynomial result{found[0] * scale, found[1] * scale / longest,
                    found[2] * scale / (longest * longest), 0};
  for (size_t k = 0; k < count; ++k) {
    double sum = 0;
    for (size_t power = 0; power < 3; ++power) sum += found[power] * columns[power * count + k];
    result.worst_relative_error = std::max(result.worst_relative_error, std::abs(sum - 1));
  }
  return result;
}

}  // namespace lengthwise
