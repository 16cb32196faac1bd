#include "experiments/analysis/exponent_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace lengthwise {
namespace {

constexpr double kBelow = 0.01, kAbove = 0.05;  // what is left outside the interval
constexpr double kRejects = 0.99;
constexpr size_t kFewestLengths = 3, kUsualLengths = 4, kFewestOfOneProcess = 5, kFewestToStep = 4;
constexpr double kSpentByLaw = 3;  // degrees of freedom
constexpr double kTolerance = 5e-4;

double log_length(const LogPoint& point) { return std::log(static_cast<double>(point.length)); }

/// Weighted least squares of value against log length.
struct Line {
  double slope = 0, standard_error = 0, misfit = 0;
};

Line fit_line(std::span<const LogPoint> points) {
  double weight = 0, x = 0, y = 0;
  for (const LogPoint& point : points) {
    const double w = 1 / (point.standard_error * point.standard_error);
    weight += w, x += w * log_length(point), y += w * point.value;
  }
  x /= weight, y /= weight;
  double xx = 0, xy = 0, yy = 0;
  for (const LogPoint& point : points) {
    const double w = 1 / (point.standard_error * point.standard_error);
    const double dx = log_length(point) - x, dy = point.value - y;
    xx += w * dx * dx, xy += w * dx * dy, yy += w * dy * dy;
  }
  return {xy / xx, 1 / std::sqrt(xx), std::max(0.0, yy - xy * xy / xx)};
}

/// How much the slope of a parabola through the points changes from the first to the last.
struct Bend {
  double value = 0, standard_error = 0;
};

/// By what a line leaves of x^2 and of y (Frisch and Waugh).
Bend fit_bend(std::span<const LogPoint> points) {
  std::vector<LogPoint> squares(points.begin(), points.end());
  for (LogPoint& point : squares) point.value = log_length(point) * log_length(point);
  const Line square = fit_line(squares);
  double sw = 0, mx = 0, ms = 0;
  for (const LogPoint& point : squares) {
    const double w = 1 / (point.standard_error * point.standard_error);
    sw += w, mx += w * log_length(point), ms += w * point.value;
  }
  mx /= sw, ms /= sw;
  double rr = 0, ry = 0;
  for (size_t k = 0; k < points.size(); ++k) {
    const double w = 1 / (points[k].standard_error * points[k].standard_error);
    const double left = squares[k].value - ms - square.slope * (log_length(points[k]) - mx);
    rr += w * left * left, ry += w * left * points[k].value;
  }
  const double span = 2 * (log_length(points.back()) - log_length(points.front()));
  return {span * ry / rr, span / std::sqrt(rr)};
}

/// Points whose errors are known, and what the best law leaves of them.
struct Fitted {
  std::vector<LogPoint> points;
  double degrees = 0;
  PowerSums::Fit best;
  bool uneven = false;
};

std::vector<LogPoint> with_unevenness(std::span<const LogPoint> points, double unevenness) {
  std::vector<LogPoint> result(points.begin(), points.end());
  for (LogPoint& point : result) {
    point.standard_error = std::hypot(point.standard_error, unevenness);
  }
  return result;
}

/// False where no sum of powers explains the points.
bool explain(std::span<const LogPoint> points, double degrees, Fitted& fitted) {
  fitted = {{points.begin(), points.end()}, degrees, PowerSums(points).best(), false};
  const double expected = static_cast<double>(points.size()) - 2;
  if (fitted.best.misfit <= expected * fisher_quantile(kRejects, expected, degrees)) return true;
  const auto misfit = [&](double unevenness) {
    return PowerSums(with_unevenness(points, unevenness)).best().misfit;
  };
  if (misfit(kUneven) > expected) return false;
  double low = 0, high = kUneven;
  while (high - low > kUneven / 100) {
    const double middle = (low + high) / 2;
    (misfit(middle) > expected ? low : high) = middle;
  }
  fitted.points = with_unevenness(points, high);
  fitted.degrees = std::min(degrees, std::max(2.0, expected - 1));
  fitted.best = PowerSums(fitted.points).best();
  fitted.uneven = true;
  return true;
}

/// For want of a law that explains the points: their errors grow until one does.
void stretch_errors(Fitted& fitted) {
  const double expected = static_cast<double>(fitted.points.size()) - 2;
  const double factor = std::sqrt(fitted.best.misfit / expected);
  for (LogPoint& point : fitted.points) point.standard_error *= factor;
  fitted.degrees = std::min(fitted.degrees, 2.0);
  fitted.best = PowerSums(fitted.points).best();
  fitted.uneven = true;
}

/// The exponent in one direction from the best one at which the misfit has grown by square(reach).
double bound(const PowerSums& sums, const PowerSums::Fit& best, double reach, double limit,
             double first_step) {
  const auto excess = [&](double exponent) {
    return std::sqrt(std::max(0.0, sums.misfit_at(exponent) - best.misfit)) - reach;
  };
  const double direction = limit < best.exponent ? -1 : 1;
  double inside = best.exponent, inside_excess = -reach, step = first_step;
  double outside = limit, outside_excess = 0;
  while (true) {
    outside = direction * std::min(direction * (inside + direction * step), direction * limit);
    outside_excess = excess(outside);
    if (outside_excess > 0) break;
    if (outside == limit) return limit;
    inside = outside, inside_excess = outside_excess;
    step *= 2;
  }
  // false position, with the Illinois weight against a side that stays
  int side = 0;
  while (std::abs(outside - inside) > kTolerance) {
    const double share = std::clamp(inside_excess / (inside_excess - outside_excess), 0.02, 0.98);
    const double middle = inside + share * (outside - inside);
    const double found = excess(middle);
    if (std::abs(found) < 0.002 * reach) return middle;
    if (found > 0) {
      outside = middle, outside_excess = found;
      if (side == 1) inside_excess /= 2;
      side = 1;
    } else {
      inside = middle, inside_excess = found;
      if (side == -1) outside_excess /= 2;
      side = -1;
    }
  }
  return outside;
}

Interval strict_bounds(const Fitted& fitted) {
  const PowerSums sums(fitted.points);
  const size_t count = fitted.points.size();
  const LogPoint& last = fitted.points[count - 1];
  const LogPoint& before = fitted.points[count - 2];
  const double step =
      std::max(2 * kTolerance, 4 * last.standard_error / (log_length(last) - log_length(before)));
  return {bound(sums, fitted.best, student_quantile(1 - kBelow, fitted.degrees), 0, step),
          bound(sums, fitted.best, student_quantile(1 - kAbove, fitted.degrees),
                PowerSums::kSteepestPower, step)};
}

double chosen_value(const Fitted& fitted, const Interval& interval) {
  const Line line = fit_line(fitted.points);
  const double gain = line.misfit - fitted.best.misfit;
  const double reach = student_reach(fitted.degrees);
  const double value = gain <= reach * reach ? line.slope : fitted.best.exponent;
  return std::clamp(value, interval.low, interval.high);
}

std::span<const LogPoint> upper_half(std::span<const LogPoint> points) {
  return points.last(std::max(kFewestLengths, (points.size() + 1) / 2));
}

bool is_settled(const Fitted& fitted) {
  const Bend bend = fit_bend(upper_half(fitted.points));
  return std::abs(bend.value) <=
         std::max(kDrift, student_reach(fitted.degrees) * bend.standard_error);
}

/// The step that helps most, if it helps more than noise does anywhere (1 %).
Kink find_step(std::span<const LogPoint> points, double degrees) {
  if (points.size() < kFewestToStep) return {};
  const PowerSums sums(points);
  const double without = sums.best().misfit;
  const double places = static_cast<double>(points.size()) - 1;
  const double reach = student_quantile(1 - (1 - kRejects) / 2 / places, degrees);
  PowerSums::Step best{0, without - reach * reach};
  Kink kink;
  for (size_t k = 1; k < points.size(); ++k) {
    const PowerSums::Step step = sums.step_at(k);
    if (step.misfit >= best.misfit) continue;
    best = step;
    kink = {points[k].length, fmt::format("a step by a factor of {:.2f}", std::exp(step.size))};
  }
  return kink;
}

/// From the longest lengths down: after a step the search goes on above it.
std::vector<Kink> find_kinks(std::span<const LogPoint> points, double degrees) {
  std::vector<Kink> kinks;
  while (true) {
    const Kink kink = find_step(points, degrees);
    if (kink.length == 0) return kinks;
    kinks.push_back(kink);
    while (points.front().length < kink.length) points = points.subspan(1);
  }
}

bool drifts(std::span<const LogPoint> points, std::span<const double> slowness,
            const Interval& interval) {
  if (slowness.size() != points.size() || points.size() < 2) return false;
  const auto [least, most] = std::minmax_element(slowness.begin(), slowness.end());
  if (*most - *least > kDrifts) return true;
  std::vector<LogPoint> machine(points.begin(), points.end());
  for (size_t k = 0; k < points.size(); ++k) machine[k].value = slowness[k];
  const double whole = std::abs(fit_line(machine).slope);
  const double last = std::abs(fit_line(std::span(machine).last(2)).slope);
  const double half_width = (interval.high - interval.low) / 2;
  const double allowed =
      std::isfinite(half_width) ? std::max(kDriftBends, half_width / 2) : kDriftBends;
  return std::max(whole, last) > allowed;
}

/// The slope between two lengths, for want of more.
void fit_two(const LogCurve& curve, Exponent& exponent) {
  exponent.from = curve.points.front().length;
  exponent.method = "slope between two lengths";
  exponent.flags.push_back("few lengths");
  const Line line = fit_line(curve.points);
  exponent.value = line.slope;
  if (curve.degrees == 0) return;
  const double reach = student_reach(curve.degrees) * line.standard_error;
  exponent.interval = {line.slope - reach, line.slope + reach};
}

}  // namespace

