// Does a sample follow a distribution? Pearson's statistic, and where to reject it.
#pragma once
#include <cmath>
#include <vector>

namespace lengthwise {

/// Sum of (found - expected)^2 / expected.
inline double chi_square(const std::vector<double>& found, const std::vector<double>& expected) {
  double sum = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    sum += (found[i] - expected[i]) * (found[i] - expected[i]) / expected[i];
  }
  return sum;
}

/// Against equal shares.
inline double chi_square(const std::vector<double>& found) {
  double total = 0;
  for (const double count : found) total += count;
  return chi_square(found,
                    std::vector<double>(found.size(), total / static_cast<double>(found.size())));
}

/// What a true sample exceeds once in a thousand times (Wilson, Hilferty 1931).
inline double chi_square_limit(size_t degrees_of_freedom) {
  const auto n = static_cast<double>(degrees_of_freedom);
  return n * std::pow(1 - 2 / (9 * n) + 3.0902 * std::sqrt(2 / (9 * n)), 3);
}

}  // namespace lengthwise
