#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/check.h"
#include "tasks/task.h"

namespace lengthwise {
namespace {

std::unique_ptr<Task> make_uniform(const OptionValues& values = {}) {
  return task_entry("uniform").make(values);
}

TEST(UniformTask, LabelsEveryPositionWithTheNextToken) {
  const auto task = make_uniform({{"vocabulary", "7"}});
  const Batch batch = task->training_batch(1, 0, 3, 5);
  EXPECT_EQ(batch.batch, 3);
  EXPECT_EQ(batch.length, 5);
  ASSERT_EQ(batch.tokens.size(), 15u);
  ASSERT_EQ(batch.labelled.size(), 15u);
  ASSERT_EQ(batch.targets.size(), 15u);
  for (size_t i = 0; i < 15; ++i) {
    EXPECT_EQ(batch.labelled[i], static_cast<int64_t>(i));
    if (i % 5 == 4) continue;
    EXPECT_EQ(batch.targets[i], batch.tokens[i + 1]);
  }
}

TEST(UniformTask, TokensAreUniformAndIndependentOfTheOneBefore) {
  constexpr int64_t kVocabulary = 7;
  const auto task = make_uniform({{"vocabulary", "7"}});
  const Batch batch = task->training_batch(2, 0, 1000, 49);
  std::vector<double> count(kVocabulary * kVocabulary, 0.0);
  for (size_t i = 0; i < batch.tokens.size(); ++i) {
    ASSERT_GE(batch.tokens[i], 0);
    ASSERT_LT(batch.tokens[i], kVocabulary);
    count[static_cast<size_t>(batch.tokens[i] * kVocabulary + batch.targets[i])] += 1;
  }
  const double expected = 1000.0;
  double chi_square = 0;
  for (const double found : count) {
    chi_square += (found - expected) * (found - expected) / expected;
  }
  EXPECT_LT(chi_square, 84.0);  // 99.9 %, 48 degrees of freedom
}

TEST(UniformTask, SaysWhatItIs) {
  const auto task = make_uniform();
  EXPECT_EQ(task->vocabulary(), 256);
  EXPECT_DOUBLE_EQ(task->chance(64), 1.0 / 256);
  EXPECT_DOUBLE_EQ(make_uniform({{"vocabulary", "10"}})->chance(64), 0.1);
  EXPECT_EQ(task->evaluation_examples(64, 300), 300);
  EXPECT_EQ(task->data_hash(), 0u);
}

TEST(UniformTask, RefusesWhatCannotBe) {
  EXPECT_THROW(make_uniform({{"vocabulary", "1"}}), UserError);
  EXPECT_THROW(make_uniform({{"vocabulry", "8"}}), UserError);
  EXPECT_THROW(make_uniform()->check_length(0), UserError);
  EXPECT_NO_THROW(make_uniform()->check_length(1));
}

}  // namespace
}  // namespace lengthwise
