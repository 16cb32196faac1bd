#include "base/difference.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace lengthwise {

Difference difference_of(std::span<const double> found, std::span<const double> expected) {
  check_equal(found.size(), expected.size(), "numbers compared");
  Difference d;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(found[i] - expected[i]);
    d.worst = std::isfinite(error) ? std::max(d.worst, error) : HUGE_VAL;
    d.largest = std::max(d.largest, std::abs(expected[i]));
  }
  return d;
}

double relative_error(std::span<const double> found, std::span<const double> expected) {
  if (found.size() != expected.size()) return HUGE_VAL;
  const Difference d = difference_of(found, expected);
  return d.largest > 0 ? d.worst / d.largest : d.worst;
}

}  // namespace lengthwise
