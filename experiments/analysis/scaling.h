// How a quantity grows with the length: a fitted slope for what is timed, and an exponent from
// differences for what is counted exactly.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "experiments/analysis/statistics.h"

namespace lengthwise {

struct RawSlope {
  double value = kNotANumber;
  double standard_error = kNotANumber;  // NaN with 2 points, which always lie on a line
  std::vector<int64_t> lengths;         // that were fitted
};

/// Least squares of log y against log T over the upper half of the lengths: of n lengths with a
/// positive, finite value the last ceil(n/2), but at least 3 when there are 3, and at least 2.
/// NaN with fewer. Lower-order terms are in it: a n^2 + b n shows a slope between 1 and 2.
/// lengths rise; values[i] belongs to lengths[i].
RawSlope raw_slope(std::span<const int64_t> lengths, std::span<const double> values);

/// Which lower terms the differences removed before the exponent was read off.
enum class Cancelled { nothing, constant, linear, linear_and_constant };
std::string_view cancelled_name(Cancelled cancelled);

struct PairExponent {
  int64_t shortest = 0, longest = 0;  // of the lengths that it was read from
  double value = kNotANumber;         // NaN where a difference was not positive
};

struct LeadingExponent {
  double value = kNotANumber;  // of the last pair: at the longest lengths
  Cancelled cancelled = Cancelled::nothing;
  bool settled = false;  // a second reading agrees within 0.02
  std::vector<PairExponent> pairs;
};

/// The exponent of the leading term of a quantity that is known exactly (FLOPs, bytes), from
///   d(T) = y(2T) - y(T)     exact for b n + c,
///   e(T) = y(2T) - 2 y(T)   exact for a n^2 + b n,
///   f(T) = e(2T) - e(T)     exact for a n^2 + b n + c,
/// as log2(d(2T)/d(T)) and likewise. The rule, judged at the longest lengths, since a window longer
/// than the sequence or a single tile bends the law at short ones:
/// - d within 1e-6 of y: constant, exponent 0.
/// - d shrinks from one doubling to the next: what y nears has exponent 0, or d's where that is 0.
/// - f at the three longest within 1e-6 of y, or negative (e does not grow): d. A law b n + c has
///   e = -c, which may well be positive: that it does not grow is what says linear.
/// - otherwise f, then e, whichever first exceeds 1.05 and is settled (its last two pairs agree
///   within 0.02), or else the first that exceeds 1.05. f needs four lengths. e serves where a bend
///   at the fourth longest spoils f, f where a constant (parameters, in bytes) spoils e.
/// - otherwise d: at 1.05 and under, f and e have cancelled the very term that leads (n log n).
/// Three lengths on a line are settled too. Taken are the longest lengths with a positive, finite
/// value, as far down as each is twice the one before; NaN with fewer than three.
LeadingExponent leading_exponent(std::span<const int64_t> lengths, std::span<const double> values);

}  // namespace lengthwise
