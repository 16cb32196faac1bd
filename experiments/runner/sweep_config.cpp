#include "experiments/runner/sweep_config.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "base/check.h"
#include "base/nearest.h"

namespace po = boost::program_options;

namespace lengthwise {
namespace {

std::vector<std::string> names_of(const std::vector<OptionDescription>& keys) {
  std::vector<std::string> names;
  for (const OptionDescription& key : keys) names.push_back(key.name);
  return names;
}

[[noreturn]] void unknown_key(const std::string& where, const std::string& key) {
  std::vector<std::string> names = names_of(known_keys());
  names.insert(names.end(), {"results", "json", "help"});
  for (const RunnerOptionInfo& option : runner_option_infos()) names.emplace_back(option.name);
  user_error("{}{}: unknown key{}", where, key, did_you_mean(key, names));
}

// Every key as a string: what it may be, others check. Built once, for plug-ins register before
// main.
const po::options_description& key_options() {
  static const po::options_description kOptions = [] {
    po::options_description keys;
    for (const OptionDescription& key : known_keys()) {
      keys.add_options()(key.name.c_str(), po::value<std::string>());
    }
    return keys;
  }();
  return kOptions;
}

const po::options_description& line_options() {
  static const po::options_description kOptions = [] {
    po::options_description all;
    all.add(key_options())
        .add_options()("results", po::value<std::string>())(
            "file", po::value<std::vector<std::string>>())("json", "")("help", "");
    for (const RunnerOptionInfo& option : runner_option_infos()) {
      const std::string name(option.name);
      if (option.is_flag) {
        all.add_options()(name.c_str(), "");
      } else {
        all.add_options()(name.c_str(), po::value<std::string>());
      }
    }
    return all;
  }();
  return kOptions;
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) {
    user_error("{}: cannot be read, expected a file of `key = value` lines", path.string());
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string sweep_name(const std::filesystem::path& file) {
  if (file.empty()) return "sweep";
  const std::filesystem::path whole = std::filesystem::absolute(file).lexically_normal();
  return whole.stem() == "sweep" ? whole.parent_path().filename().string() : whole.stem().string();
}

bool is_runner_option(const std::string& name) {
  const auto infos = runner_option_infos();
  return std::any_of(infos.begin(), infos.end(),
                     [&](const RunnerOptionInfo& info) { return info.name == name; });
}

}  // namespace

OptionValues parse_ini(const std::string& text, const std::string& where) {
  if (text.starts_with("\xEF\xBB\xBF")) {
    user_error("{}: begins with a byte order mark, expected plain UTF-8 text", where);
  }
  OptionValues values;
  try {
    std::istringstream lines(text);
    for (const po::option& option : po::parse_config_file(lines, key_options(), true).options) {
      if (option.unregistered) unknown_key(where + ": ", option.string_key);
      const std::string value = option.value.empty() ? "" : option.value.front();
      if (!values.emplace(option.string_key, value).second) {
        user_error("{}: {}: given twice, expected once", where, option.string_key);
      }
    }
  } catch (const po::invalid_syntax& error) {
    // not its what(): that looks for %invalid_line% in the line too, and replaces it for ever
    user_error("{}: found the line '{}', expected `key = value` lines, # for comments", where,
               error.tokens());
  } catch (const po::error& error) {
    user_error("{}: {}; expected `key = value` lines, # for comments", where, error.what());
  }
  return values;
}

SweepConfig parse_arguments(const std::vector<std::string>& arguments) {
  po::positional_options_description positional;
  positional.add("file", -1);
  SweepConfig config;
  config.arguments = arguments;
  std::set<std::string> seen;
  try {
    // No guessing: --res must not mean --results. No short options: -1 is a value.
    const int style = po::command_line_style::allow_long |
                      po::command_line_style::long_allow_adjacent |
                      po::command_line_style::long_allow_next;
    const auto parsed = po::command_line_parser(arguments)
                            .options(line_options())
                            .positional(positional)
                            .style(style)
                            .run();
    for (const po::option& option : parsed.options) {
      const std::string& key = option.string_key;
      const std::string value = option.value.empty() ? "" : option.value.front();
      if (!seen.insert(key).second) user_error("{}: given twice, expected once", key);
      if (key == "file") {
        config.file = value;
      } else if (key == "results") {
        if (value.empty()) user_error("results: found nothing, expected a folder");
        config.results = value;
      } else if (key == "json") {
        config.json = true;
      } else if (key == "help") {
        config.help = true;
      } else if (is_runner_option(key)) {
        set_runner_option(config.runner, key, value);
      } else {
        config.from_command_line.emplace(key, value);
      }
    }
  } catch (const po::unknown_option& error) {
    std::string key = error.get_option_name();
    key.erase(0, key.find_first_not_of('-'));
    unknown_key("", key.substr(0, key.find('=')));
  } catch (const po::invalid_command_line_syntax& error) {
    std::string key = error.get_option_name();
    key.erase(0, key.find_first_not_of('-'));
    key = key.substr(0, key.find('='));
    if (error.kind() == po::invalid_syntax::extra_parameter) {
      user_error("{}: found a value, expected none", key);
    }
    user_error("{}: found an empty list, expected a value", key);
  } catch (const po::error& error) {
    user_error("{}", error.what());
  }
  config.values = config.from_command_line;
  config.name = sweep_name(config.file);
  if (config.results.empty()) config.results = std::filesystem::path("results") / config.name;
  return config;
}

SweepConfig parse_sweep(const std::vector<std::string>& arguments) {
  SweepConfig config = parse_arguments(arguments);
  if (config.file.empty()) return config;
  config.values = parse_ini(read_text(config.file), config.file.string());
  for (const auto& [key, value] : config.from_command_line) config.values[key] = value;
  return config;
}

std::string describe_keys() {
  std::string text;
  for (const OptionDescription& key : known_keys()) {
    text += fmt::format("  --{} ({})\n      {}; {}\n", key.name,
                        key.default_value.empty() ? "empty" : key.default_value, key.help,
                        key.expected);
  }
  text += "\nHow it is run (on the command line alone):\n";
  for (const RunnerOptionInfo& option : runner_option_infos()) {
    text += fmt::format("  --{}\n      {}\n", option.name, option.help);
  }
  return text;
}

}  // namespace lengthwise
