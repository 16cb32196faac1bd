// What was scored, for people and for programs.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "experiments/analysis/comparison.h"

namespace lengthwise {

/// Tables of every score, of the paired differences, and of price and score; "" where nothing was.
std::string accuracy_text(const Comparison& comparison);

/// Adds "scores", "paired_differences" and "pareto".
void add_accuracy_json(const Comparison& comparison, nlohmann::json& json);

}  // namespace lengthwise
