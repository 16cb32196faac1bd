// One run, fully resolved: every key that can change a recorded number, checked.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "experiments/runner/tune_options.h"
#include "nn/model_cost.h"
#include "tasks/task.h"
#include "train/trainer.h"

namespace lengthwise {

inline constexpr int64_t kSchemaVersion = 5;
/// Tokens of an example whose attention is looked at: weights of every pair of them are taken down.
inline constexpr int64_t kLongestAttention = 1024;

inline constexpr const char* kWeightsKey = "model.weights";

/// The keys that belong to no model, training or plug-in.
struct RunOptions {
  std::string attention = "full";
  std::string decoder_attention, cross_attention;  // empty: as attention
  std::string position = "sinusoidal";
  std::string task = "uniform";
  std::string weights;  // empty: drawn
  int64_t length = 256;
  int64_t batch = 1;
  int64_t batch_tokens = 0;
  int64_t seed = 0;
  int64_t threads = 0;
  int64_t repeats = 5;
  std::string measure = "all";
  std::vector<int64_t> train_lengths, train_seeds;
  std::vector<int64_t> eval_lengths;
  int64_t eval_examples = 1000;
  std::string eval_weights = "last";
  bool eval_attention = false;
  bool eval_evidence = false;
  bool eval_removal = false;
  bool eval_geometry = false;
  bool measure_positions = false;
  std::string match = "none";
  std::string match_reference = "full";

  void visit(OptionVisitor& v);
};

/// Every key there is, by its full name: those of RunOptions, model.*, train.*, tune.*, and of
/// every registered variant, scheme and task.
std::vector<OptionDescription> known_keys();

/// What was adjusted so that models agree in a budget; no key: nothing.
struct MatchedSize {
  std::string key, value;
  int64_t target = 0, found = 0;  // the reference's budget, and this model's
};

struct RunConfig {
  RunOptions run;
  ModelOptions model;
  TrainOptions train;
  TuneOptions tune;
  std::vector<OptionValues> attention_options;               // of each part of run.attention
  std::vector<OptionValues> decoder_options, cross_options;  // empty where they are as attention
  OptionValues position_options, task_options;
  bool trains = false;  // this run's length and seed are some that train, and there are steps
  std::vector<std::pair<std::string, std::string>> resolved;  // key, canonical value, as asked for
  MatchedSize match;

  /// It has weights that a second training may take up.
  bool tunes() const {
    return tune.steps > 0 && (trains || (train.steps == 0 && !run.weights.empty()));
  }
  int64_t tune_length() const { return tune.length > 0 ? tune.length : run.length; }
  /// It trains, or is asked what the weights that it begins with are worth.
  bool scores() const {
    return trains || tunes() ||
           (train.steps == 0 && !run.weights.empty() && !run.eval_lengths.empty());
  }
  ModelSetup model_setup(int64_t vocabulary) const;
  ModelPatterns patterns() const { return ModelPatterns(model_setup(0)); }
  /// The form that the model reads; where the task has none, the other.
  TaskForm task_form() const;
  /// In that form.
  std::unique_ptr<Task> make_task() const;
  /// A batch of this many rows, tokens of each, and labels.
  BatchSizes batch_sizes(int64_t batch, int64_t length, int64_t labelled) const;
  /// `key = value` lines: what the results file keeps. A size that was matched stands as it is,
  /// with nothing left to match, so that the text gives this very model again.
  std::string text() const { return text_where(nullptr); }
  /// The same without the paths of this machine.
  std::string text_without_paths() const;
  /// A hash of what can change a recorded number, of the schema and of the data's bytes; paths do
  /// not enter.
  uint64_t id(uint64_t data_hash) const;

 private:
  std::string text_where(bool (*left_out)(std::string_view key)) const;
};

/// Keys with one value each -> a run. UserError names the key; keys of variants, schemes and tasks
/// that this run does not use are passed over.
RunConfig resolve_run(const OptionValues& values);

/// Every variant of its model says what it costs.
bool predicts_cost(const RunConfig& config);

/// The reason why this run cannot work whatever its sizes, or "": a scheme that the variant has no
/// place for, a mask or another sequence's keys that it cannot do, a task whose labels an encoder
/// would see or that has not the form that the model reads.
std::string why_refused(const RunConfig& config);

/// UserError, before anything runs: a pair or size that cannot work, a length past what the scheme,
/// the task or its data serves.
void check_run(const RunConfig& config, const Task& task);

}  // namespace lengthwise
