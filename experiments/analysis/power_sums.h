// Laws that are sums of powers of the length with positive coefficients, of which a + b n + c n^2
// and n^p are two: what they leave of measured points, and how steep they may be at the end.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace lengthwise {

/// The logarithm of a value at one length, and how well it is known.
struct LogPoint {
  int64_t length = 0;
  double value = 0;           // natural logarithm
  double standard_error = 0;  // above 0
};

struct PowerTerm {
  double power = 0;
  double log_coefficient = 0;
};

/// sum of exp(log_coefficient) n^power, none empty, as a logarithm; and its local exponent
/// d log f / d log n.
double log_value(std::span<const PowerTerm> terms, double log_length);
double local_exponent(std::span<const PowerTerm> terms, double log_length);

/// Fits to given points, at least one, lengths rising. Powers lie between 0 and kSteepestPower, in
/// steps of kPowerStep: cost never falls with the length, and a bit of a cubic allows for caches
/// that fill. A power between two steps is met by a mixture of both to far within 0.2 %. A misfit
/// is the sum of ((log fit - value) / standard_error)^2.
class PowerSums {
 public:
  static constexpr double kSteepestPower = 3, kPowerStep = 0.05;

  explicit PowerSums(std::span<const LogPoint> points);

  struct Fit {
    std::vector<PowerTerm> terms;
    double misfit = 0;
    double exponent = 0;  // local, at the longest length
  };
  /// The least misfit of all.
  Fit best() const;
  /// The least misfit of those whose local exponent at the longest length is this.
  double misfit_at(double exponent) const;

  /// Every value from point `first` on is exp(step) times a sum of powers, those before are as they
  /// are: the step that leaves the least misfit.
  struct Step {
    double size = 0;
    double misfit = 0;
  };
  Step step_at(size_t first) const;

 private:
  /// Shares of the powers in the longest length's value, and behind them the coefficients of
  /// further columns. The row is one more equation for the powers, with 0 on the right, or empty.
  std::vector<double> solve(std::span<const double> exponent_row,
                            std::span<const double> further_columns) const;
  Fit fit(std::span<const double> shares) const;
  double misfit(std::span<const PowerTerm> terms, size_t first, double step) const;

  std::vector<LogPoint> points_;
  std::vector<double> columns_;  // [power, point], for relative errors in standard errors
  double sharpest_ = 0;          // the largest weight
};

}  // namespace lengthwise
