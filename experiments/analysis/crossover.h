// Where one curve of cost comes to lie below another, from what was measured and never beyond it.
#pragma once
#include <cstdint>
#include <string_view>

#include "experiments/analysis/growth_law.h"

namespace lengthwise {

enum class CrossoverStatus {
  crosses,      // `later` is lower from `length` on
  always,       // `later` is lower at every length that both have
  not_reached,  // `earlier` is lower at every length, though the gap closes
  equal,        // exact quantities that agree
  undecided,    // the noise does not tell everywhere; `told_from` may say from where on it does
  several,      // they cross more than once; `length` is the last
};
std::string_view crossover_name(CrossoverStatus status);

struct Crossover {
  CrossoverStatus status = CrossoverStatus::undecided;
  bool swapped = false;  // the second curve is `later`; the first where not
  double length = kNotANumber;
  Interval interval;         // NaN: open, the end may lie outside what was measured
  int64_t from = 0, to = 0;  // the lengths that both have
  bool touches = false;      // always: equal at some length
  int64_t told_from = 0;     // undecided: `later` is lower from here on, if this is above 0
};

/// Of the same quantity of two groups, at the lengths that both have.
///
/// Which is lower at a length: the difference of the logarithms beyond Student's t of its error, at
/// 99 % for all lengths together (Bonferroni). Where the same seeds ran of both, the difference is
/// taken seed by seed (log_ratio_curve()); else its error is that of both curves, with Welch's
/// degrees of freedom. They cross where
/// the last length at which one is lower is followed by a length at which the other is; a change of
/// sign that the noise may have made is none, and where one end is not told the status is
/// `undecided` and the interval open there.
///
/// Between measured lengths each curve runs as its best sum of powers bends, moved onto the
/// measured points. The interval holds every length at which the difference is within Student's t
/// at 97 % of 0, as Fieller's does for a ratio (J. R. Statist. Soc. B 16, 1954); as the bend is
/// fitted too, such intervals hold the truth in 95 of 100 studies. Exact quantities have no noise:
/// there the interval spans what that bend and a straight line in logarithms give.
///
/// always or not_reached: a gap that is smaller at the longest length than at the shortest, beyond
/// noise, closes. Undecided without an interval where errors are not known.
Crossover crossover(const GrowthLaw& first, const GrowthLaw& second);

}  // namespace lengthwise
