#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "base/check.h"
#include "experiments/runner/grammar.h"
#include "experiments/runner/sweep_config.h"

namespace lengthwise {
namespace {

constexpr size_t kMostRuns = 100'000;

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

}  // namespace lengthwise
