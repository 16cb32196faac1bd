// Least squares under the condition that no coefficient is negative.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

namespace lengthwise {

/// The x >= 0 that makes |A x - b| least, by the active set method of Lawson and Hanson (Solving
/// Least Squares Problems, 1974, chapter 23). `columns` is A, column after column, each as long as
/// `b`. Columns that are nearly combinations of others are left at 0.
std::vector<double> nonnegative_least_squares(std::span<const double> columns,
                                              std::span<const double> b);

}  // namespace lengthwise
