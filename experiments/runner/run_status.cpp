#include "experiments/runner/run_status.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"

namespace lengthwise {

const std::vector<std::string>& run_status_names() {
  static const std::vector<std::string> kNames = {"ok",      "out_of_memory", "timed_out",
                                                  "crashed", "diverged",      "refused"};
  return kNames;
}

std::string_view run_status_name(RunStatus status) {
  return run_status_names().at(static_cast<size_t>(status));
}

RunStatus parse_run_status(std::string_view key, std::string_view text) {
  const auto& names = run_status_names();
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    user_error("{}: found '{}', expected one of {}", key, text, fmt::join(names, ", "));
  }
  return static_cast<RunStatus>(found - names.begin());
}

std::string by_status_text(const StatusCounts& counts) {
  std::string text;
  for (const auto& [status, count] : counts) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, run_status_name(status));
  }
  return text;
}

nlohmann::json by_status_json(const StatusCounts& counts) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [status, count] : counts) json[std::string(run_status_name(status))] = count;
  return json;
}

}  // namespace lengthwise