bool take_errors_from_residuals(LogCurve& curve) {
  if (curve.points.size() < kFewestOfOneProcess) return false;
  const double left = PowerSums(curve.points).best().misfit;
  curve.degrees = static_cast<double>(curve.points.size()) - kSpentByLaw;
  const double error = std::hypot(std::sqrt(left / curve.degrees), kTrust);
  for (LogPoint& point : curve.points) point.standard_error = error;
  return true;
}

ExponentFit fit_exponent(const LogCurve& curve, std::span<const double> slowness,
                         bool one_process) {
  ExponentFit result;
  Exponent& exponent = result.exponent;
  if (curve.points.empty()) return result;
  exponent.to = curve.points.back().length;
  if (curve.points.size() < 2) return result;
  if (one_process) exponent.flags.push_back("one process");
  if (curve.outliers > 0) exponent.flags.push_back("outliers");
  if (curve.points.size() < kFewestLengths) {
    fit_two(curve, exponent);
    return result;
  }
  exponent.method = "sums of powers with positive terms, strict bounds";
  if (curve.degrees == 0) {
    exponent.method = "power law, least squares";
    exponent.from = curve.points.front().length;
    exponent.value = fit_line(curve.points).slope;
    return result;
  }
  const std::span<const LogPoint> points = curve.points;
  if (!one_process) result.kinks = find_kinks(points, curve.degrees);
  const int64_t last_kink = result.kinks.empty() ? 0 : result.kinks.back().length;
  Fitted fitted;
  size_t first =
      points.size() - std::min(points.size(), std::max(kUsualLengths, (points.size() + 1) / 2));
  while (points[first].length < last_kink && points.size() - first > kFewestLengths) ++first;
  while (!explain(points.subspan(first), curve.degrees, fitted)) {
    if (points.size() - first == kFewestLengths) {
      stretch_errors(fitted);
      break;
    }
    ++first;
  }
  exponent.from = points[first].length;
  exponent.interval = strict_bounds(fitted);
  exponent.value = chosen_value(fitted, exponent.interval);
  exponent.settled = is_settled(fitted);
  if (!exponent.settled) exponent.flags.push_back("not yet asymptotic");
  if (fitted.uneven) exponent.flags.push_back("uneven");
  for (const Kink& kink : result.kinks) {
    exponent.flags.push_back(fmt::format("kink at {}", kink.length));
  }
  if (drifts(points, slowness, exponent.interval)) exponent.flags.push_back("drift");
  return result;
}

}  // namespace lengthwise
