// Writes a results file of many runs, to measure `lengthwise compare` on:
//   many_runs OUT.h5 RUNS FILE.h5
// The rows of the file, over and over: each time with other seeds, every eighth time around at one
// of four widths and one of two lengths, with a config that says so. Seconds, FLOPs and bytes grow
// with the length, and seconds scatter.
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "io/table.h"

namespace lengthwise {
namespace {

constexpr int64_t kSeedsOfARow = 16;

/// What becomes of a row when it is taken the n-th time.
struct Change {
  int64_t width_factor, length_factor, seeds;
};

Change change(int64_t n) {
  constexpr std::array<int64_t, 4> kWidths = {1, 2, 3, 4};
  return {kWidths[static_cast<size_t>(n % 4)], n / 4 % 2 == 0 ? 1 : 3, n / 8 * kSeedsOfARow};
}

int64_t changed(std::string_view key, int64_t value, const Change& change) {
  if (key == "width" || key == "model.width") return value * change.width_factor;
  if (key == "length" || key == "train_length") return value * change.length_factor;
  return key == "seed" ? value + change.seeds : value;
}

std::string changed_config(const std::string& config, const Change& change) {
  std::string result;
  for (size_t begin = 0; begin < config.size();) {
    const size_t end = std::min(config.find('\n', begin), config.size());
    const std::string_view line = std::string_view(config).substr(begin, end - begin);
    const size_t equals = std::min(line.find(" = "), line.size());
    const std::string_view key = line.substr(0, equals);
    if (key == "length" || key == "seed" || key == "model.width") {
      int64_t value = 0;
      std::from_chars(line.data() + equals + 3, line.data() + line.size(), value);
      result += fmt::format("{} = {}\n", key, changed(key, value, change));
    } else {
      result.append(line).push_back('\n');
    }
    begin = end + 1;
  }
  return result;
}

std::string value_of(const Column& column, const std::string& text, int64_t run, int64_t n) {
  if (column.name == "run_id") return fmt::format("{:016x}", run);
  return column.name == "config" ? changed_config(text, change(n)) : text;
}

int64_t value_of(const Column& column, int64_t value, int64_t, int64_t n) {
  return changed(column.name, value, change(n));
}

double value_of(const Column& column, double value, int64_t run, int64_t n) {
  const double growth = static_cast<double>(change(n).length_factor * change(n).width_factor);
  if (column.units == "s") return value * growth * (1 + 0.05 * std::sin(static_cast<double>(run)));
  return column.units == "byte" || column.name.ends_with("_flops") ? value * growth : value;
}

uint8_t value_of(const Column&, uint8_t value, int64_t, int64_t) { return value; }

Table many_runs(Table table, int64_t runs) {
  const int64_t rows = table.dimensions.at("run");
  check(rows > 0, "found no runs, expected some to repeat");
  table.dimensions["run"] = runs;
  for (Column& column : table.columns) {
    if (column.dimensions.front() != "run") continue;
    std::visit(
        [&](auto& values) {
          const auto row_values = static_cast<int64_t>(values.size()) / rows;
          std::remove_reference_t<decltype(values)> all;
          all.reserve(static_cast<size_t>(runs * row_values));
          for (int64_t run = 0; run < runs; ++run) {
            for (int64_t i = 0; i < row_values; ++i) {
              const auto place = static_cast<size_t>(run % rows * row_values + i);
              all.push_back(value_of(column, values[place], run, run / rows));
            }
          }
          values = std::move(all);
        },
        column.values);
  }
  return table;
}

}  // namespace
}  // namespace lengthwise

int main(int argc, char** argv) {
  try {
    if (argc != 4) lengthwise::user_error("usage: many_runs OUT.h5 RUNS FILE.h5");
    const int64_t runs = std::atoll(argv[2]);
    if (runs < 1) lengthwise::user_error("RUNS: found '{}', expected a number above 0", argv[2]);
    lengthwise::write_table(argv[1], lengthwise::many_runs(lengthwise::read_table(argv[3]), runs));
  } catch (const lengthwise::UserError& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
  return 0;
}
