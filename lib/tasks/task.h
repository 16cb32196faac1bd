// What a model is trained on and scored by. Every example is a function of (seed, split, index).
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/memory.h"
#include "base/options.h"
#include "base/registry.h"
#include "tasks/token_text.h"

namespace lengthwise {

/// Tokens [B,T] and, at the labelled positions only, what should come out. In the form of source
/// and target the tokens are the target's, after the token that begins it.
struct Batch {
  int64_t batch = 0, length = 0;
  DataVector<int32_t> tokens;    // [B,T]
  DataVector<int64_t> labelled;  // rising flat positions b*T + t
  DataVector<int32_t> targets;   // one for each of labelled
  DataVector<int32_t> parts{};   // to score: each label's place in Task::parts, if there are any
  /// To score, where a task knows: the flat position at which each label's answer is to be read,
  /// and one drawn from those of its kind that are not the answer.
  DataVector<int64_t> evidence{}, distractors{};
  int64_t source_length = 0;             // 0: no source
  DataVector<int32_t> source{};          // [B,S]
  DataVector<int64_t> source_lengths{};  // [B] real tokens of each source; empty: all
};

/// A batch without examples yet, with room for exactly so many labels: plans know its bytes.
inline Batch empty_batch(int64_t batch, int64_t length, int64_t labels) {
  Batch result{batch, length, {}, {}, {}};
  result.tokens.reserve(static_cast<size_t>(batch * length));
  result.labelled.reserve(static_cast<size_t>(labels));
  result.targets.reserve(static_cast<size_t>(labels));
  return result;
}

/// A kind of batch that training draws, and the share of its steps that have it.
struct BatchShape {
  int64_t length = 0, labelled = 0;
  double share = 1;
};

/// The share of labels whose answer stands within reach, or of those that Bayes' rule gets right of
/// a task whose rows leave the answer open (`shots`), of all and of each part; NaN and none where a
/// task does not know.
struct Ceiling {
  double all = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> parts = {};
};

/// How well a model without attention does: a line beside the scores.
struct NgramBaseline {
  int64_t context_bytes = 0;
  double bits_per_byte = 0;
};

/// Immutable once made; calls are pure.
class Task {
 public:
  virtual ~Task() = default;
  virtual int64_t vocabulary() const = 0;
  /// UserError names the key where examples of this length cannot be made, to measure cost on; for
  /// training and for scoring a task may want more.
  virtual void check_length(int64_t length) const = 0;
  virtual void check_training(int64_t length) const { check_length(length); }
  virtual void check_scoring(int64_t length) const { check_length(length); }

  /// `batch` fresh examples for this step. Which positions count is decided in the scoring: here
  /// others may be labelled too. A task that mixes sizes may give a shorter batch.
  virtual Batch training_batch(uint64_t seed, int64_t step, int64_t batch,
                               int64_t length) const = 0;
  /// The batches that training draws, for planning: of sizes on average.
  virtual std::vector<BatchShape> training_shapes(int64_t batch, int64_t length) const {
    return {{length, std::ssize(training_batch(0, 0, batch, length).labelled)}};
  }
  /// What cost is measured on: of this length, and of as many labels whatever the seed.
  virtual Batch measured_batch(uint64_t seed, int64_t batch, int64_t length) const {
    return training_batch(seed, 0, batch, length);
  }

