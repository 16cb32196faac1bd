#include "experiments/runner/sweep_config.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "base/check.h"
#include "base/nearest.h"
#include "experiments/runner/grammar.h"

namespace po = boost::program_options;

namespace lengthwise {
namespace {

constexpr size_t kMostRuns = 100'000;

std::vector<std::string> names_of(const std::vector<OptionDescription>& keys) {
  std::vector<std::string> names;
  for (const OptionDescription& key : keys) names.push_back(key.name);
  return names;
}

[[noreturn]] void unknown_key(const std::string& where, const std::string& key) {
  std::vector<std::string> names = names_of(known_keys());
  names.insert(names.end(), {"results", "json", "help"});
  user_error("{}{}: unknown key{}", where, key, did_you_mean(key, names));
}

// A file of `key = value` lines; `#` begins a comment.
OptionValues read_ini(const std::filesystem::path& path, const po::options_description& keys) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) {
    user_error("{}: cannot be read, expected a file of `key = value` lines", path.string());
  }
  std::stringstream text;
  text << file.rdbuf();
  if (text.str().starts_with("\xEF\xBB\xBF")) {
    user_error("{}: begins with a byte order mark, expected plain UTF-8 text", path.string());
  }
  OptionValues values;
  try {
    for (const po::option& option : po::parse_config_file(text, keys, true).options) {
      if (option.unregistered) unknown_key(path.string() + ": ", option.string_key);
      const std::string value = option.value.empty() ? "" : option.value.front();
      if (!values.emplace(option.string_key, value).second) {
        user_error("{}: {}: given twice, expected once", path.string(), option.string_key);
      }
    }
  } catch (const po::error& error) {
    user_error("{}: {}; expected `key = value` lines, # for comments", path.string(), error.what());
  }
  return values;
}

std::string sweep_name(const std::filesystem::path& file) {
  if (file.empty()) return "sweep";
  const std::filesystem::path whole = std::filesystem::absolute(file).lexically_normal();
  return whole.stem() == "sweep" ? whole.parent_path().filename().string() : whole.stem().string();
}

// "attention" of attention.windowed.window; "" for keys that every run reads.
std::string selector_of(const std::string& key) {
  const std::string kind = key.substr(0, key.find('.'));
  const bool plug_in = kind == "attention" || kind == "position" || kind == "task";
  return plug_in && kind != key ? kind : "";
}

// A key that no run reads is a mistake, unless it stands in a study's file whose choice of variant
// the command line narrows.
void refuse_unread(const SweepConfig& config,
                   const std::map<std::string, OptionDescription>& keys) {
  for (const auto& [key, text] : config.values) {
    const std::string kind = selector_of(key);
    if (kind.empty()) continue;
    const auto chosen = config.values.find(kind);
    const std::vector<std::string> names = chosen == config.values.end()
                                               ? std::vector{keys.at(kind).default_value}
                                               : sweep_values(kind, chosen->second, keys.at(kind));
    const std::string name = key.substr(kind.size() + 1, key.rfind('.') - kind.size() - 1);
    const bool read = std::find(names.begin(), names.end(), name) != names.end();
    const bool narrowed =
        config.from_command_line.contains(kind) && !config.from_command_line.contains(key);
    if (!read && !narrowed) {
      user_error("{}: no run reads it; expected '{}' among {} = {}", key, name, kind,
                 fmt::join(names, ","));
    }
  }
}

// A key of training on the command line of a sweep that does not train is a mistake too.
void refuse_unread_training(const SweepConfig& config) {
  const auto steps = config.values.find("train.steps");
  const bool trains = steps != config.values.end() && steps->second != "0";
  for (const auto& [key, text] : config.from_command_line) {
    if (is_of_training(key) && key != "train.steps" && !trains) {
      user_error("{}: no run trains, so none reads it; expected train.steps above 0", key);
    }
  }
}

// Makes each task once, however many runs share it: a text is read once.
class TaskCache {
 public:
  const Task& get(const RunConfig& config) {
    auto& task = tasks_[{config.run.task, config.task_options}];
    if (!task) task = config.make_task();
    return *task;
  }

 private:
  std::map<std::pair<std::string, OptionValues>, std::unique_ptr<Task>> tasks_;
};

}  // namespace

