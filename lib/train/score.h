// How well a model does on a task: over all labels, and over each part that the task names.
#pragma once
#include <limits>
#include <string>
#include <vector>

#include "nn/transformer.h"
#include "tasks/task.h"

namespace lengthwise {

/// Of some labels. NaN where there are none.
struct LabelScore {
  int64_t scored = 0;             // labelled positions
  double accuracy = 0;            // share of them predicted right
  double exact_match = 0;         // share of the examples that have any whose every one is right
  double loss = 0;                // mean, in nats
  double exact_match_chance = 0;  // of guesses that are right as often as the task's chance says
  double ceiling = std::numeric_limits<double>::quiet_NaN();  // of accuracy, where one is known
};

/// Labels come with the right tokens before them, not with the model's own; where every one is
/// right, as exact_match counts, the model's own would be those.
struct LengthScore {
  int64_t length = 0;
  LabelScore all;
  std::vector<std::string> part_names;
  std::vector<LabelScore> parts;
};

/// What the encoder reads of this batch, if there is anything.
inline Source source_of(const Batch& batch) {
  return {batch.source, batch.source_length, batch.source_lengths};
}

/// Tokens that a scoring pass takes at once, unless told otherwise.
inline constexpr int64_t kTokensScoredAtOnce = 16384;

/// Scores `wanted` validation examples of this length (or as many as the task has), some
/// `tokens_at_once` tokens at a time.
LengthScore evaluate(const Transformer& model, const Task& task, uint64_t seed, int64_t length,
                     int64_t wanted, int64_t tokens_at_once = kTokensScoredAtOnce);

/// Adds what the model could reach at best, as the task knows.
void add_ceilings(const Transformer& model, const Task& task, LengthScore& score);

}  // namespace lengthwise
