#include "experiments/analysis/crossover.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace lengthwise {
namespace {

constexpr double kFamilyError = 0.01;
// A little more than 95 %: the bend between lengths is fitted too.
constexpr double kHeld = 0.97;
constexpr double kEqual = 1e-9;
constexpr int kStepsBetween = 48;

/// log(first / second) at one length.
struct Gap {
  int64_t length = 0;
  double log_length = 0;
  double value = 0, standard_error = 0;
  double shape = 0;  // of the fits
  int sign = 0;      // 0: the noise does not tell
};

/// The gap at every length, and between two neighbours.
class GapCurve {
 public:
  GapCurve(const GrowthLaw& first, const GrowthLaw& second)
      : first_(first.shape), second_(second.shape), exact_(first.exponent.exact) {
    if (!exact_) add_paired(log_ratio_curve(first.curve, second.curve));
    if (gaps_.empty()) add_apart(first.logs, second.logs);
    const double share =
        gaps_.empty() ? 1 : 1 - kFamilyError / 2 / static_cast<double>(gaps_.size());
    for (Gap& gap : gaps_) {
      const double reach = exact_ ? kEqual : student_quantile(share, degrees_) * gap.standard_error;
      gap.sign = gap.value > reach ? 1 : gap.value < -reach ? -1 : 0;
    }
  }

  const std::vector<Gap>& gaps() const { return gaps_; }
  bool exact() const { return exact_; }
  double reach() const { return exact_ ? 0 : student_quantile((1 + kHeld) / 2, degrees_); }

  /// Between gaps i and i + 1, at a share of the way in logarithms.
  double log_length(size_t i, double share) const {
    return gaps_[i].log_length + share * (gaps_[i + 1].log_length - gaps_[i].log_length);
  }

  double straight(size_t i, double share) const {
    return gaps_[i].value + share * (gaps_[i + 1].value - gaps_[i].value);
  }

  double bent(size_t i, double share) const {
    const Gap &a = gaps_[i], &b = gaps_[i + 1];
    return straight(i, share) + shape(log_length(i, share)) - a.shape - share * (b.shape - a.shape);
  }

  double standard_error(size_t i, double share) const {
    return std::hypot((1 - share) * gaps_[i].standard_error, share * gaps_[i + 1].standard_error);
  }

 private:
  double shape(double log_length) const {
    return log_value(first_, log_length) - log_value(second_, log_length);
  }

  void add(int64_t length, double value, double standard_error) {
    const double log_length = std::log(static_cast<double>(length));
    gaps_.push_back({length, log_length, value, standard_error, shape(log_length), 0});
  }

  void add_paired(const LogCurve& ratios) {
    if (ratios.degrees == 0) return;
    for (const LogPoint& point : ratios.points) {
      add(point.length, point.value, point.standard_error);
    }
    degrees_ = ratios.degrees;
  }

  void add_apart(const LogCurve& first, const LogCurve& second) {
    auto other = second.points.begin();
    for (const LogPoint& a : first.points) {
      while (other != second.points.end() && other->length < a.length) ++other;
      if (other == second.points.end()) break;
      const LogPoint& b = *other;
      if (b.length != a.length) continue;
      const double va = a.standard_error * a.standard_error,
                   vb = b.standard_error * b.standard_error;
      add(a.length, a.value - b.value, exact_ ? 0 : std::sqrt(va + vb));
      if (exact_) continue;
      const double welch =
          (va + vb) * (va + vb) / (va * va / first.degrees + vb * vb / second.degrees);
      degrees_ = std::min(degrees_, welch);
    }
  }

