#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <type_traits>

#include "base/check.h"
#include "io/table.h"
#include "io/table_fault.h"

namespace lengthwise {
namespace {

// Where each index of a part's dimension goes in the merged one.
using Places = std::vector<int64_t>;

struct MergedDimension {
  int64_t extent = 0;
  std::vector<Places> places;  // by part; empty where the part has no such dimension
};
using MergedDimensions = std::map<std::string, MergedDimension>;

Places consecutive(int64_t first, int64_t count) {
  Places places(static_cast<size_t>(count));
  std::iota(places.begin(), places.end(), first);
  return places;
}

int64_t extent_of(const Table& part, const std::string& dimension) {
  const auto found = part.dimensions.find(dimension);
  return found == part.dimensions.end() ? 0 : found->second;
}

template <class T>
bool is_nan(const T& value) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::isnan(value);
  } else {
    return false;
  }
}

// Numbers in rising order, text as it first appears.
template <class T>
std::vector<T> coordinate_union(std::span<const Column* const> coordinates) {
  std::vector<T> all;
  std::set<T> seen;
  for (const Column* coordinate : coordinates) {
    if (coordinate == nullptr) continue;
    std::set<T> own;
    for (const T& value : std::get<std::vector<T>>(coordinate->values)) {
      if (is_nan(value) || !own.insert(value).second) {
        user_error("coordinate '{}': found {} {}, expected every value once", coordinate->name,
                   value, is_nan(value) ? "" : "twice");
      }
      if (seen.insert(value).second) all.push_back(value);
    }
  }
  if constexpr (!std::is_same_v<T, std::string>) std::sort(all.begin(), all.end());
  return all;
}

template <class T>
MergedDimension merged_by_coordinate(std::span<const Column* const> coordinates, Column& merged) {
  std::vector<T> all = coordinate_union<T>(coordinates);
  std::map<T, int64_t> place_of;
  for (const T& value : all) place_of.emplace(value, static_cast<int64_t>(place_of.size()));
  MergedDimension dimension;
  dimension.extent = static_cast<int64_t>(all.size());
  for (const Column* coordinate : coordinates) {
    Places& places = dimension.places.emplace_back();
    if (coordinate == nullptr) continue;
    for (const T& value : std::get<std::vector<T>>(coordinate->values)) {
      places.push_back(place_of.at(value));
    }
  }
  merged.values = std::move(all);
  return dimension;
}

MergedDimension merged_run(std::span<const Table> parts) {
  MergedDimension run;
  for (const Table& part : parts) {
    run.places.push_back(consecutive(run.extent, extent_of(part, "run")));
    run.extent += extent_of(part, "run");
  }
  return run;
}

MergedDimension merged_without_coordinate(std::span<const Table> parts, const std::string& name) {
  MergedDimension dimension;
  for (const Table& part : parts) {
    dimension.places.push_back(consecutive(0, extent_of(part, name)));
    dimension.extent = std::max(dimension.extent, extent_of(part, name));
  }
  return dimension;
}

// Name, dimensions, kind, units and meanings; values are left empty.
Column merged_heading(std::span<const Column* const> columns) {
  Column merged;
  for (const Column* column : columns) {
    if (column == nullptr) continue;
    if (merged.name.empty()) {
      merged.name = column->name;
      merged.dimensions = column->dimensions;
      std::visit([&](const auto& values) { merged.values = std::decay_t<decltype(values)>(); },
                 column->values);
    }
    if (column->values.index() != merged.values.index()) {
      user_error("column '{}': found {} in one table and {} in another, expected one kind",
                 column->name, kind_name(merged), kind_name(*column));
    }
    if (column->dimensions != merged.dimensions) {
      user_error("column '{}': found [{}] in one table and [{}] in another, expected the same",
                 column->name, fmt::join(merged.dimensions, ", "),
                 fmt::join(column->dimensions, ", "));
    }
    if (merged.units.empty()) merged.units = column->units;
    if (!column->units.empty() && column->units != merged.units) {
      user_error("column '{}': found '{}' in one table and '{}' in another, expected one unit",
                 column->name, merged.units, column->units);
    }
    if (merged.long_name.empty()) merged.long_name = column->long_name;
    for (const std::string& meaning : column->flag_meanings) {
      auto& meanings = merged.flag_meanings;
      if (std::count(meanings.begin(), meanings.end(), meaning) == 0) meanings.push_back(meaning);
    }
  }
  return merged;
}

// A later version may have put a meaning in between: the meaning counts, not its number.
Column::Flags renumbered(const Column& column, const std::vector<std::string>& meanings) {
  auto flags = std::get<Column::Flags>(column.values);
  if (column.flag_meanings == meanings) return flags;
  if (column.flag_meanings.empty()) {
    user_error("column '{}': found flags without meanings in one table, expected {}", column.name,
               fmt::join(meanings, ", "));
  }
  check(meanings.size() <= 256, "more flag meanings than a byte can number");
  for (uint8_t& flag : flags) {
    const auto found = std::find(meanings.begin(), meanings.end(), column.flag_meanings.at(flag));
    flag = static_cast<uint8_t>(found - meanings.begin());
  }
  return flags;
}

