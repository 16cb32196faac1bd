// From a command line and an INI file to the runs of a sweep. The only part that knows
// Boost.Program_options.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "experiments/runner/run_config.h"

namespace lengthwise {

/// Key -> text as given, the command line before the file.
struct SweepConfig {
  OptionValues values;
  OptionValues from_command_line;
  std::filesystem::path file;     // empty without one
  std::filesystem::path results;  // --results, or results/<name>
  std::string name;               // of the study's folder, of the file, or "sweep"
  bool json = false;
  bool help = false;
};

/// UserError: an unknown key (with the nearest), a key twice, a file that cannot be read.
SweepConfig parse_sweep(const std::vector<std::string>& arguments);
/// The command line alone: its file is named, not read.
SweepConfig parse_arguments(const std::vector<std::string>& arguments);
/// The text of a file of `key = value` lines, where # begins a comment; errors name `where`.
OptionValues parse_ini(const std::string& text, const std::string& where);

struct PlannedRun {
  RunConfig config;
  std::string id;
  uint64_t data_hash = 0;
};

struct RefusedRun {
  std::string what, reason;  // "linear with alibi"
};

struct Plan {
  std::vector<PlannedRun> runs;     // interleaved: variants change fastest
  std::vector<RefusedRun> refused;  // combinations that cannot work
};

/// The grid, expanded, checked and without repetitions. UserError where a cell cannot run, a key is
/// read by no run, or every cell is refused.
Plan plan_sweep(const SweepConfig& config);

/// What `lengthwise run --help` prints of the keys.
std::string describe_keys();

}  // namespace lengthwise
