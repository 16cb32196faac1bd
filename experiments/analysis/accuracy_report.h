// What was scored, for people and for programs.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "experiments/analysis/comparison.h"

namespace lengthwise {

/// Tables of every score, of its parts, of the paired differences, and of price and score; "" where
/// nothing was.
std::string accuracy_text(const Comparison& comparison);

/// What each model's primary score is in each part of the test, with the ceilings beneath; "" where
/// no task names parts.
std::string parts_text(const Comparison& comparison);

/// "Accuracy".
std::string score_title(Score score);
/// "0.912 ±0.013", with half of the interval where both of its ends are known.
std::string with_reach(double mean, const Interval& interval, const char* format);
/// "0.067", or with one digit that counts where that shows none: "0.0002".
std::string baseline_text(double value);
/// Some ceiling is below 1, so that it says something.
bool has_low_ceiling(const ScoreSummary& summary);

/// Adds "scores", "paired_differences" and "pareto".
void add_accuracy_json(const Comparison& comparison, nlohmann::json& json);

}  // namespace lengthwise
