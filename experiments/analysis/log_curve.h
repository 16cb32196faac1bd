// What the processes say of a curve: a logarithm and its standard error at each length.
#pragma once
#include <cstdint>
#include <map>
#include <vector>

#include "experiments/analysis/power_sums.h"
#include "experiments/analysis/statistics.h"

namespace lengthwise {

/// One length. A process is one run, in a process of the operating system of its own; the processes
/// of a cell differ in seed alone.
struct Cell {
  std::vector<double> processes;    // each its median over repeats; positive and finite
  std::vector<double> probe_rates;  // of those: how fast the machine was, NaN where not known
  std::vector<int64_t> seeds;       // of those; none where not known
  int64_t repeats = 0;              // of the process that has the fewest
  double median = kNotANumber;      // over processes
  Interval interval;                // of the median; NaN with one process
};
using Curve = std::map<int64_t, Cell>;

struct LogCurve {
  std::vector<LogPoint> points;
  double degrees = 0;   // of freedom behind the standard errors; 0: not known, all are 1
  size_t outliers = 0;  // processes left out
};

/// The mean of the processes' logarithms at each length. Repeats inside one process share its luck,
/// so the spread between processes alone is the error: moderated_variances() of the lengths, and no
/// mean is trusted beyond kTrust. Left out are processes that lie further than kOutlying robust
/// standard deviations from their length's median, at lengths with four processes or more; the
/// deviation is that of all lengths or of their own, whichever is larger.
inline constexpr double kTrust = 0.002, kOutlying = 4;
LogCurve log_curve(const Curve& curve);

/// Of the ratios first / second, process by process, where at every length that both have the same
/// seeds ran; no points where not. Variants take turns within a seed, so that a slow hour of the
/// machine is in both and leaves the ratio alone.
LogCurve log_ratio_curve(const Curve& first, const Curve& second);

/// How the machine's own speed would bend the curve: -log of the mean probe rate at each length, in
/// the curve's order; empty where a rate is not known.
std::vector<double> log_slowness(const Curve& curve);

}  // namespace lengthwise
