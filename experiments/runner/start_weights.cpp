#include "experiments/runner/start_weights.h"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "base/check.h"
#include "base/config_keys.h"
#include "base/hash.h"
#include "experiments/runner/match.h"

namespace lengthwise {
namespace {

// Whether this is an option of a variant or scheme that no run of the sweep has.
bool is_foreign(const std::string& key, const OptionValues& values) {
  const size_t dot = key.find('.');
  const std::string kind = key.substr(0, dot);
  if (dot == std::string::npos || (kind != "attention" && kind != "position")) return false;
  const std::string name = key.substr(dot + 1, key.rfind('.') - dot - 1);
  for (const char* role : {kind.c_str(), kDecoderVariants[0], kDecoderVariants[1]}) {
    const auto chosen = values.find(role);
    if (chosen == values.end()) continue;
    for (const std::string_view pattern : split_text(chosen->second, ',')) {
      const auto names = split_text(pattern, '+');
      if (std::find(names.begin(), names.end(), name) != names.end()) return false;
    }
  }
  return true;
}

// What a training sets of a model, and no weight shows.
bool is_of_training_alone(std::string_view key) {
  constexpr std::string_view kKeys[] = {"model.dropout", "model.attention_dropout",
                                        "model.initial_deviation", kWeightsKey};
  return std::find(std::begin(kKeys), std::end(kKeys), key) != std::end(kKeys);
}

// What the weights are of: kind, extents and form of the model, its variants, its scheme and their
// options.
OptionValues keys_of(const RunConfig& config) {
  OptionValues keys;
  for (const auto& [key, value] : config.resolved) {
    const std::string_view kind = std::string_view(key).substr(0, key.find('.'));
    const bool says =
        kind == "model" || kind == "position" || kind == "attention" || is_decoder_variant(key);
    if (says && !is_of_training_alone(key)) keys.emplace(key, value);
  }
  return keys;
}

OptionValues described(ModelOptions options) {
  OptionDescriber describer;
  options.visit(describer);
  OptionValues values;
  for (const OptionDescription& option : describer.descriptions) {
    values.emplace("model." + option.name, option.default_value);
  }
  return values;
}

// Of the task, where it is given and its option.
void add_vocabulary(int64_t vocabulary, OptionValues& values) {
  const auto task = values.find("task");
  const std::string name = task == values.end() ? RunOptions().task : task->second;
  for (const TaskEntry& entry : tasks()) {
    if (entry.info.name != name) continue;
    OptionDescriber describer;
    entry.options(describer);
    for (const OptionDescription& option : describer.descriptions) {
      if (option.name != "vocabulary") continue;
      values.emplace(fmt::format("task.{}.vocabulary", name), std::to_string(vocabulary));
    }
  }
}

// The same in every role, options included: then each weight of one has its place in the other.
bool has_variants_of(const RunConfig& a, const RunConfig& b) {
  const auto roles = [](const RunConfig& c) {
    return std::tie(c.run.attention, c.run.decoder_attention, c.run.cross_attention,
                    c.attention_options, c.decoder_options, c.cross_options);
  };
  return roles(a) == roles(b);
}

bool has_positions(const std::vector<Parameter>& parameters) {
  return std::any_of(parameters.begin(), parameters.end(), [](const Parameter& parameter) {
    return parameter.name.starts_with("position.");
  });
}

}  // namespace

StartWeights::StartWeights(const std::string& path) {
  if (path.empty()) return;
  stored_ = open_stored_model(path);
  config_ = resolve_run(stored_->values);
  hash_ = hash_of_stored(path);
}

OptionValues StartWeights::filled(OptionValues values) const {
  if (!stored_) return values;
  const OptionValues keys = keys_of(config_);
  for (const char* kind : {"attention", "position", kDecoderVariants[0], kDecoderVariants[1]}) {
    if (keys.contains(kind)) values.emplace(kind, keys.at(kind));
  }
  for (const auto& [key, value] : keys) {
    if (!is_foreign(key, values)) values.emplace(key, value);
  }
  add_vocabulary(stored_->vocabulary, values);
  return values;
}

void StartWeights::check_fit(const RunConfig& asked, const Task& task) const {
  if (!stored_) return;
  const RunConfig config = matched(asked, task);
  const int64_t vocabulary = task.vocabulary();
  const std::string path = stored_->path.string();
  const OptionValues found = described(config.model);
  for (const auto& [key, expected] : described(config_.model)) {
    if (found.at(key) != expected && !is_of_training_alone(key)) {
      user_error("{}: found {}, expected {}, as the weights in '{}' have it", key, found.at(key),
                 expected, path);
    }
  }
  if (vocabulary != stored_->vocabulary) {
    user_error(
        "task: found a vocabulary of {} tokens in {}, expected the {} of the weights in "
        "'{}'",
        vocabulary, config.run.task, stored_->vocabulary, path);
  }
  const Transformer model(config.model_setup(vocabulary), ParameterSet::counting());
  const auto of_positions = stored_->shapes.lower_bound("position.");
  const bool stores_positions =
      of_positions != stored_->shapes.end() && of_positions->first.starts_with("position.");
  const std::string& position = config_.run.position;
  if (config.run.position != position && (stores_positions || has_positions(model.parameters()))) {
    user_error("position: found {}, expected {}: the weights in '{}' have {} of positions",
               config.run.position, position, path, stores_positions ? "a table" : "no table");
  }
  check_weights(model, *stored_, !has_variants_of(config, config_));
  for (const Parameter& parameter : model.parameters()) {
    if (config.trains || stored_->shapes.contains(parameter.name)) continue;
    user_error(
        "attention: found {}, whose '{}' the weights in '{}' lack, expected train.steps above 0, "
        "to learn it",
        config.run.attention, parameter.name, path);
  }
}

uint64_t StartWeights::hashed_with(uint64_t data_hash) const {
  if (!stored_) return data_hash;
  return hash_text(fmt::format("weights {:016x}", hash_), data_hash);
}

void start_from_weights(const RunConfig& config, Transformer& model) {
  if (config.run.weights.empty()) return;
  // The file may be another one since the sweep was checked against it.
  const StoredModel stored = open_stored_model(config.run.weights);
  check_weights(model, stored, !has_variants_of(config, resolve_run(stored.values)));
  set_weights(model, stored);
}

}  // namespace lengthwise
