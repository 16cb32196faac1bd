// How one quantity of one variant grows with the length: what was measured at each length, and what
// is said of it.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "experiments/analysis/scaling.h"
#include "experiments/analysis/statistics.h"

namespace lengthwise {

using NumberByLength = std::map<int64_t, double>;  // finite numbers only

/// One length. A process is one run, in a process of the operating system of its own; the processes
/// of a cell differ in seed alone.
struct Cell {
  std::vector<double> processes;    // each its median over repeats; positive and finite
  std::vector<double> probe_rates;  // of those: how fast the machine was, NaN where not known
  int64_t repeats = 0;              // of the process that has the fewest
  double median = kNotANumber;      // over processes
  Interval interval;                // of the median; NaN with one process
};
using Curve = std::map<int64_t, Cell>;

/// log(y(to) / y(from)) / log(to / from).
struct LocalSlope {
  int64_t from = 0, to = 0;
  double value = kNotANumber;
  Interval interval;
};

struct Exponent {
  double value = kNotANumber;
  Interval interval;
  int64_t from = 0, to = 0;  // the range that was fitted; `to` is where the exponent holds
  std::string method;
  bool exact = false;    // FLOPs and bytes: no noise, no interval
  bool settled = false;  // the local slope no longer drifts
  std::vector<std::string> flags;
};

/// constant + linear n + quadratic n^2, none negative; NaN where not fitted.
struct Polynomial {
  double constant = kNotANumber, linear = kNotANumber, quadratic = kNotANumber;
  double worst_relative_error = kNotANumber;
};

/// A length from which on another law holds.
struct Kink {
  int64_t length = 0;
  std::string note;
};

struct GrowthLaw {
  NumberByLength values;  // medians
  Curve curve;
  std::vector<LocalSlope> local_slopes;
  Exponent exponent;
  LeadingExponent leading;  // of FLOPs and bytes only: seconds are not exact
  Polynomial polynomial;
  std::vector<Kink> kinks;
};

/// Of cells that have at least one process; their medians and intervals are filled in here.
GrowthLaw growth_law(Curve curve, bool exact);

}  // namespace lengthwise
