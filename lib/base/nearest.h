#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lengthwise {

/// The candidate with the least edit distance, or "" where none is close enough to be meant.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// " (did you mean 'x'?)" or "", to end an error message with.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace lengthwise