  /// How many examples there are to score at this length, when the user asked for `wanted`.
  virtual int64_t evaluation_examples(int64_t /*length*/, int64_t wanted) const { return wanted; }
  /// Examples [first, first + count) of the validation split.
  virtual Batch evaluation_batch(uint64_t seed, int64_t length, int64_t first,
                                 int64_t count) const = 0;
  /// The parts of the score at this length, such as its cells or depths; a label is in one of them.
  virtual std::vector<std::string> parts(int64_t /*length*/) const { return {}; }
  /// Share of labels that a guess without looking gets right: one drawn evenly from the possible
  /// answers, or where TaskInfo::chance says so the most frequent.
  virtual double chance(int64_t length) const = 0;
  /// What a model can answer that looks at most so many tokens back (-1: at all).
  virtual Ceiling ceiling(int64_t /*length*/, int64_t /*receptive_field*/) const { return {}; }
  virtual std::vector<NgramBaseline> baselines() const { return {}; }
  /// Identifies the data a user brought: 0 where examples are generated.
  virtual uint64_t data_hash() const { return 0; }
};

/// The score that a task's source reports of it, and by which models are ranked: labels predicted
/// right, examples whose every label is, the loss of a task of bytes in bits, or the loss.
enum class TaskScore : uint8_t { accuracy, exact_match, bits_per_byte, loss };
/// "accuracy", "exact_match", "bits_per_byte", "loss".
constexpr std::string_view task_score_name(TaskScore score) {
  constexpr std::string_view kNames[] = {"accuracy", "exact_match", "bits_per_byte", "loss"};
  return kNames[static_cast<size_t>(score)];
}

struct TaskInfo {
  std::string_view name, summary, source;
  std::string_view chance;  // how its chance comes about
  TaskScore score = TaskScore::accuracy;
  bool labels_next = false;  // each label is the token that follows: an encoder would see it
};

/// A task may have two forms: one sequence of tokens, and source and target, which models read that
/// have an encoder and a decoder. At least one is there.
struct TaskEntry {
  TaskInfo info;
  std::function<void(OptionVisitor&)> options;
  std::function<std::unique_ptr<Task>(const OptionValues&)> make, make_source_form;
  std::function<TokenText(const OptionValues&, TaskForm)> token_text;  // empty: ids
};

inline std::span<const TaskEntry> tasks() { return Registry<TaskEntry>::instance().entries(); }
inline const TaskEntry& task_entry(std::string_view name) {
  return Registry<TaskEntry>::instance().find("task", name);
}

template <class T>
using MakeTask = std::function<std::unique_ptr<Task>(const typename T::Options&)>;

/// How prompts and answers of this task are written, with so many tokens in its vocabulary.
inline TokenText token_text_of(const TaskEntry& task, const OptionValues& options, TaskForm form,
                               int64_t vocabulary) {
  if (task.token_text) return task.token_text(options, form);
  return form == TaskForm::sequence
             ? token_ids_text(vocabulary)
             : with_begin_and_end(token_ids_text(vocabulary - 2), vocabulary - 2);
}

/// T has static info() and Options with visit; either form may be empty. Static
/// `TokenText token_text(const Options&, TaskForm)` is taken if there.
template <class T>
bool register_task_forms(const MakeTask<T>& sequence, const MakeTask<T>& source) {
  using Options = typename T::Options;
  const auto read = [](const OptionValues& values) {
    return read_options<Options>(values, "task." + std::string(T::info().name) + ".");
  };
  const auto read_and = [read](const MakeTask<T>& make) {
    std::function<std::unique_ptr<Task>(const OptionValues&)> made;
    if (make) made = [make, read](const OptionValues& values) { return make(read(values)); };
    return made;
  };
  TaskEntry entry{T::info(),
                  [](OptionVisitor& visitor) {
                    Options options;
                    options.visit(visitor);
                  },
                  read_and(sequence),
                  read_and(source),
                  {}};
  if constexpr (requires(const Options& o) { T::token_text(o, TaskForm::sequence); }) {
    entry.token_text = [read](const OptionValues& values, TaskForm form) {
      return T::token_text(read(values), form);
    };
  }
  return Registry<TaskEntry>::instance().add(std::move(entry));
}

/// A task of one sequence that is made from Options, and its form of source and target, if any.
template <class T>
bool register_task(const MakeTask<T>& source = {}) {
  return register_task_forms<T>(
      [](const typename T::Options& options) { return std::make_unique<T>(options); }, source);
}

/// A task of source and target alone.
template <class T>
bool register_source_task() {
  return register_task_forms<T>(
      {}, [](const typename T::Options& options) { return std::make_unique<T>(options); });
}

}  // namespace lengthwise
