// libFuzzer on what a user types: the first byte says what the rest is, "0128:1024:x2" an integer.
#include <algorithm>
#include <cfloat>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "experiments/runner/grammar.h"
#include "experiments/runner/sweep_config.h"

namespace lengthwise {

// Stands for the one in run_config.cpp, behind which are the model and everything below it.
std::vector<OptionDescription> known_keys() {
  using Kind = OptionDescription::Kind;
  return {{"attention", Kind::text, "full", "text", "the attention variant"},
          {"attention.windowed.window", Kind::integer, "128", "a whole number", "keys"},
          {"eval.lengths", Kind::integers, "", "whole numbers", "lengths"},
          {"length", Kind::integer, "256", "a whole number", "tokens"},
          {"model.tied", Kind::flag, "true", "true or false", "embedding and head"},
          {"model.norm", Kind::choice, "pre", "pre or post", "the norm's place"},
          {"task.text.file", Kind::text, "", "text", "a path"},
          {"train.learning_rate", Kind::number, "0.001", "a number", "the rate"}};
}

namespace {

using Kind = OptionDescription::Kind;
using Texts = std::vector<std::string>;

// So that a long range, which is legal, does not take all the time.
constexpr size_t kMost = 100;

void demand(bool holds, const char* what, std::string_view text) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s: '%.*s'\n", what, static_cast<int>(text.size()), text.data());
  std::abort();
}

bool is_value(Kind kind, std::string_view text) {
  constexpr IntegerRange kAnyInteger{INT64_MIN, INT64_MAX};
  constexpr NumberRange kAnyNumber{-DBL_MAX, DBL_MAX};
  try {
    if (kind == Kind::number) parse_number("key", text, kAnyNumber);
    if (kind == Kind::integer || kind == Kind::integers) parse_integer("key", text, kAnyInteger);
    return true;
  } catch (const UserError&) {
    return false;
  }
}

Texts sweep(Kind kind, std::string_view text, const std::string& key) {
  return sweep_values(key, text, {key, kind, "", "a value", ""}, kMost);
}

std::vector<std::string_view> parts_of(Kind kind, std::string_view value) {
  return kind == Kind::integers ? split_text(value, '+') : std::vector{value};
}

void check_sweep(Kind kind, std::string_view text, const std::string& key = "some.key") {
  const Texts values = sweep(kind, text, key);
  demand(!values.empty(), "no values", text);
  size_t count = 0;
  for (const std::string& value : values) {
    for (const auto part : parts_of(kind, value)) {
      ++count;
      // single values stand as they were given, for their option to refuse
      const bool given = text.find(part) != std::string_view::npos;
      demand(given || is_value(kind, part), "a computed value that no option reads", value);
    }
  }
  for (const std::string& value : {values.front(), values[values.size() / 2], values.back()}) {
    demand(sweep(kind, value, key) == Texts{value}, "a value that sweeps", value);
  }
  demand(count <= kMost, "too many values", text);
}

void check_ini(std::string_view text) {
  try {
    parse_ini(std::string(text), "sweep.ini");
  } catch (const UserError& error) {
    demand(std::string_view(error.what()).find('\n') == std::string_view::npos,
           "an error of two lines", error.what());
    throw;
  }
}

void check_arguments(std::string_view text) {
  Texts arguments;
  for (const auto part : split_text(text, '\n')) arguments.emplace_back(part);
  const SweepConfig config = parse_arguments(arguments);
  demand(config.values == config.from_command_line, "values from nowhere", text);
  demand(!config.results.empty(), "no folder for the results", text);
}

void check_input(char mode, std::string_view text) {
  switch (mode & 7) {
    case 0:
      return check_sweep(Kind::integer, text);
    case 1:
      return check_sweep(Kind::number, text);
    case 2:
      return check_sweep(Kind::integers, text);
    case 3:
      return check_sweep(Kind::choice, text);
    case 4:
      check_sweep(Kind::flag, text);
      return check_sweep(Kind::text, text);
    case 5:
      return check_sweep(Kind::text, text, "task.text.file");
    case 6:
      return check_ini(text);
    default:
      return check_arguments(text);
  }
}

}  // namespace
}  // namespace lengthwise

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    lengthwise::check_input(text.front(), text.substr(1));
  } catch (const lengthwise::UserError&) {
    return 0;  // the one kind of error that a user may cause
  }
  return 0;
}
