// Where one curve of cost comes to lie below another, from what was measured and never beyond it.
#pragma once
#include <string>

#include "experiments/analysis/growth_law.h"

namespace lengthwise {

enum class CrossoverStatus {
  crosses,      // `later` is lower from `length` on
  always,       // `later` is lower at every length that both have
  not_reached,  // `earlier` is lower at every length, though the gap closes
  equal,        // exact quantities that agree
  undecided,    // the noise does not tell
  several,      // they cross more than once; `length` is the last
};
std::string_view crossover_name(CrossoverStatus status);

struct Crossover {
  CrossoverStatus status = CrossoverStatus::undecided;
  bool swapped = false;  // the second curve is `later`; the first where not
  double length = kNotANumber;
  Interval interval;         // NaN: open, the end may lie outside what was measured
  int64_t from = 0, to = 0;  // the lengths that both have
};

/// Of two curves; exact: without noise.
Crossover crossover(const Curve& first, const Curve& second, bool exact);

}  // namespace lengthwise
