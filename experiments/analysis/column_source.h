// The columns of a results file by name, each held to what the schema says of it.
#pragma once
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/check.h"
#include "io/table.h"

namespace lengthwise {

/// Finds columns and refuses those that are not as expected.
class ColumnSource {
 public:
  ColumnSource(const Table& table, const std::string& file) : table_(table), file_(file) {}

  bool has(const std::string& name) const { return table_.find(name) != nullptr; }

  int64_t extent(const std::string& dimension) const {
    const auto found = table_.dimensions.find(dimension);
    if (found == table_.dimensions.end()) user_error("{}: no dimension '{}'", file_, dimension);
    return found->second;
  }

  /// Integers and flags as numbers too.
  const std::vector<double>& numbers(const std::string& name,
                                     const std::vector<std::string>& dimensions) const {
    const Column& column = find(name, dimensions);
    if (const auto* found = std::get_if<Column::Numbers>(&column.values)) return *found;
    std::vector<double>& numbers = converted_[name];
    if (const auto* integers = std::get_if<Column::Integers>(&column.values)) {
      numbers.assign(integers->begin(), integers->end());
    } else if (const auto* flags = std::get_if<Column::Flags>(&column.values)) {
      numbers.assign(flags->begin(), flags->end());
    } else {
      user_error("{}: column '{}' holds text, expected numbers", file_, name);
    }
    return numbers;
  }

  const Column::Integers& integers(const std::string& name, const std::string& dimension) const {
    return typed<Column::Integers>(name, dimension, "whole numbers");
  }

  const Column::Texts& texts(const std::string& name, const std::string& dimension) const {
    return typed<Column::Texts>(name, dimension, "text");
  }

  /// Each flag's meaning.
  std::vector<std::string> meanings(const std::string& name) const {
    const auto& flags = typed<Column::Flags>(name, "run", "flags");
    const std::vector<std::string>& known = find(name, {"run"}).flag_meanings;
    std::vector<std::string> result;
    for (const uint8_t flag : flags) {
      if (flag >= known.size()) {
        user_error("{}: column '{}' holds {}, expected a flag under {}", file_, name, flag,
                   known.size());
      }
      result.push_back(known[flag]);
    }
    return result;
  }

  /// Where `label` stands along a text coordinate.
  size_t place(const std::string& coordinate, const std::string& label) const {
    const Column::Texts& labels = texts(coordinate, coordinate);
    const auto found = std::find(labels.begin(), labels.end(), label);
    if (found == labels.end()) {
      user_error("{}: coordinate '{}' has no '{}'", file_, coordinate, label);
    }
    return static_cast<size_t>(found - labels.begin());
  }

 private:
  const Column& find(const std::string& name, const std::vector<std::string>& dimensions) const {
    const Column* column = table_.find(name);
    if (!column) user_error("{}: no column '{}'", file_, name);
    if (column->dimensions != dimensions) {
      user_error("{}: column '{}' has dimensions ({}), expected ({})", file_, name,
                 fmt::join(column->dimensions, ", "), fmt::join(dimensions, ", "));
    }
    int64_t expected = 1;
    for (const std::string& dimension : dimensions) expected *= extent(dimension);
    const size_t held =
        std::visit([](const auto& values) { return values.size(); }, column->values);
    if (held != static_cast<size_t>(expected)) {
      user_error("{}: column '{}' holds {} values, expected {}", file_, name, held, expected);
    }
    return *column;
  }

  template <class Values>
  const Values& typed(const std::string& name, const std::string& dimension,
                      std::string_view expected) const {
    const Column& column = find(name, {dimension});
    const auto* values = std::get_if<Values>(&column.values);
    if (!values) user_error("{}: column '{}' does not hold {}", file_, name, expected);
    return *values;
  }

  const Table& table_;
  const std::string& file_;
  mutable std::map<std::string, std::vector<double>> converted_;
};

}  // namespace lengthwise
