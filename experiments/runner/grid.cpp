#include "experiments/runner/grid.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <unordered_set>

#include "base/check.h"
#include "base/config_keys.h"
#include "experiments/runner/grammar.h"
#include "experiments/runner/start_weights.h"
#include "experiments/runner/task_cache.h"

namespace lengthwise {
namespace {

constexpr uint64_t kMostRuns = 100'000;

// "attention" of attention.windowed.window; "" for keys that every run reads.
std::string selector_of(const std::string& key) {
  const std::string kind = key.substr(0, key.find('.'));
  const bool plug_in = kind == "attention" || kind == "position" || kind == "task";
  return plug_in && kind != key ? kind : "";
}

// The values that the sweep gives to this key.
std::vector<std::string> choices_of(const SweepConfig& config, const std::string& key,
                                    const std::map<std::string, OptionDescription>& keys) {
  const auto chosen = config.values.find(key);
  return chosen == config.values.end() ? std::vector{keys.at(key).default_value}
                                       : sweep_values(key, chosen->second, keys.at(key));
}

// A key that only models with a source read, is a mistake where no model of the sweep has one.
void refuse_unread_by_kind(const SweepConfig& config,
                           const std::map<std::string, OptionDescription>& keys) {
  constexpr const char* kKind = "encoder_decoder";
  const std::vector<std::string> kinds = choices_of(config, "model.kind", keys);
  if (std::find(kinds.begin(), kinds.end(), kKind) != kinds.end()) return;
  for (const char* key : kDecoderVariants) {
    const bool narrowed =
        config.from_command_line.contains("model.kind") && !config.from_command_line.contains(key);
    if (config.values.contains(key) && !narrowed) {
      user_error("{}: no run reads it; expected {} among model.kind = {}", key, kKind,
                 fmt::join(kinds, ","));
    }
  }
}

// A key that no run reads is a mistake, unless it stands in a study's file whose choice of variant
// the command line narrows.
void refuse_unread(const SweepConfig& config,
                   const std::map<std::string, OptionDescription>& keys) {
  for (const auto& [key, text] : config.values) {
    const std::string kind = selector_of(key);
    if (kind.empty()) continue;
    std::vector<std::string> choices = choices_of(config, kind, keys);
    if (kind == "attention") {
      for (const char* other : kDecoderVariants) {
        for (std::string& choice : choices_of(config, other, keys)) {
          if (!choice.empty()) choices.push_back(std::move(choice));
        }
      }
    }
    std::vector<std::string> names;
    for (const std::string& choice : choices) {
      for (std::string& name : pattern_names(choice)) names.push_back(std::move(name));
    }
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
  const bool has_weights = config.values.contains(kWeightsKey);
  for (const auto& [key, text] : config.from_command_line) {
    const bool of_scoring = key.starts_with("eval.");
    if (!is_of_training(key) || key == "train.steps" || trains || (of_scoring && has_weights)) {
      continue;
    }
    user_error("{}: no run trains, so none reads it; expected train.steps above 0{}", key,
               of_scoring ? ", or model.weights" : "");
  }
}

// Variants change fastest, then schemes, then lengths.
int rank(const std::string& key) {
  return key == "attention" ? 3 : key == "position" ? 2 : key == "length" ? 1 : 0;
}

}  // namespace

Grid::Grid(SweepConfig config) {
  const auto path = config.values.find(kWeightsKey);
  const StartWeights weights(path == config.values.end() ? "" : path->second);
  config.values = weights.filled(std::move(config.values));
  std::map<std::string, OptionDescription> keys;
  for (const OptionDescription& key : known_keys()) keys.emplace(key.name, key);
  refuse_unread(config, keys);
  refuse_unread_by_kind(config, keys);
  uint64_t cells = 1;
  for (const auto& [key, text] : config.values) {
    dimensions_.emplace_back(key, sweep_values(key, text, keys.at(key)));
    cells *= dimensions_.back().second.size();
    if (cells > kMostRuns) {
      user_error("{}: the grid has more than {} runs, expected fewer", key, kMostRuns);
    }
  }
  std::stable_sort(dimensions_.begin(), dimensions_.end(),
                   [](const auto& a, const auto& b) { return rank(a.first) < rank(b.first); });
  expand(weights);
  refuse_unread_training(config);
}

void Grid::expand(const StartWeights& weights) {
  uint64_t cells = 1;
  for (const auto& [key, choices] : dimensions_) cells *= choices.size();
  TaskCache tasks;
  std::unordered_set<uint64_t> ids;
  std::map<std::string, std::string> first;  // value of each key
  bool works = false;
  for (uint64_t cell = 0; cell < cells; ++cell) {
    const RunConfig run = resolve_run(values(cell));
    PlannedRun planned{.cell = cell, .refused = why_refused(run)};
    const Task& task = tasks.get(run);
    if (planned.refused.empty()) {
      check_run(run, task);
      weights.check_fit(run, task);
      works = true;
    }
    planned.data_hash = weights.hashed_with(task.data_hash());
    planned.id = run.id(planned.data_hash);
    if (!ids.insert(planned.id).second) continue;
    runs_.push_back(std::move(planned));
    for (const auto& [key, value] : run.resolved) {
      if (first.emplace(key, value).first->second != value) varying_.insert(key);
    }
  }
  // A key that says nothing at one of its values stands in no config there.
  for (const auto& [key, choices] : dimensions_) {
    if (choices.size() > 1) varying_.insert(key);
  }
  for (const char* named : {"attention", "position", "length", "seed"}) varying_.erase(named);
  if (!works) user_error("attention: every run is refused: {}", runs_.front().refused);
}

OptionValues Grid::values(uint64_t cell) const {
  OptionValues values;
  for (auto dimension = dimensions_.rbegin(); dimension != dimensions_.rend(); ++dimension) {
    const auto& [key, choices] = *dimension;
    values.emplace(key, choices[cell % choices.size()]);
    cell /= choices.size();
  }
  return values;
}

RunConfig Grid::config(const PlannedRun& run) const { return resolve_run(values(run.cell)); }

std::string Grid::label(const RunConfig& config) const {
  std::string label = fmt::format("{} {} length={} seed={}", config.run.attention,
                                  config.run.position, config.run.length, config.run.seed);
  for (const auto& [key, value] : config.resolved) {
    if (varying_.contains(key)) label += fmt::format(" {}={}", key, value);
  }
  return label;
}

std::string id_text(uint64_t id) { return fmt::format("{:016x}", id); }

std::optional<uint64_t> id_of(std::string_view text) {
  uint64_t id = 0;
  std::from_chars(text.data(), text.data() + text.size(), id, 16);
  return id_text(id) == text ? std::optional(id) : std::nullopt;
}

}  // namespace lengthwise
