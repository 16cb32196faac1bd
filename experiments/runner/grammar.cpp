#include "experiments/runner/grammar.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/config_keys.h"

namespace lengthwise {
namespace {

using Kind = OptionDescription::Kind;

constexpr IntegerRange kAnyInteger{std::numeric_limits<int64_t>::min(),
                                   std::numeric_limits<int64_t>::max()};
constexpr NumberRange kAnyNumber{-std::numeric_limits<double>::max(),
                                 std::numeric_limits<double>::max()};

struct Range {
  std::string_view text, first, last, step;
};

[[noreturn]] void wrong_range(std::string_view key, const Range& range, std::string_view why) {
  user_error(
      "{}: found the range '{}', {}; expected first:last:x2, first:last:+4 or first:last:log8", key,
      range.text, why);
}

// Whole steps from the first value of a range to its last.
int64_t checked_steps(std::string_view key, const Range& range, double steps, size_t most) {
  if (!(steps < static_cast<double>(most))) {
    wrong_range(key, range, fmt::format("which has more than {} values", most));
  }
  return static_cast<int64_t>(steps);
}

std::vector<std::string> integer_range(std::string_view key, const Range& range, size_t most) {
  const int64_t a = parse_integer(key, range.first, kAnyInteger);
  const int64_t b = parse_integer(key, range.last, kAnyInteger);
  if (a > b) wrong_range(key, range, "which is reversed");
  const bool multiplies = range.step.starts_with('x');
  if (!multiplies && !range.step.starts_with('+')) wrong_range(key, range, "whose step is unknown");
  const int64_t by = parse_integer(key, range.step.substr(1), kAnyInteger);
  if (by < (multiplies ? 2 : 1) || (multiplies && a < 1)) {
    wrong_range(key, range, "whose step leads nowhere");
  }
  // without a sign, where the distance of any two integers fits
  const auto distance = [&](int64_t value) {
    return static_cast<uint64_t>(b) - static_cast<uint64_t>(value);
  };
  const auto step = static_cast<uint64_t>(by);
  const uint64_t steps = distance(a) / step;
  if (!multiplies) checked_steps(key, range, static_cast<double>(steps), most);
  std::vector<std::string> values;
  for (int64_t value = a;;) {
    values.push_back(std::to_string(value));
    if (multiplies ? value > b / by : distance(value) < step) return values;
    value = multiplies ? value * by : value + by;
  }
}

// A computed point of a range, without the noise of its last bits; the bounds are as they were.
std::string format_point(double value, double first, double last) {
  if (value >= last) return format_number(last);
  return value <= first ? format_number(first) : fmt::format("{:.12g}", value);
}

std::vector<std::string> number_range(std::string_view key, const Range& range, size_t most) {
  const double a = parse_number(key, range.first, kAnyNumber);
  const double b = parse_number(key, range.last, kAnyNumber);
  if (a > b) wrong_range(key, range, "which is reversed");
  const bool multiplies = range.step.starts_with('x'), spaces = range.step.starts_with("log");
  if (!multiplies && !spaces && !range.step.starts_with('+')) {
    wrong_range(key, range, "whose step is unknown");
  }
  const double by = spaces ? static_cast<double>(parse_integer(key, range.step.substr(3),
                                                               {2, static_cast<int64_t>(most)}))
                           : parse_number(key, range.step.substr(1), kAnyNumber);
  if ((multiplies && by <= 1) || by <= 0 || ((multiplies || spaces) && a <= 0)) {
    wrong_range(key, range, "whose step leads nowhere");
  }
  // of logarithms, as b / a need not be finite
  const double growth = multiplies || spaces ? std::log(b) - std::log(a) : 0;
  const double steps = spaces ? by - 1 : multiplies ? growth / std::log(by) : (b - a) / by;
  // the slack is so that 0.1:0.3:+0.1 reaches 0.3
  const int64_t last = checked_steps(key, range, steps + 1e-9, most);
  std::vector<std::string> values;
  for (int64_t i = 0; i <= last; ++i) {
    const auto step = static_cast<double>(i);
    const double value = spaces       ? a * std::exp(growth * (step / steps))
                         : multiplies ? a * std::pow(by, step)
                                      : a + by * step;
    values.push_back(spaces && i == last ? format_number(b) : format_point(value, a, b));
  }
  return values;
}

// One element between commas, or between plus signs of a list: a value, or a range of them.
std::vector<std::string> element_values(std::string_view key, std::string_view element, Kind kind,
                                        size_t most) {
  if (element.empty()) user_error("{}: found an empty element, expected a value", key);
  const bool numeric = kind == Kind::integer || kind == Kind::integers || kind == Kind::number;
  if (!numeric || element.find(':') == std::string_view::npos) return {std::string(element)};
  const auto parts = split_text(element, ':');
  if (parts.size() != 3) wrong_range(key, {element, "", "", ""}, "which has no step");
  const Range range{element, parts[0], parts[1], parts[2]};
  return kind == Kind::number ? number_range(key, range, most) : integer_range(key, range, most);
}

void add_values(std::string_view key, std::vector<std::string> more, size_t most,
                std::vector<std::string>& values) {
  if (values.size() + more.size() > most) user_error("{}: found more than {} values", key, most);
  std::move(more.begin(), more.end(), std::back_inserter(values));
}

// 128:512:x2+4096 -> 128, 256, 512, 4096
std::vector<std::string> list_values(std::string_view key, std::string_view element, size_t most) {
  std::vector<std::string> values;
  // In a list the plus of a step, as in 128:512:+128, belongs to its range.
  std::string_view rest = element;
  while (true) {
    size_t end = rest.find('+');
    while (end != std::string_view::npos && end > 0 && rest[end - 1] == ':') {
      end = rest.find('+', end + 1);
    }
    add_values(key, element_values(key, rest.substr(0, end), Kind::integers, most), most, values);
    if (end == std::string_view::npos) return values;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace

std::vector<std::string> sweep_values(std::string_view key, std::string_view text,
                                      const OptionDescription& option, size_t most) {
  if (text.empty()) user_error("{}: found an empty list, expected {}", key, option.expected);
  if (option.kind == Kind::text && is_path(key)) return {std::string(text)};
  std::vector<std::string> values;
  size_t in_lists = 0;
  for (const std::string_view element : split_text(text, ',')) {
    if (option.kind == Kind::integers) {
      const std::vector<std::string> list = list_values(key, element, most);
      in_lists += list.size();
      if (in_lists > most) user_error("{}: found more than {} values", key, most);
      values.push_back(fmt::format("{}", fmt::join(list, "+")));
    } else {
      add_values(key, element_values(key, element, option.kind, most), most, values);
    }
  }
  return values;
}

}  // namespace lengthwise
