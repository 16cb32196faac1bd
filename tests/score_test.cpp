// Accuracy, exact match and loss, of all labels and of each part.
#include "train/score.h"

#include <gmock/gmock.h>

#include <cmath>

#include "kernels/rows.h"

namespace lengthwise {
namespace {

using testing::ElementsAre;

constexpr int64_t kVocabulary = 7, kLength = 4;

ModelSetup setup(const std::string& attention = "full") {
  ModelSetup setup;
  setup.model.width = 8;
  setup.model.heads = 2;
  setup.model.initial_deviation = 0.5;
  setup.vocabulary = kVocabulary;
  setup.attention = attention;
  setup.position = "none";
  return setup;
}

// Rows 0 1 2 3, 1 2 3 4, ... with two labels each, of which the model is made to miss those of
// `wrong`, counted over all rows.
class FewLabels final : public Task {
 public:
  FewLabels(const Transformer& model, std::vector<size_t> wrong)
      : model_(model), wrong_(std::move(wrong)) {}
  int64_t vocabulary() const override { return kVocabulary; }
  void check_length(int64_t) const override {}
  Batch training_batch(uint64_t, int64_t, int64_t, int64_t) const override { return {}; }
  int64_t evaluation_examples(int64_t, int64_t) const override { return 4; }
  double chance(int64_t) const override { return 0.5; }
  std::vector<std::string> parts(int64_t) const override { return {"early", "late", "never"}; }

  Batch evaluation_batch(uint64_t, int64_t length, int64_t first, int64_t count) const override {
    Batch batch{count, length, {}, {}, {}};
    for (int64_t row = first; row < first + count; ++row) {
      for (int64_t t = 0; t < length; ++t)
        batch.tokens.push_back(static_cast<int32_t>(row + t) % 7);
      if (row == 3) continue;  // an example without labels
      for (const int64_t t : {1, 3}) {
        batch.labelled.push_back((row - first) * length + t);
        batch.parts.push_back(t == 1 ? 0 : 1);
      }
    }
    const Var logits = model_.logits(batch.tokens, count, length, batch.labelled, {});
    for (size_t label = 0; label < batch.labelled.size(); ++label) {
      const auto best = largest_in_row(logits.data() + label * kVocabulary, kVocabulary);
      const size_t number = static_cast<size_t>(first) * 2 + label;
      const bool misses = std::find(wrong_.begin(), wrong_.end(), number) != wrong_.end();
      batch.targets.push_back(static_cast<int32_t>(misses ? (best + 1) % kVocabulary : best));
    }
    return batch;
  }

 private:
  const Transformer& model_;
  std::vector<size_t> wrong_;
};

TEST(Scores, CountLabelsAndWholeExamplesOfEachPart) {
  const Transformer model(setup(), ParameterSet(2));
  // Row 0 misses its late label, row 2 both.
  const FewLabels task(model, {1, 4, 5});
  for (const int64_t at_once : {kLength, 3 * kLength, int64_t{1000}}) {
    const LengthScore score = evaluate(model, task, 1, kLength, 100, at_once);
    EXPECT_EQ(score.length, kLength);
    EXPECT_EQ(score.all.scored, 6);
    EXPECT_DOUBLE_EQ(score.all.accuracy, 3.0 / 6);
    EXPECT_DOUBLE_EQ(score.all.exact_match, 1.0 / 3);
    EXPECT_DOUBLE_EQ(score.all.exact_match_chance, 0.25);
    ASSERT_THAT(score.part_names, ElementsAre("early", "late", "never"));
    ASSERT_EQ(score.parts.size(), 3U);
    EXPECT_EQ(score.parts[0].scored, 3);
    EXPECT_DOUBLE_EQ(score.parts[0].accuracy, 2.0 / 3);
    EXPECT_DOUBLE_EQ(score.parts[0].exact_match, 2.0 / 3);
    EXPECT_DOUBLE_EQ(score.parts[0].exact_match_chance, 0.5);
    EXPECT_DOUBLE_EQ(score.parts[1].accuracy, 1.0 / 3);
    EXPECT_EQ(score.parts[2].scored, 0);
    EXPECT_TRUE(std::isnan(score.parts[2].accuracy));
    EXPECT_TRUE(std::isnan(score.parts[2].exact_match));
    EXPECT_NEAR(score.all.loss, (score.parts[0].loss + score.parts[1].loss) / 2, 1e-12);
  }
}

TEST(Scores, TheLossIsTheCrossEntropy) {
  const Transformer model(setup(), ParameterSet(2));
  const FewLabels task(model, {1, 4, 5});
  const Batch batch = task.evaluation_batch(1, kLength, 0, 4);
  const Var logits = model.logits(batch.tokens, 4, kLength, batch.labelled, {});
  double loss = 0;
  for (size_t label = 0; label < 6; ++label) {
    double sum = 0;
    const float* row = logits.data() + label * kVocabulary;
    for (int64_t c = 0; c < kVocabulary; ++c) sum += std::exp(static_cast<double>(row[c]));
    loss += std::log(sum) - static_cast<double>(row[batch.targets[label]]);
  }
  EXPECT_NEAR(evaluate(model, task, 1, kLength, 4).all.loss, loss / 6, 1e-6);
}

TEST(Scores, CeilingsAreOfTheModelsReach) {
  const std::unique_ptr<Task> induction = task_entry("induction").make({{"vocabulary", "7"}});
  ModelSetup narrow = setup("windowed");
  narrow.attention_options = {{{"window", "3"}}};
  LengthScore score = evaluate(Transformer(setup(), ParameterSet(1)), *induction, 1, 12, 3);
  EXPECT_TRUE(std::isnan(score.all.ceiling));
  add_ceilings(Transformer(setup(), ParameterSet(1)), *induction, score);
  EXPECT_EQ(score.all.ceiling, 1);
  add_ceilings(Transformer(narrow, ParameterSet(1)), *induction, score);
  EXPECT_DOUBLE_EQ(score.all.ceiling, 2.0 / 9);  // distances 3 and 4 of 3 .. 11
}

}  // namespace
}  // namespace lengthwise