struct Axis {
  const Places* places;
  int64_t stride;
};

template <class T>
void scatter(const T*& from, T* to, std::span<const Axis> axes) {
  if (axes.empty()) {
    *to = *from++;
    return;
  }
  for (const int64_t place : *axes.front().places) {
    scatter(from, to + place * axes.front().stride, axes.subspan(1));
  }
}

template <class T>
T absent() {
  if constexpr (std::is_same_v<T, double>) {
    return std::numeric_limits<double>::quiet_NaN();
  } else {
    return T();
  }
}

// Integers and flags have no value that could mean "absent".
void refuse_gap(std::span<const Table> parts, const MergedDimensions& dimensions, size_t part,
                const Column* column, const Column& merged) {
  const int64_t rows = extent_of(parts[part], "run");
  bool gap = column == nullptr && rows > 0;
  for (size_t axis = 1; axis < merged.dimensions.size(); ++axis) {
    const MergedDimension& dimension = dimensions.at(merged.dimensions[axis]);
    const auto places = static_cast<int64_t>(dimension.places.at(part).size());
    gap = gap || (rows > 0 && places < dimension.extent);
  }
  if (gap) {
    user_error("column '{}': found {} that one table lacks, expected them in every table",
               merged.name, kind_name(merged));
  }
}

template <class T>
std::vector<T> merged_values(std::span<const Table> parts, std::span<const Column* const> columns,
                             const MergedDimensions& dimensions, const Column& merged) {
  std::vector<Axis> axes(merged.dimensions.size());
  int64_t size = 1;
  for (size_t axis = axes.size(); axis-- > 0;) {
    axes[axis].stride = size;
    size *= dimensions.at(merged.dimensions[axis]).extent;
  }
  std::vector<T> values(static_cast<size_t>(size), absent<T>());
  for (size_t part = 0; part < parts.size(); ++part) {
    const Column* column = columns[part];
    if constexpr (std::is_integral_v<T>) refuse_gap(parts, dimensions, part, column, merged);
    if (column == nullptr) continue;
    for (size_t axis = 0; axis < axes.size(); ++axis) {
      axes[axis].places = &dimensions.at(merged.dimensions[axis]).places.at(part);
    }
    if constexpr (std::is_same_v<T, uint8_t>) {
      const Column::Flags flags = renumbered(*column, merged.flag_meanings);
      const T* from = flags.data();
      scatter(from, values.data(), std::span<const Axis>(axes));
    } else {
      const T* from = std::get<std::vector<T>>(column->values).data();
      scatter(from, values.data(), std::span<const Axis>(axes));
    }
  }
  return values;
}

std::vector<const Column*> columns_named(std::span<const Table> parts, const std::string& name) {
  std::vector<const Column*> columns;
  for (const Table& part : parts) columns.push_back(part.find(name));
  return columns;
}

// Coordinates are filled in; the other columns have their heading only.
MergedDimensions merge_dimensions(std::span<const Table> parts, Table& merged) {
  MergedDimensions dimensions;
  for (const Table& part : parts) {
    for (const auto& [name, extent] : part.dimensions) dimensions.try_emplace(name);
  }
  for (auto& entry : dimensions) {
    // Not a structured binding: clang 14 cannot capture one in a lambda.
    const std::string& name = entry.first;
    auto& dimension = entry.second;
    const auto found = std::find_if(merged.columns.begin(), merged.columns.end(),
                                    [&](const Column& column) { return column.name == name; });
    if (name == "run") {
      dimension = merged_run(parts);
    } else if (found == merged.columns.end()) {
      dimension = merged_without_coordinate(parts, name);
    } else {
      const auto coordinates = columns_named(parts, name);
      for (size_t part = 0; part < parts.size(); ++part) {
        if (coordinates[part] == nullptr && extent_of(parts[part], name) > 0) {
          user_error("dimension '{}': found a table without its coordinate, expected all with it",
                     name);
        }
      }
      std::visit(
          [&]<class T>(const std::vector<T>&) {
            dimension = merged_by_coordinate<T>(coordinates, *found);
          },
          Column(*found).values);
    }
    merged.dimensions[name] = dimension.extent;
  }
  return dimensions;
}

}  // namespace

Table merge_tables(std::span<const Table> parts) {
  Table merged;
  merged.dimensions["run"] = 0;
  for (const Table& part : parts) {
    const std::string fault = table_fault(part);
    check(fault.empty(), fault);
    merged.attributes.insert(part.attributes.begin(), part.attributes.end());
    for (const Column& column : part.columns) {
      if (merged.find(column.name) != nullptr) continue;
      merged.columns.push_back(merged_heading(columns_named(parts, column.name)));
    }
  }
  const MergedDimensions dimensions = merge_dimensions(parts, merged);
  for (Column& column : merged.columns) {
    if (is_coordinate(column) && column.name != "run") continue;
    const auto columns = columns_named(parts, column.name);
    std::visit(
        [&]<class T>(std::vector<T>& values) {
          values = merged_values<T>(parts, columns, dimensions, column);
        },
        column.values);
  }
  const std::string fault = table_fault(merged);
  check(fault.empty(), fault);
  return merged;
}

}  // namespace lengthwise