  std::span<const PowerTerm> first_, second_;
  bool exact_;
  std::vector<Gap> gaps_;
  double degrees_ = 1e6;
};

/// Where a function of the way between gaps `from` and `to` changes its sign, as log lengths.
template <class Function>
std::vector<double> sign_changes(const GapCurve& curve, size_t from, size_t to,
                                 const Function& value) {
  std::vector<double> changes;
  for (size_t i = from; i < to; ++i) {
    for (int step = 0; step < kStepsBetween; ++step) {
      double low = static_cast<double>(step) / kStepsBetween,
             high = static_cast<double>(step + 1) / kStepsBetween;
      const bool above = value(i, low) > 0;
      if (above == (value(i, high) > 0)) continue;
      for (int halving = 0; halving < 30; ++halving) {
        const double middle = (low + high) / 2;
        ((value(i, middle) > 0) == above ? low : high) = middle;
      }
      changes.push_back(curve.log_length(i, (low + high) / 2));
    }
  }
  return changes;
}

/// What cannot be excluded as a crossing between gaps `from` and `to`. An end at which the gap is
/// not told is open.
Interval not_excluded(const GapCurve& curve, size_t from, size_t to) {
  const std::vector<double> ends = sign_changes(curve, from, to, [&](size_t i, double share) {
    return std::abs(curve.bent(i, share)) - curve.reach() * curve.standard_error(i, share);
  });
  Interval interval;
  if (ends.empty()) return interval;
  if (curve.gaps()[from].sign != 0) interval.low = std::exp(ends.front());
  if (curve.gaps()[to].sign != 0) interval.high = std::exp(ends.back());
  return interval;
}

void place_crossing(const GapCurve& curve, size_t from, size_t to, Crossover& result) {
  const auto bent = [&](size_t i, double share) { return curve.bent(i, share); };
  const auto straight = [&](size_t i, double share) { return curve.straight(i, share); };
  const std::vector<double> zeros = sign_changes(curve, from, to, bent);
  if (zeros.empty()) {
    // equal at a measured length, which no segment has inside it
    const auto nearest = std::min_element(
        curve.gaps().begin() + static_cast<int64_t>(from),
        curve.gaps().begin() + static_cast<int64_t>(to) + 1,
        [](const auto& a, const auto& b) { return std::abs(a.value) < std::abs(b.value); });
    result.length = static_cast<double>(nearest->length);
    result.interval = {result.length, result.length};
    return;
  }
  result.length = std::exp(zeros.at(zeros.size() / 2));
  if (!curve.exact()) {
    result.interval = not_excluded(curve, from, to);
    return;
  }
  std::vector<double> all = sign_changes(curve, from, to, straight);
  all.insert(all.end(), zeros.begin(), zeros.end());
  const auto [least, most] = std::minmax_element(all.begin(), all.end());
  result.interval = {std::exp(*least), std::exp(*most)};
}

/// One is lower throughout, as far as is told.
void judge_without_crossing(const GapCurve& curve, Crossover& result) {
  const std::vector<Gap>& gaps = curve.gaps();
  const auto told = [](const Gap& gap) { return gap.sign != 0; };
  const auto first = std::find_if(gaps.begin(), gaps.end(), told);
  if (first == gaps.end()) {
    if (curve.exact()) result.status = CrossoverStatus::equal;
    return;
  }
  const int sign = first->sign;
  result.touches = !std::all_of(gaps.begin(), gaps.end(), told);
  const bool one_sided = std::all_of(gaps.begin(), gaps.end(), [&](const Gap& gap) {
    return gap.value * static_cast<double>(sign) > 0;
  });
  const bool told_at_ends = told(gaps.front()) && told(gaps.back());
  if (!curve.exact() && result.touches && !(one_sided && told_at_ends)) {
    // after the last told length, or before the first; `later` is who may be lower beyond
    const auto last = std::find_if(gaps.rbegin(), gaps.rend(), told).base() - 1;
    const size_t from = static_cast<size_t>(last - gaps.begin());
    if (from + 1 < gaps.size()) {
      result.swapped = sign < 0;
      if (first == gaps.begin()) result.interval = not_excluded(curve, from, gaps.size() - 1);
    } else {
      result.swapped = sign > 0;
      const auto lower = std::find_if_not(gaps.rbegin(), gaps.rend(), told).base();
      result.told_from = lower->length;
      if (first != gaps.begin()) {
        result.interval = not_excluded(curve, 0, static_cast<size_t>(first - gaps.begin()));
      }
    }
    return;
  }
  const Gap &a = gaps.front(), &b = gaps.back();
  const double noise = curve.reach() * std::hypot(a.standard_error, b.standard_error);
  const bool closing = std::abs(a.value) - std::abs(b.value) > std::max(noise, kEqual);
  result.status = closing ? CrossoverStatus::not_reached : CrossoverStatus::always;
  result.swapped = (sign > 0) != closing;
}

}  // namespace

std::string_view crossover_name(CrossoverStatus status) {
  switch (status) {
    case CrossoverStatus::crosses:
      return "crosses";
    case CrossoverStatus::always:
      return "always";
    case CrossoverStatus::not_reached:
      return "not_reached";
    case CrossoverStatus::equal:
      return "equal";
    case CrossoverStatus::undecided:
      return "undecided";
    case CrossoverStatus::several:
      return "several";
  }
  return "";
}

Crossover crossover(const GrowthLaw& first, const GrowthLaw& second) {
  Crossover result;
  const bool exact = first.exponent.exact;
  const GapCurve curve(first, second);
  const std::vector<Gap>& gaps = curve.gaps();
  if (gaps.empty()) return result;
  result.from = gaps.front().length, result.to = gaps.back().length;
  if (!exact && (first.logs.degrees == 0 || second.logs.degrees == 0)) return result;
  size_t changes = 0, before = 0, after = 0;
  std::optional<size_t> told;
  for (size_t i = 0; i < gaps.size(); ++i) {
    if (gaps[i].sign == 0) continue;
    if (told && gaps[*told].sign != gaps[i].sign) ++changes, before = *told, after = i;
    told = i;
  }
  if (changes == 0) {
    judge_without_crossing(curve, result);
    return result;
  }
  result.status = changes == 1 ? CrossoverStatus::crosses : CrossoverStatus::several;
  result.swapped = gaps[after].sign > 0;
  place_crossing(curve, before, after, result);
  return result;
}

}  // namespace lengthwise
