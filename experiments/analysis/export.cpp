#include "experiments/analysis/export.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <variant>

namespace lengthwise {
namespace {

using json = nlohmann::ordered_json;

bool is_of_runs(const Column& column) { return column.dimensions.front() == "run"; }

size_t extent_of(const Table& table, const std::string& dimension) {
  return static_cast<size_t>(table.dimensions.at(dimension));
}

// How many values a run has in this column.
size_t places_of(const Table& table, const Column& column) {
  size_t places = 1;
  for (size_t axis = 1; axis < column.dimensions.size(); ++axis) {
    places *= extent_of(table, column.dimensions[axis]);
  }
  return places;
}

std::string meaning(const Column& column, uint8_t flag) {
  return flag < column.flag_meanings.size() ? column.flag_meanings[flag] : std::to_string(flag);
}

// "" where the number is absent.
std::string as_text(const Column& column, size_t i) {
  return std::visit(
      [&]<class T>(const std::vector<T>& values) -> std::string {
        if constexpr (std::is_same_v<T, std::string>) {
          return values[i];
        } else if constexpr (std::is_same_v<T, uint8_t>) {
          return meaning(column, values[i]);
        } else if constexpr (std::is_same_v<T, double>) {
          return std::isnan(values[i]) ? "" : fmt::format("{}", values[i]);
        } else {
          return std::to_string(values[i]);
        }
      },
      column.values);
}

json as_json(const Column& column, size_t i) {
  return std::visit(
      [&]<class T>(const std::vector<T>& values) -> json {
        if constexpr (std::is_same_v<T, uint8_t>) {
          return meaning(column, values[i]);
        } else if constexpr (std::is_same_v<T, double>) {
          return std::isfinite(values[i]) ? json(values[i]) : json(nullptr);
        } else {
          return values[i];
        }
      },
      column.values);
}

// What stands at this place of a dimension: its coordinate, or the place's number.
std::string place_name(const Table& table, const std::string& dimension, size_t place) {
  const Column* coordinate = table.find(dimension);
  return coordinate == nullptr ? std::to_string(place) : as_text(*coordinate, place);
}

// "attention,activations" for the place of this number in row-major order.
std::string place_names(const Table& table, const Column& column, size_t number) {
  std::string names;
  for (size_t axis = column.dimensions.size(); axis-- > 1;) {
    const std::string& dimension = column.dimensions[axis];
    const size_t extent = extent_of(table, dimension);
    names = place_name(table, dimension, number % extent) + (names.empty() ? "" : ",") + names;
    number /= extent;
  }
  return names;
}

std::string quoted(const std::string& field) {
  if (field.find_first_of("\",\r\n") == std::string::npos) return field;
  std::string text = "\"";
  for (const char c : field) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

json nested(const Table& table, const Column& column, size_t axis, size_t& next) {
  if (axis == column.dimensions.size()) return as_json(column, next++);
  json values = json::array();
  for (size_t i = extent_of(table, column.dimensions[axis]); i > 0; --i) {
    values.push_back(nested(table, column, axis + 1, next));
  }
  return values;
}

json coordinates(const Table& table, const std::string& dimension) {
  const Column* coordinate = table.find(dimension);
  if (coordinate == nullptr) return extent_of(table, dimension);
  json values = json::array();
  for (size_t i = 0; i < extent_of(table, dimension); ++i) {
    values.push_back(as_json(*coordinate, i));
  }
  return values;
}

}  // namespace

std::string export_csv(const Table& table) {
  std::string text;
  const auto add_line = [&](const auto& field_of) {
    bool first = true;
    for (const Column& column : table.columns) {
      if (!is_of_runs(column)) continue;
      const size_t places = places_of(table, column);
      for (size_t place = 0; place < places; ++place) {
        if (!first) text += ',';
        first = false;
        text += quoted(field_of(column, places, place));
      }
    }
    text += "\r\n";
  };
  add_line([&](const Column& column, size_t, size_t place) {
    if (column.dimensions.size() == 1) return column.name;
    return fmt::format("{}[{}]", column.name, place_names(table, column, place));
  });
  for (size_t run = 0; run < extent_of(table, "run"); ++run) {
    add_line([&](const Column& column, size_t places, size_t place) {
      return as_text(column, run * places + place);
    });
  }
  return text;
}

std::string export_json(const Table& table) {
  json dimensions = json::object(), columns = json::object(), runs = json::array();
  for (const auto& [name, extent] : table.dimensions) dimensions[name] = coordinates(table, name);
  for (const Column& column : table.columns) {
    columns[column.name] = {{"dimensions", column.dimensions},
                            {"units", column.units},
                            {"long_name", column.long_name}};
  }
  for (size_t run = 0; run < extent_of(table, "run"); ++run) {
    json row = json::object();
    for (const Column& column : table.columns) {
      if (!is_of_runs(column)) continue;
      size_t next = run * places_of(table, column);
      row[column.name] = nested(table, column, 1, next);
    }
    runs.push_back(std::move(row));
  }
  const json whole = {{"attributes", table.attributes},
                      {"dimensions", std::move(dimensions)},
                      {"columns", std::move(columns)},
                      {"runs", std::move(runs)}};
  return whole.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace lengthwise
