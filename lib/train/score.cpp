#include "train/score.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/counters.h"
#include "base/parallel.h"
#include "kernels/rows.h"

namespace lengthwise {
namespace {

// What is summed up of all labels, or of one part's, an example after the other.
class Sums {
 public:
  void add(bool right, double loss) {
    ++labels_;
    right_ += right ? 1 : 0;
    loss_ += loss;
    ++of_example_;
    wrong_ += right ? 0 : 1;
  }
  void end_example(double chance) {
    if (of_example_ == 0) return;
    ++examples_;
    exact_ += wrong_ == 0 ? 1 : 0;
    exact_by_chance_ += std::pow(chance, static_cast<double>(of_example_));
    of_example_ = wrong_ = 0;
  }
  LabelScore score() const {
    const auto labels = static_cast<double>(labels_), examples = static_cast<double>(examples_);
    return {.scored = labels_,
            .accuracy = static_cast<double>(right_) / labels,
            .exact_match = static_cast<double>(exact_) / examples,
            .loss = loss_ / labels,
            .exact_match_chance = exact_by_chance_ / examples};
  }

 private:
  int64_t labels_ = 0, right_ = 0, examples_ = 0, exact_ = 0;
  double loss_ = 0, exact_by_chance_ = 0;
  int64_t of_example_ = 0, wrong_ = 0;
};

struct Prediction {
  bool right;
  double loss;
};

std::vector<Prediction> predict(const Transformer& model, const Batch& batch) {
  constexpr int64_t kRows = 16;  // of one task
  ForwardPass pass;
  pass.source = source_of(batch);
  const Var logits = model.logits(batch.tokens, batch.batch, batch.length, batch.labelled, pass);
  const auto labels = static_cast<int64_t>(batch.targets.size());
  const int64_t vocabulary = logits.extent(1);
  std::vector<Prediction> predictions(batch.targets.size());
  count_exponentials(labels * vocabulary);
  parallel_ranges(labels, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* of_label = logits.data() + row * vocabulary;
      const int32_t target = batch.targets[static_cast<size_t>(row)];
      predictions[static_cast<size_t>(row)] = {
          largest_in_row(of_label, vocabulary) == target,
          double{log_sum_exp_row(of_label, vocabulary)} - double{of_label[target]}};
    }
  });
  return predictions;
}

// sums: of all labels, then of each part.
void add_batch(const Batch& batch, const std::vector<Prediction>& predictions, double chance,
               std::vector<Sums>& sums) {
  const bool has_parts = !batch.parts.empty();
  check_equal(has_parts, sums.size() > 1, "a scored batch has parts");
  for (size_t label = 0; label < predictions.size(); ++label) {
    const auto [right, loss] = predictions[label];
    sums.front().add(right, loss);
    if (has_parts) sums.at(static_cast<size_t>(batch.parts[label]) + 1).add(right, loss);
    const bool last = label + 1 == predictions.size() || batch.labelled[label + 1] / batch.length !=
                                                             batch.labelled[label] / batch.length;
    if (!last) continue;
    for (Sums& sum : sums) sum.end_example(chance);
  }
}

}  // namespace

LengthScore evaluate(const Transformer& model, const Task& task, uint64_t seed, int64_t length,
                     int64_t wanted, int64_t tokens_at_once) {
  LengthScore score;
  score.length = length;
  score.part_names = task.parts(length);
  std::vector<Sums> sums(1 + score.part_names.size());
  const double chance = task.chance(length);
  const int64_t examples = task.evaluation_examples(length, wanted);
  const int64_t at_once = std::max<int64_t>(1, tokens_at_once / length);
  for (int64_t first = 0; first < examples; first += at_once) {
    const Batch batch =
        task.evaluation_batch(seed, length, first, std::min(at_once, examples - first));
    if (!batch.targets.empty()) add_batch(batch, predict(model, batch), chance, sums);
  }
  score.all = sums.front().score();
  for (size_t part = 1; part < sums.size(); ++part) score.parts.push_back(sums[part].score());
  return score;
}

void add_ceilings(const Transformer& model, const Task& task, LengthScore& score) {
  const Ceiling ceiling = task.ceiling(score.length, model.receptive_field());
  score.all.ceiling = ceiling.all;
  if (ceiling.parts.empty()) return;
  check_equal(ceiling.parts.size(), score.parts.size(), "ceilings of the parts of a task");
  for (size_t part = 0; part < score.parts.size(); ++part) {
    score.parts[part].ceiling = ceiling.parts[part];
  }
}

}  // namespace lengthwise
