#include "experiments/analysis/power_sums.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "experiments/analysis/nonnegative_least_squares.h"

namespace lengthwise {
namespace {

constexpr size_t kPowers =
    static_cast<size_t>(PowerSums::kSteepestPower / PowerSums::kPowerStep) + 1;
static_assert((kPowers - 1) * PowerSums::kPowerStep > PowerSums::kSteepestPower - 1e-9);
// How much more a given exponent weighs than the sharpest point: it holds far within the noise.
constexpr double kEmphasis = 1e2;

double power_at(size_t index) { return static_cast<double>(index) * PowerSums::kPowerStep; }

/// Weights of the terms' shares at a length; sums to 1 after division by the sum.
template <class Add>
void over_terms(std::span<const PowerTerm> terms, double log_length, double largest,
                const Add& add) {
  for (const PowerTerm& term : terms) {
    add(term, std::exp(term.log_coefficient + term.power * log_length - largest));
  }
}

double largest_term(std::span<const PowerTerm> terms, double log_length) {
  check(!terms.empty(), "a sum of powers has terms");
  double largest = terms.front().log_coefficient + terms.front().power * log_length;
  for (const PowerTerm& term : terms) {
    largest = std::max(largest, term.log_coefficient + term.power * log_length);
  }
  return largest;
}

}  // namespace

double log_value(std::span<const PowerTerm> terms, double log_length) {
  const double largest = largest_term(terms, log_length);
  double sum = 0;
  over_terms(terms, log_length, largest, [&](const PowerTerm&, double share) { sum += share; });
  return largest + std::log(sum);
}

double local_exponent(std::span<const PowerTerm> terms, double log_length) {
  double sum = 0, weighted = 0;
  over_terms(terms, log_length, largest_term(terms, log_length),
             [&](const PowerTerm& term, double share) {
               sum += share;
               weighted += term.power * share;
             });
  return weighted / sum;
}

PowerSums::PowerSums(std::span<const LogPoint> points) : points_(points.begin(), points.end()) {
  check(!points_.empty(), "a fit needs points");
  const size_t count = points_.size();
  columns_.resize(kPowers * count);
  const LogPoint& last = points_.back();
  for (size_t k = 0; k < count; ++k) {
    const LogPoint& point = points_[k];
    check(point.standard_error > 0, "a point has an error");
    check(k == 0 || points_[k - 1].length < point.length, "lengths rise");
    const double log_ratio =
        std::log(static_cast<double>(point.length) / static_cast<double>(last.length));
    // in units of the longest length's value there, each column of n^p is 1
    const double scale = std::exp(last.value - point.value) / point.standard_error;
    for (size_t j = 0; j < kPowers; ++j) {
      columns_[j * count + k] = scale * std::exp(power_at(j) * log_ratio);
    }
    sharpest_ = std::max(sharpest_, 1 / point.standard_error);
  }
}

// Relative errors stand for logarithms while the coefficients are found; misfits are in logarithms.
std::vector<double> PowerSums::solve(std::span<const double> exponent_row,
                                     std::span<const double> further_columns) const {
  const size_t count = points_.size(), rows = count + (exponent_row.empty() ? 0 : 1);
  std::vector<double> columns(kPowers * rows), right(rows, 0.0);
  for (size_t k = 0; k < count; ++k) right[k] = 1 / points_[k].standard_error;
  for (size_t j = 0; j < kPowers; ++j) {
    std::copy_n(columns_.begin() + static_cast<std::ptrdiff_t>(j * count), count,
                columns.begin() + static_cast<std::ptrdiff_t>(j * rows));
    if (!exponent_row.empty()) columns[j * rows + count] = exponent_row[j];
  }
  columns.insert(columns.end(), further_columns.begin(), further_columns.end());
  return nonnegative_least_squares(columns, right);
}

PowerSums::Fit PowerSums::fit(std::span<const double> shares) const {
  const LogPoint& last = points_.back();
  const double log_last = std::log(static_cast<double>(last.length));
  Fit fit;
  for (size_t j = 0; j < kPowers; ++j) {
    if (shares[j] <= 0) continue;
    fit.terms.push_back({power_at(j), std::log(shares[j]) + last.value - power_at(j) * log_last});
  }
  if (fit.terms.empty()) return fit;
  fit.exponent = local_exponent(fit.terms, log_last);
  fit.misfit = misfit(fit.terms, points_.size(), 0);
  return fit;
}

double PowerSums::misfit(std::span<const PowerTerm> terms, size_t first, double step) const {
  double sum = 0;
  for (size_t k = 0; k < points_.size(); ++k) {
    const LogPoint& point = points_[k];
    const double found =
        log_value(terms, std::log(static_cast<double>(point.length))) + (k < first ? 0 : step);
    const double left = (found - point.value) / point.standard_error;
    sum += left * left;
  }
  return sum;
}

PowerSums::Fit PowerSums::best() const {
  Fit found = fit(solve({}, {}));
  check(!found.terms.empty(), "positive points have a positive fit");
  return found;
}

double PowerSums::misfit_at(double exponent) const {
  // sum of c_p n^p (p - exponent) = 0 at the longest length
  std::vector<double> row(kPowers);
  for (size_t j = 0; j < kPowers; ++j) {
    row[j] = kEmphasis * sharpest_ * (power_at(j) - exponent);
  }
  const Fit found = fit(solve(row, {}));
  check(!found.terms.empty(), "positive points have a positive fit");
  return found.misfit;
}

PowerSums::Step PowerSums::step_at(size_t first) const {
  const size_t count = points_.size();
  std::vector<double> columns(2 * count, 0.0);  // up and down, as neither may be negative
  for (size_t k = first; k < count; ++k) {
    columns[k] = 1 / points_[k].standard_error;
    columns[count + k] = -columns[k];
  }
  const std::vector<double> shares = solve({}, columns);
  const double share = shares[kPowers] - shares[kPowers + 1];
  const Fit found = fit(shares);
  if (found.terms.empty() || share >= 1) return {0, best().misfit};
  const double size = -std::log1p(-share);
  return {size, misfit(found.terms, first, size)};
}

}  // namespace lengthwise
