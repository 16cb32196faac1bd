#include "base/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/check.h"
#include "base/nearest.h"

namespace lengthwise {
namespace {

std::string expected_integer(IntegerRange range) {
  if (range.most >= kLargestSize) return fmt::format("a whole number of at least {}", range.least);
  return fmt::format("a whole number from {} to {}", range.least, range.most);
}

std::string expected_number(NumberRange range) {
  if (range.most >= 1e300) return fmt::format("a finite number of at least {}", range.least);
  return fmt::format("a number from {} to {}", range.least, range.most);
}

std::string expected_choice(std::initializer_list<std::string_view> allowed) {
  return fmt::format("{}", fmt::join(allowed, " or "));
}

[[noreturn]] void wrong_value(std::string_view key, std::string_view found,
                              std::string_view expected) {
  user_error("{}: found '{}', expected {}", key, found, expected);
}

}  // namespace

std::vector<std::string_view> split_text(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

int64_t parse_integer(std::string_view key, std::string_view text, IntegerRange range) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end || value < range.least || value > range.most) {
    wrong_value(key, text, expected_integer(range));
  }
  return value;
}

double parse_number(std::string_view key, std::string_view text, NumberRange range) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end || !std::isfinite(value) ||
      value < range.least || value > range.most) {
    wrong_value(key, text, expected_number(range));
  }
  return value;
}

std::string format_number(double value) { return fmt::format("{}", value); }

void OptionDescriber::integer(std::string_view name, int64_t& value, IntegerRange range,
                              std::string_view help) {
  descriptions.push_back({std::string(name), OptionDescription::Kind::integer,
                          std::to_string(value), expected_integer(range), std::string(help)});
}

void OptionDescriber::number(std::string_view name, double& value, NumberRange range,
                             std::string_view help) {
  descriptions.push_back({std::string(name), OptionDescription::Kind::number, format_number(value),
                          expected_number(range), std::string(help)});
}

void OptionDescriber::choice(std::string_view name, std::string& value,
                             std::initializer_list<std::string_view> allowed,
                             std::string_view help) {
  descriptions.push_back({std::string(name), OptionDescription::Kind::choice, value,
                          expected_choice(allowed), std::string(help)});
}

void OptionDescriber::flag(std::string_view name, bool& value, std::string_view help) {
  descriptions.push_back({std::string(name), OptionDescription::Kind::flag,
                          value ? "true" : "false", "true or false", std::string(help)});
}

void OptionDescriber::text(std::string_view name, std::string& value, std::string_view help) {
  descriptions.push_back(
      {std::string(name), OptionDescription::Kind::text, value, "text", std::string(help)});
}

void OptionDescriber::integers(std::string_view name, std::vector<int64_t>& value,
                               IntegerRange range, std::string_view help) {
  descriptions.push_back({std::string(name), OptionDescription::Kind::integers,
                          fmt::format("{}", fmt::join(value, "+")),
                          expected_integer(range) + ", several joined by '+'", std::string(help)});
}

const std::string* OptionReader::find(std::string_view name) {
  known_.emplace_back(name);
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

void OptionReader::integer(std::string_view name, int64_t& value, IntegerRange range,
                           std::string_view) {
  if (const std::string* text = find(name)) {
    value = parse_integer(prefix_ + std::string(name), *text, range);
  }
}

void OptionReader::number(std::string_view name, double& value, NumberRange range,
                          std::string_view) {
  if (const std::string* text = find(name)) {
    value = parse_number(prefix_ + std::string(name), *text, range);
  }
}

void OptionReader::choice(std::string_view name, std::string& value,
                          std::initializer_list<std::string_view> allowed, std::string_view) {
  if (const std::string* text = find(name)) {
    if (std::find(allowed.begin(), allowed.end(), *text) == allowed.end()) {
      wrong_value(prefix_ + std::string(name), *text, expected_choice(allowed));
    }
    value = *text;
  }
}

void OptionReader::flag(std::string_view name, bool& value, std::string_view) {
  if (const std::string* text = find(name)) {
    if (*text != "true" && *text != "false") {
      wrong_value(prefix_ + std::string(name), *text, "true or false");
    }
    value = *text == "true";
  }
}

void OptionReader::text(std::string_view name, std::string& value, std::string_view) {
  if (const std::string* text = find(name)) value = *text;
}

void OptionReader::integers(std::string_view name, std::vector<int64_t>& value, IntegerRange range,
                            std::string_view) {
  if (const std::string* text = find(name)) {
    value.clear();
    if (text->empty()) return;
    for (const std::string_view part : split_text(*text, '+')) {
      value.push_back(parse_integer(prefix_ + std::string(name), part, range));
    }
  }
}

void OptionReader::refuse_unknown() const {
  for (const auto& [key, value] : values_) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    std::vector<std::string> full;
    for (const std::string& name : known_) full.push_back(prefix_ + name);
    const std::string found = prefix_ + key;
    user_error("{}: unknown key{}", found, did_you_mean(found, full));
  }
}

}  // namespace lengthwise
