#include "io/table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "base/check.h"
#include "io/table_fault.h"
#include "io/text.h"

namespace lengthwise {
namespace {

// Object headers of HDF5 hold 64 KiB; a longer attribute cannot be written.
constexpr size_t kLongestAttribute = 60'000;

bool is_letter_or_digit(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// What netCDF allows as a name.
bool is_name(std::string_view name) {
  if (name.empty() || name.back() == ' ' || readable_text(name) != name) return false;
  const auto first = static_cast<unsigned char>(name.front());
  if (!is_letter_or_digit(first) && first != '_' && first < 0x80) return false;
  return std::none_of(name.begin(), name.end(), [](char c) {
    const auto code = static_cast<unsigned char>(c);
    return c == '/' || code < 0x20 || code == 0x7f;
  });
}

std::string flags_fault(const Column& column, const Column::Flags& flags) {
  const std::vector<std::string>& meanings = column.flag_meanings;
  for (const std::string& meaning : meanings) {
    if (meaning.empty() || meaning.find(' ') != std::string::npos) {
      return fmt::format("flag meaning '{}', expected one word", meaning);
    }
  }
  if (meanings.size() > 256) return fmt::format("{} flag meanings, expected 256", meanings.size());
  if (meanings.empty() || flags.empty()) return "";
  const size_t largest = *std::max_element(flags.begin(), flags.end());
  if (largest < meanings.size()) return "";
  return fmt::format("flag {}, expected under {}, the number of meanings", largest,
                     meanings.size());
}

std::string dimensions_fault(const Table& table, const Column& column) {
  const auto& names = column.dimensions;
  if (names.empty() || (names.front() != "run" && !is_coordinate(column))) {
    return fmt::format("dimensions [{}], expected run first, or the column's own name alone",
                       fmt::join(names, ", "));
  }
  if (table.dimensions.contains(column.name) && !is_coordinate(column)) {
    return fmt::format("dimensions [{}] of a coordinate, expected its own name alone",
                       fmt::join(names, ", "));
  }
  int64_t wanted = 1;
  for (const std::string& name : names) {
    const auto dimension = table.dimensions.find(name);
    if (dimension == table.dimensions.end()) return fmt::format("unknown dimension '{}'", name);
    if (std::count(names.begin(), names.end(), name) > 1) {
      return fmt::format("dimension '{}' twice, expected once", name);
    }
    wanted *= dimension->second;
  }
  const auto found = std::visit([](const auto& values) { return values.size(); }, column.values);
  if (found == static_cast<size_t>(wanted)) return "";
  return fmt::format("{} values, expected {} for [{}]", found, wanted, fmt::join(names, ", "));
}

std::string attribute_fault(std::string_view text) {
  if (text.size() <= kLongestAttribute) return "";
  return fmt::format("an attribute of {} bytes, expected {} at most; long text belongs in a column",
                     text.size(), kLongestAttribute);
}

std::string column_fault(const Table& table, const Column& column) {
  if (!is_name(column.name)) return "a name that netCDF does not allow";
  if (std::string fault = dimensions_fault(table, column); !fault.empty()) return fault;
  const auto meanings = fmt::format("{}", fmt::join(column.flag_meanings, " "));
  for (const std::string& text : {column.units, column.long_name, meanings}) {
    if (std::string fault = attribute_fault(text); !fault.empty()) return fault;
  }
  if (const auto* flags = std::get_if<Column::Flags>(&column.values)) {
    return is_coordinate(column) ? "flags, expected another kind for a coordinate"
                                 : flags_fault(column, *flags);
  }
  return column.flag_meanings.empty() ? "" : "flag meanings, expected none but for flags";
}

}  // namespace

const Column* Table::find(const std::string& name) const {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const Column& column) { return column.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

std::string kind_name(const Column& column) {
  constexpr std::array<std::string_view, 4> kNames = {"numbers", "integers", "texts", "flags"};
  return std::string(kNames.at(column.values.index()));
}

bool is_coordinate(const Column& column) {
  return column.dimensions.size() == 1 && column.dimensions.front() == column.name;
}

std::string table_fault(const Table& table) {
  if (!table.dimensions.contains("run")) return "found no dimension 'run', expected one";
  for (const auto& [name, extent] : table.dimensions) {
    if (!is_name(name)) {
      return fmt::format("dimension '{}': found a name that netCDF does not allow", name);
    }
    if (extent < 0)
      return fmt::format("dimension '{}': found {}, expected 0 or more", name, extent);
  }
  for (const auto& [name, text] : table.attributes) {
    const std::string fault = is_name(name) ? attribute_fault(text) : "a name that is not allowed";
    if (!fault.empty()) return fmt::format("attribute '{}': found {}", name, fault);
  }
  std::set<std::string_view> names;
  for (const Column& column : table.columns) {
    const bool first = names.insert(column.name).second;
    const std::string fault =
        first ? column_fault(table, column) : "a second column of that name, expected one";
    if (!fault.empty()) return fmt::format("column '{}': found {}", column.name, fault);
  }
  return "";
}

Table row_of(const Table& table, size_t row) {
  const auto runs = static_cast<size_t>(table.dimensions.at("run"));
  check(row < runs, fmt::format("row {} of {}", row, runs));
  Table result{table.attributes, table.dimensions, {}};
  result.dimensions["run"] = 1;
  for (const Column& column : table.columns) {
    const bool by_run = column.dimensions.front() == "run";
    const auto own = [&]<class Values>(const Values& values) -> decltype(Column::values) {
      const auto width = static_cast<int64_t>(values.size() / runs);
      const auto begin = values.begin() + static_cast<int64_t>(row) * width;
      return by_run ? Values(begin, begin + width) : values;
    };
    result.columns.push_back({column.name, column.dimensions, std::visit(own, column.values),
                              column.units, column.long_name, column.flag_meanings});
  }
  return result;
}

}  // namespace lengthwise
