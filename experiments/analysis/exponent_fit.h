// The exponent of a timed quantity at its longest length, with an interval that holds the truth in
// 95 of 100 studies whatever sum of powers the truth is.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "experiments/analysis/log_curve.h"
#include "experiments/analysis/power_sums.h"
#include "experiments/analysis/statistics.h"

namespace lengthwise {

struct Exponent {
  double value = kNotANumber;
  Interval interval;
  int64_t from = 0, to = 0;  // the range that was fitted; `to` is where the exponent holds; or 0
  std::string method;
  bool exact = false;    // FLOPs and bytes: no noise, no interval
  bool settled = false;  // the local slope no longer drifts
  std::vector<std::string> flags;
};

/// A length from which on another law holds.
struct Kink {
  int64_t length = 0;
  std::string note;
};

struct ExponentFit {
  Exponent exponent;
  std::vector<Kink> kinks;
};

/// The estimand is d log y / d log n at the longest length. A slope through all lengths would miss
/// it wherever lower terms still count, and a slope through the last two alone is needlessly loose.
/// Instead every law is admitted that is a sum of powers n^0 to n^3 with positive coefficients, as
/// sums of loops are, and the interval is what of them the measured points allow: all exponents p
/// whose best law of local exponent p misfits by at most t^2 more than the best law of all, t being
/// Student's quantile. These are the one-at-a-time strict bounds of Rust and Burrus (Mathematical
/// Programming and the Numerical Solution of Linear Equations, 1972; Stanley, Patil and Kuusela,
/// J. Instrumentation 17, 2022, P10013), which know no bias from a law that was chosen wrongly.
/// Positive terms can only bend a curve upwards, so the best law errs upwards: 1 % is left below
/// the interval, 5 % above it, of which those laws use far less.
///
/// - The range: the longer half of the lengths, at least 4 of them; beyond the last kink; or, where
///   no sum of powers explains it, as many of the longest as one explains; at least 3. Explained:
///   the misfit is below the 99 % point of Fisher's F, or an unevenness of at most kUneven in every
///   point makes it so (flag "uneven"; the errors grow by it, as with the scale factor of the
///   Particle Data Group, and it counts as known from the misfit's few degrees of freedom).
/// - The value: the power law's where the sums of powers fit no better (95 %), else the best sum's,
///   moved into the interval.
/// - Settled: a parabola through the upper half of the lengths (at least 3) of log y against log n
///   does not change its slope by more than kDrift, or no more than the noise does (95 %).
/// - With one process to a length the spread is that of the points about the best law, with 3
///   degrees of freedom fewer than points; no interval below 5 lengths.
/// - Kinks: where the range begins, if not at the shortest length it could, and where a step in the
///   curve explains it better than none does (Student's t of the best step, at 1 % for all places
///   together). Known ones: a working set outgrows a cache; a product is too small for the fast
///   path; a tile is not full.
/// - Flags: "not yet asymptotic", "kink at N", "uneven", "outliers" (processes left out), "drift"
///   (slowness, -log of the machine's own rate beside, that bends the last octave or the whole by
///   more than half the interval's half width and kDriftBends, or of which two lengths differ by
///   more than kDrifts), "one process", "few processes" (under 5 at some length), "few lengths"
///   (under 3: the slope between two lengths stands for the exponent).
inline constexpr double kUneven = 0.05, kDrift = 0.05, kDriftBends = 0.03, kDrifts = 0.15;
/// One process to a length: errors from the points' spread about the best law, degrees of freedom
/// as said above. False, and nothing changed, where there are too few lengths.
bool take_errors_from_residuals(LogCurve& curve);

/// `one_process`: the errors are from residuals, or not known.
ExponentFit fit_exponent(const LogCurve& curve, std::span<const double> slowness, bool one_process);

}  // namespace lengthwise
