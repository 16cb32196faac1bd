// From a command line and an INI file to the keys of a sweep. The only part that knows
// Boost.Program_options.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/runner/run_config.h"
#include "experiments/runner/runner_options.h"

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
  RunnerOptions runner;
  std::vector<std::string> arguments;  // what all this was read from
};

/// UserError: an unknown key (with the nearest), a key twice, a file that cannot be read.
SweepConfig parse_sweep(const std::vector<std::string>& arguments);
/// The command line alone: its file is named, not read.
SweepConfig parse_arguments(const std::vector<std::string>& arguments);
/// The text of a file of `key = value` lines, where # begins a comment; errors name `where`.
OptionValues parse_ini(const std::string& text, const std::string& where);

/// What `lengthwise run --help` prints of the keys and the runner's options.
std::string describe_keys();

}  // namespace lengthwise
