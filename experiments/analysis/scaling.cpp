#include "experiments/analysis/scaling.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/check.h"

namespace lengthwise {
namespace {

constexpr double kNegligible = 1e-6;
constexpr double kAgreement = 0.02;
constexpr double kAboveLinear = 1.05;
constexpr double kVanishes = 1e-3;

struct Points {
  std::vector<int64_t> lengths;
  std::vector<double> values;
};

Points usable_points(std::span<const int64_t> lengths, std::span<const double> values) {
  check_equal(values.size(), lengths.size(), "one value for each length");
  Points points;
  for (size_t i = 0; i < lengths.size(); ++i) {
    check(i == 0 || lengths[i - 1] < lengths[i], "lengths rise");
    if (!std::isfinite(values[i]) || values[i] <= 0 || lengths[i] <= 0) continue;
    points.lengths.push_back(lengths[i]);
    points.values.push_back(values[i]);
  }
  return points;
}

/// The longest lengths, as far down as each is twice the one before.
Points doublings(Points points) {
  size_t first = points.lengths.empty() ? 0 : points.lengths.size() - 1;
  while (first > 0 && points.lengths[first] == 2 * points.lengths[first - 1]) --first;
  points.lengths.erase(points.lengths.begin(),
                       points.lengths.begin() + static_cast<int64_t>(first));
  points.values.erase(points.values.begin(), points.values.begin() + static_cast<int64_t>(first));
  return points;
}

/// y(2T) - factor y(T); one fewer than y.
std::vector<double> differences(const std::vector<double>& y, double factor) {
  std::vector<double> result;
  for (size_t i = 0; i + 1 < y.size(); ++i) result.push_back(y[i + 1] - factor * y[i]);
  return result;
}

LeadingExponent exponents(const std::vector<int64_t>& lengths,
                          const std::vector<double>& differenced, Cancelled cancelled) {
  LeadingExponent result;
  result.cancelled = cancelled;
  const size_t reach = lengths.size() - differenced.size() + 1;
  for (size_t i = 0; i + 1 < differenced.size(); ++i) {
    PairExponent pair{lengths[i], lengths[i + reach]};
    if (differenced[i] > 0 && differenced[i + 1] > 0) {
      pair.value = std::log2(differenced[i + 1] / differenced[i]);
    }
    result.pairs.push_back(pair);
  }
  if (!result.pairs.empty()) result.value = result.pairs.back().value;
  if (result.pairs.size() >= 2) {
    result.settled =
        std::abs(result.value - result.pairs[result.pairs.size() - 2].value) <= kAgreement;
  }
  return result;
}

// Where differences shrink by a factor at every doubling, what is neared is their geometric sum: a
// constant, exponent 0, or nothing, and then the quantity falls as its differences do.
std::optional<double> exponent_of_what_is_neared(const std::vector<double>& values,
                                                 const std::vector<double>& differences) {
  if (differences.size() < 2) return std::nullopt;
  const double factor = differences.back() / differences[differences.size() - 2];
  if (!(factor > 0 && factor < 1)) return std::nullopt;
  const double limit = values.back() + differences.back() * factor / (1 - factor);
  return std::abs(limit) <= kVanishes * values.back() ? std::log2(factor) : 0;
}

}  // namespace

RawSlope raw_slope(std::span<const int64_t> lengths, std::span<const double> values) {
  const Points points = usable_points(lengths, values);
  const size_t usable = points.lengths.size();
  RawSlope result;
  if (usable < 2) return result;
  const size_t fitted = std::max((usable + 1) / 2, std::min<size_t>(usable, 3));
  std::vector<double> x, y;
  for (size_t i = usable - fitted; i < usable; ++i) {
    result.lengths.push_back(points.lengths[i]);
    x.push_back(std::log(static_cast<double>(points.lengths[i])));
    y.push_back(std::log(points.values[i]));
  }
  const double count = static_cast<double>(fitted);
  const double mean_x = std::accumulate(x.begin(), x.end(), 0.0) / count;
  const double mean_y = std::accumulate(y.begin(), y.end(), 0.0) / count;
  double xx = 0, xy = 0;
  for (size_t i = 0; i < fitted; ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  result.value = xy / xx;
  if (fitted == 2) return result;
  double squares = 0;
  for (size_t i = 0; i < fitted; ++i) {
    const double residual = y[i] - mean_y - result.value * (x[i] - mean_x);
    squares += residual * residual;
  }
  result.standard_error = std::sqrt(squares / (count - 2) / xx);
  return result;
}

std::string_view cancelled_name(Cancelled cancelled) {
  switch (cancelled) {
    case Cancelled::nothing:
      return "nothing";
    case Cancelled::constant:
      return "constant";
    case Cancelled::linear:
      return "linear";
    case Cancelled::linear_and_constant:
      return "linear and constant";
  }
  return "";
}

LeadingExponent leading_exponent(std::span<const int64_t> lengths, std::span<const double> values) {
  const Points points = doublings(usable_points(lengths, values));
  if (points.lengths.size() < 3) return {};
  const std::vector<double> d = differences(points.values, 1);
  const std::vector<double> e = differences(points.values, 2);
  const std::vector<double> f = differences(e, 1);
  const double negligible = kNegligible * points.values.back();

  LeadingExponent linear = exponents(points.lengths, d, Cancelled::constant);
  const auto is_negligible = [&](double difference) { return std::abs(difference) <= negligible; };
  if (std::all_of(d.end() - 2, d.end(), is_negligible)) {
    linear.value = 0;
    linear.settled = true;
    return linear;
  }
  if (const auto neared = exponent_of_what_is_neared(points.values, d)) {
    const auto before = exponent_of_what_is_neared({points.values.begin(), points.values.end() - 1},
                                                   {d.begin(), d.end() - 1});
    linear.value = *neared;
    linear.settled = before && std::abs(*before - *neared) <= kAgreement;
    return linear;
  }
  linear.settled = linear.settled || is_negligible(f.back());
  if (f.back() <= negligible) return linear;

  const LeadingExponent candidates[] = {
      exponents(points.lengths, f, Cancelled::linear_and_constant),
      exponents(points.lengths, e, Cancelled::linear)};
  for (const bool must_be_settled : {true, false}) {
    for (const LeadingExponent& candidate : candidates) {
      if (candidate.value > kAboveLinear && (candidate.settled || !must_be_settled)) {
        return candidate;
      }
    }
  }
  return linear;
}

}  // namespace lengthwise
