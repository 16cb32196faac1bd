// How far numbers are from what they should be.
#pragma once
#include <span>

namespace lengthwise {

struct Difference {
  double worst = 0, largest = 0;  // max |found - expected|, infinite where one is not finite;
                                  // max |expected|
};
/// Of as many numbers on both sides.
Difference difference_of(std::span<const double> found, std::span<const double> expected);

/// max |found - expected| / max |expected|, not relative to nothing; infinite where one is not
/// finite or there are not as many.
double relative_error(std::span<const double> found, std::span<const double> expected);

}  // namespace lengthwise
