// A comparison for people and for programs.
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "experiments/analysis/comparison.h"

namespace lengthwise {

/// Aligned tables, at most 110 columns wide where labels allow: the shortest lengths are left out
/// (and said to be) where they do not fit.
std::string comparison_text(const Comparison& comparison);

/// Everything, in full precision and base units; what is absent is null.
nlohmann::json comparison_json(const Comparison& comparison);

/// `lengthwise compare FILE [--json]`: what goes to stdout. UserError names the file.
std::string compare(const std::filesystem::path& file, bool json);

}  // namespace lengthwise
