// How one quantity of one variant grows with the length: what was measured at each length, and what
// is said of it.
#pragma once
#include <boost/container/flat_map.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "experiments/analysis/exponent_fit.h"
#include "experiments/analysis/log_curve.h"
#include "experiments/analysis/polynomial_fit.h"
#include "experiments/analysis/scaling.h"

namespace lengthwise {

/// Finite numbers only. Rows have many, each with a few lengths: flat, since a tree is larger.
using NumberByLength = boost::container::flat_map<int64_t, double>;

/// log(y(to) / y(from)) / log(to / from).
struct LocalSlope {
  int64_t from = 0, to = 0;
  double value = kNotANumber;
  Interval interval;
};

struct GrowthLaw {
  NumberByLength values;  // medians
  Curve curve;
  LogCurve logs;                 // means of logarithms; of FLOPs and bytes without errors
  std::vector<PowerTerm> shape;  // the best sum of powers through all of them
  std::vector<LocalSlope> local_slopes;
  Exponent exponent;
  LeadingExponent leading;  // of FLOPs and bytes only: seconds are not exact
  Polynomial polynomial;
  std::vector<Kink> kinks;
};

/// Seconds are fitted (exponent_fit.h), what is exact is read from differences (scaling.h). Of
/// cells that have at least one process; their medians and intervals are filled in here.
GrowthLaw growth_law(Curve curve, bool exact);

}  // namespace lengthwise
