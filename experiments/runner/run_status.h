// How a run ended. All but `crashed` are results.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace lengthwise {

enum class RunStatus : uint8_t { ok, out_of_memory, timed_out, crashed, diverged, refused };

/// In the order of the enumeration: the meanings of the results file's flags.
const std::vector<std::string>& run_status_names();
std::string_view run_status_name(RunStatus status);
/// UserError names the key.
RunStatus parse_run_status(std::string_view key, std::string_view text);

/// How many runs ended how: "3 ok, 1 crashed", and by name.
using StatusCounts = std::map<RunStatus, size_t>;
std::string by_status_text(const StatusCounts& counts);
nlohmann::json by_status_json(const StatusCounts& counts);

}  // namespace lengthwise
