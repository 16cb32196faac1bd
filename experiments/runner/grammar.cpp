#include "experiments/runner/grammar.h"

#include <cmath>
#include <limits>

#include "base/check.h"

namespace lengthwise {
namespace {

using Kind = OptionDescription::Kind;

constexpr IntegerRange kAnyInteger{std::numeric_limits<int64_t>::min(),
                                   std::numeric_limits<int64_t>::max()};
constexpr NumberRange kAnyNumber{-std::numeric_limits<double>::max(),
                                 std::numeric_limits<double>::max()};

[[noreturn]] void wrong_range(std::string_view key, std::string_view range, std::string_view why) {
  user_error(
      "{}: found the range '{}', {}; expected first:last:x2, first:last:+4 or first:last:log8", key,
      range, why);
}

void check_count(std::string_view key, std::string_view range, double count) {
  if (count > static_cast<double>(kMostValues)) {
    wrong_range(key, range, "which has more than 100000 values");
  }
}

std::vector<std::string> integer_range(std::string_view key, std::string_view range,
                                       std::string_view first, std::string_view last,
                                       std::string_view step) {
  const int64_t a = parse_integer(key, first, kAnyInteger);
  const int64_t b = parse_integer(key, last, kAnyInteger);
  if (a > b) wrong_range(key, range, "which is reversed");
  const bool multiplies = step.starts_with("x");
  if (!multiplies && !step.starts_with("+")) wrong_range(key, range, "whose step is unknown");
  const int64_t by = parse_integer(key, step.substr(1), kAnyInteger);
  if (by < (multiplies ? 2 : 1) || (multiplies && a < 1)) {
    wrong_range(key, range, "whose step leads nowhere");
  }
  if (!multiplies) {
    check_count(key, range,
                (static_cast<double>(b) - static_cast<double>(a)) / static_cast<double>(by));
  }
  std::vector<std::string> values;
  for (int64_t value = a;;) {
    values.push_back(std::to_string(value));
    if (multiplies ? value > b / by : value > b - by) break;
    value = multiplies ? value * by : value + by;
  }
  return values;
}

// A computed point of a range, without the noise of its last bits.
std::string format_point(double value) { return fmt::format("{:.12g}", value); }

std::vector<std::string> number_range(std::string_view key, std::string_view range,
                                      std::string_view first, std::string_view last,
                                      std::string_view step) {
  const double a = parse_number(key, first, kAnyNumber), b = parse_number(key, last, kAnyNumber);
  if (a > b) wrong_range(key, range, "which is reversed");
  const bool multiplies = step.starts_with("x"), spaces = step.starts_with("log");
  if (!multiplies && !spaces && !step.starts_with("+")) {
    wrong_range(key, range, "whose step is unknown");
  }
  const double by = spaces ? static_cast<double>(parse_integer(key, step.substr(3), {2, 100'000}))
                           : parse_number(key, step.substr(1), kAnyNumber);
  if ((multiplies && by <= 1) || by <= 0 || ((multiplies || spaces) && a <= 0)) {
    wrong_range(key, range, "whose step leads nowhere");
  }
  const double slack = 1 + 1e-9;  // so that 0.1:0.3:+0.1 reaches 0.3
  std::vector<std::string> values;
  if (spaces) {
    const auto points = static_cast<int64_t>(by);
    for (int64_t i = 0; i < points; ++i) {
      const double share = static_cast<double>(i) / static_cast<double>(points - 1);
      values.push_back(format_point(i + 1 == points ? b : a * std::pow(b / a, share)));
    }
    return values;
  }
  check_count(key, range, multiplies ? std::log(b / a) / std::log(by) : (b - a) / by);
  for (int64_t i = 0;; ++i) {
    const auto steps = static_cast<double>(i);
    const double value = multiplies ? a * std::pow(by, steps) : a + by * steps;
    if (multiplies ? value > b * slack : value > b + by * (slack - 1)) return values;
    values.push_back(format_point(value));
  }
}

// One element between commas, or between plus signs of a list: a value, or a range of them.
std::vector<std::string> element_values(std::string_view key, std::string_view element, Kind kind) {
  if (element.empty()) user_error("{}: found an empty element, expected a value", key);
  const bool numeric = kind == Kind::integer || kind == Kind::integers || kind == Kind::number;
  if (!numeric || element.find(':') == std::string_view::npos) return {std::string(element)};
  const auto parts = split_text(element, ':');
  if (parts.size() != 3) wrong_range(key, element, "which has no step");
  return kind == Kind::number ? number_range(key, element, parts[0], parts[1], parts[2])
                              : integer_range(key, element, parts[0], parts[1], parts[2]);
}

// 128:512:x2+4096 -> 128+256+512+4096
std::string joined_list(std::string_view key, std::string_view element) {
  std::string joined;
  // In a list the plus of a step, as in 128:512:+128, belongs to its range.
  std::string_view rest = element;
  while (true) {
    size_t end = rest.find('+');
    while (end != std::string_view::npos && end > 0 && rest[end - 1] == ':') {
      end = rest.find('+', end + 1);
    }
    for (const std::string& value : element_values(key, rest.substr(0, end), Kind::integers)) {
      joined += (joined.empty() ? "" : "+") + value;
    }
    if (end == std::string_view::npos) return joined;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace

std::vector<std::string> sweep_values(std::string_view key, std::string_view text,
                                      const OptionDescription& option) {
  if (text.empty()) user_error("{}: found an empty list, expected {}", key, option.expected);
  if (option.kind == Kind::text && key.ends_with(".file")) return {std::string(text)};
  std::vector<std::string> values;
  for (const std::string_view element : split_text(text, ',')) {
    if (option.kind == Kind::integers) {
      values.push_back(joined_list(key, element));
      continue;
    }
    for (std::string& value : element_values(key, element, option.kind)) {
      values.push_back(std::move(value));
    }
    if (values.size() > kMostValues) user_error("{}: found more than 100000 values", key);
  }
  return values;
}

}  // namespace lengthwise
