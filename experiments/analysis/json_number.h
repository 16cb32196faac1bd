#pragma once
#include <cmath>
#include <nlohmann/json.hpp>

namespace lengthwise {

/// JSON has no NaN: what is absent is null.
inline nlohmann::json json_number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

}  // namespace lengthwise
