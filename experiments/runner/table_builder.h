// Puts a table of one run together, column by column.
#pragma once
#include <algorithm>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "io/table.h"

namespace lengthwise {

inline constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();

/// Scores and the like, each at a `length` of the test, in rising order.
template <class AtLength>
std::vector<AtLength> by_length(std::vector<AtLength> all) {
  std::sort(all.begin(), all.end(),
            [](const AtLength& a, const AtLength& b) { return a.length < b.length; });
  return all;
}

class TableBuilder {
 public:
  void integer(const std::string& name, int64_t value, const std::string& units,
               const std::string& long_name) {
    add(name, {"run"}, Column::Integers{value}, units, long_name);
  }
  /// Values [1, dimensions...].
  void texts(const std::string& name, std::vector<std::string> dimensions, Column::Texts values,
             const std::string& long_name) {
    dimensions.insert(dimensions.begin(), "run");
    add(name, std::move(dimensions), std::move(values), "", long_name);
  }
  void text(const std::string& name, const std::string& value, const std::string& long_name) {
    add(name, {"run"}, Column::Texts{value}, "", long_name);
  }
  void number(const std::string& name, double value, const std::string& units,
              const std::string& long_name) {
    add(name, {"run"}, Column::Numbers{value}, units, long_name);
  }
  /// Values [1, dimensions...].
  void numbers(const std::string& name, std::vector<std::string> dimensions, Column::Numbers values,
               const std::string& units, const std::string& long_name) {
    dimensions.insert(dimensions.begin(), "run");
    add(name, std::move(dimensions), std::move(values), units, long_name);
  }
  void flags(const std::string& name, uint8_t value, std::vector<std::string> meanings,
             const std::string& long_name) {
    add(name, {"run"}, Column::Flags{value}, "", long_name);
    table.columns.back().flag_meanings = std::move(meanings);
  }
  void text_coordinate(const std::string& name, std::vector<std::string> values,
                       const std::string& long_name) {
    table.dimensions[name] = static_cast<int64_t>(values.size());
    add(name, {name}, std::move(values), "", long_name);
  }
  void integer_coordinate(const std::string& name, std::vector<int64_t> values,
                          const std::string& units, const std::string& long_name) {
    table.dimensions[name] = static_cast<int64_t>(values.size());
    add(name, {name}, std::move(values), units, long_name);
  }
  /// 0, 1, ..., count - 1.
  void count_coordinate(const std::string& name, int64_t count, const std::string& long_name) {
    std::vector<int64_t> numbers(static_cast<size_t>(count));
    std::iota(numbers.begin(), numbers.end(), int64_t{0});
    integer_coordinate(name, std::move(numbers), "1", long_name);
  }

  Table table;

 private:
  template <class Values>
  void add(const std::string& name, std::vector<std::string> dimensions, Values values,
           const std::string& units, const std::string& long_name) {
    table.columns.push_back({name, std::move(dimensions), std::move(values), units, long_name, {}});
  }
};

}  // namespace lengthwise
