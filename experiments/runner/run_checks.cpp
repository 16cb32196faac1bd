// Whether a run can work, before anything runs; what a run is stands in run_config.cpp.
#include "base/check.h"
#include "experiments/runner/match.h"
#include "experiments/runner/run_config.h"
#include "insight/position_traits.h"

namespace lengthwise {

bool predicts_cost(const RunConfig& config) {
  return predicts_cost(parts_of(config.model, config.patterns()));
}

std::string why_refused(const RunConfig& config) {
  std::string reason =
      why_refused(config.model, config.patterns(), position_scheme(config.run.position).info);
  if (!reason.empty()) return reason;
  const ModelPatterns patterns = config.patterns();
  const AttentionPattern& last = config.model.has_source() ? patterns.decoder : patterns.self;
  if (config.run.measure == "decoding" && !(config.model.causal() && decodes(last))) {
    return fmt::format("measure = decoding times nothing else, and {} does not decode",
                       config.model.causal() ? config.run.attention : config.model.kind);
  }
  const TaskEntry& task = task_entry(config.run.task);
  if (config.model.has_source() && !task.make_source_form) {
    return fmt::format("{} has no source and target for an encoder_decoder", config.run.task);
  }
  if (!config.model.has_source() && !task.make) {
    return fmt::format("{} gives a source and a target, and model.kind = {} reads one sequence",
                       config.run.task, config.model.kind);
  }
  if (config.scores() && !config.model.causal() && task.info.labels_next) {
    return fmt::format("{} labels each token with the next one, which an encoder sees",
                       config.run.task);
  }
  return "";
}

namespace {

// Of everything that asks for weights of every pair of tokens.
void check_pairs(const RunOptions& run, int64_t length) {
  for (const auto& [option, is_asked] : {std::pair{"eval.attention", run.eval_attention},
                                         std::pair{"eval.evidence", run.eval_evidence},
                                         std::pair{"eval.removal", run.eval_removal}}) {
    if (!is_asked || length <= kLongestAttention) continue;
    user_error(
        "{}: found eval.lengths = {}, expected at most {} tokens: weights of every pair of them "
        "are taken "
        "down",
        option, length, kLongestAttention);
  }
}

void check_looking(const RunConfig& config, const Task& task) {
  for (const auto& [option, is_asked] : {std::pair{"eval.evidence", config.run.eval_evidence},
                                         std::pair{"eval.removal", config.run.eval_removal},
                                         std::pair{"eval.geometry", config.run.eval_geometry}}) {
    if (!is_asked || !config.model.has_source()) continue;
    user_error("{}: found model.kind = encoder_decoder, expected one that reads one sequence",
               option);
  }
  if (config.run.measure_positions && config.run.length > kLongestTraits) {
    user_error(
        "measure_positions: found length = {}, expected at most {} tokens: every pair of "
        "positions is compared",
        config.run.length, kLongestTraits);
  }
  if (config.run.eval_evidence &&
      task.evaluation_batch(0, config.run.length, 0, 1).evidence.empty()) {
    user_error(
        "eval.evidence: found task = {}, which does not say at which token its answers are to be "
        "read, expected one that does, such as coreference",
        config.run.task);
  }
}

void check_training_options(const RunConfig& config) {
  if (config.train.examples % config.train.batch != 0) {
    user_error("train.examples: found {}, expected a multiple of train.batch = {}",
               config.train.examples, config.train.batch);
  }
  if (config.run.eval_weights == "best" && config.train.evaluate_every == 0) {
    user_error(
        "eval.weights: found best without validations, expected train.evaluate_every above 0");
  }
  if (config.tune.steps > 0 && config.train.steps == 0 && config.run.weights.empty()) {
    user_error(
        "tune.steps: found {} and nothing to go on from, expected train.steps above 0 or "
        "model.weights",
        config.tune.steps);
  }
}

}  // namespace

void check_run(const RunConfig& asked, const Task& task) {
  const RunConfig config = matched(asked, task);
  const ModelSetup setup = config.model_setup(task.vocabulary());
  check_model(setup);
  task.check_length(config.run.length);
  const Transformer counted(setup, ParameterSet::counting());
  const int64_t longest = counted.longest();
  const auto check_length = [&](std::string_view key, int64_t length) {
    if (longest == 0 || length <= longest) return;
    user_error(
        "{}: found {}, expected at most the {} positions of position.{} "
        "(position.{}.longest)",
        key, length, longest, config.run.position, config.run.position);
  };
  check_length("length", config.run.length);
  if (config.trains) task.check_training(config.run.length);
  check_training_options(config);
  check_looking(config, task);
  if (config.tunes()) {
    check_length("tune.length", config.tune_length());
    task.check_training(config.tune_length());
    check_trained_part(counted.parameters(), config.tune.part);
  }
  if (!config.scores()) return;
  const auto check_scored = [&](int64_t length) {
    check_pairs(config.run, length);
    check_length("eval.lengths", length);
  };
  const bool scores_there =
      config.run.eval_lengths.empty() || (config.trains && config.train.evaluate_every > 0);
  if (config.run.eval_lengths.empty()) check_scored(config.run.length);
  if (scores_there) task.check_scoring(config.run.length);
  for (const int64_t length : config.run.eval_lengths) {
    check_scored(length);
    task.check_scoring(length);
  }
}

}  // namespace lengthwise