SweepConfig parse_sweep(const std::vector<std::string>& arguments) {
  po::options_description keys;
  for (const OptionDescription& key : known_keys()) {
    keys.add_options()(key.name.c_str(), po::value<std::string>());
  }
  po::options_description all;
  all.add(keys).add_options()("results", po::value<std::string>())(
      "file", po::value<std::vector<std::string>>())("json", "")("help", "");
  po::positional_options_description positional;
  positional.add("file", -1);
  SweepConfig config;
  std::set<std::string> seen;
  try {
    // No guessing: --res must not mean --results. No short options: -1 is a value.
    const int style = po::command_line_style::allow_long |
                      po::command_line_style::long_allow_adjacent |
                      po::command_line_style::long_allow_next;
    const auto parsed =
        po::command_line_parser(arguments).options(all).positional(positional).style(style).run();
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
      } else {
        config.from_command_line.emplace(key, value);
      }
    }
  } catch (const po::unknown_option& error) {
    std::string key = error.get_option_name();
    key.erase(0, key.find_first_not_of('-'));
    unknown_key("", key.substr(0, key.find('=')));
  } catch (const po::invalid_command_line_syntax& error) {
    if (error.kind() == po::invalid_syntax::extra_parameter) {
      user_error("{}", error.what());
    }
    std::string key = error.get_option_name();
    key.erase(0, key.find_first_not_of('-'));
    user_error("{}: found an empty list, expected a value", key.substr(0, key.find('=')));
  } catch (const po::error& error) {
    user_error("{}", error.what());
  }
  if (!config.file.empty()) config.values = read_ini(config.file, keys);
  for (const auto& [key, value] : config.from_command_line) config.values[key] = value;
  config.name = sweep_name(config.file);
  if (config.results.empty()) config.results = std::filesystem::path("results") / config.name;
  return config;
}

Plan plan_sweep(const SweepConfig& config) {
  std::map<std::string, OptionDescription> keys;
  for (const OptionDescription& key : known_keys()) keys.emplace(key.name, key);
  refuse_unread(config, keys);
  // The last dimension changes fastest: variants follow each other, so that the machine's drift
  // does not look like a difference between them.
  std::vector<std::pair<std::string, std::vector<std::string>>> dimensions;
  size_t cells = 1;
  for (const auto& [key, text] : config.values) {
    dimensions.emplace_back(key, sweep_values(key, text, keys.at(key)));
    cells *= dimensions.back().second.size();
    if (cells > kMostRuns) {
      user_error("{}: the grid has more than {} runs, expected fewer", key, kMostRuns);
    }
  }
  const auto rank = [](const std::string& key) {
    return key == "attention" ? 3 : key == "position" ? 2 : key == "length" ? 1 : 0;
  };
  std::stable_sort(dimensions.begin(), dimensions.end(),
                   [&](const auto& a, const auto& b) { return rank(a.first) < rank(b.first); });
  Plan plan;
  TaskCache tasks;
  std::set<std::string> ids, refused;
  for (size_t cell = 0; cell < cells; ++cell) {
    OptionValues values;
    size_t rest = cell;
    for (auto dimension = dimensions.rbegin(); dimension != dimensions.rend(); ++dimension) {
      const auto& [key, choices] = *dimension;
      values.emplace(key, choices[rest % choices.size()]);
      rest /= choices.size();
    }
    RunConfig run = resolve_run(values);
    if (const std::string reason = why_refused(run); !reason.empty()) {
      if (refused.insert(reason).second) {
        plan.refused.push_back(
            {fmt::format("{} with {}", run.run.attention, run.run.position), reason});
      }
      continue;
    }
    const Task& task = tasks.get(run);
    check_run(run, task);
    const std::string id = run.id(task.data_hash());
    if (!ids.insert(id).second) continue;
    plan.runs.push_back({std::move(run), id, task.data_hash()});
  }
  refuse_unread_training(config);
  if (plan.runs.empty()) {
    user_error("attention: every run is refused: {}", plan.refused.front().reason);
  }
  return plan;
}

std::string describe_keys() {
  std::string text;
  for (const OptionDescription& key : known_keys()) {
    text += fmt::format("  --{} ({})\n      {}; {}\n", key.name,
                        key.default_value.empty() ? "empty" : key.default_value, key.help,
                        key.expected);
  }
  return text;
}

}  // namespace lengthwise
