#include <gmock/gmock.h>

#include "base/check.h"
#include "tasks/task.h"
#include "tests/chi_square.h"

namespace lengthwise {
namespace {

std::unique_ptr<Task> make_induction(const OptionValues& options = {}) {
  return task_entry("induction").make(options);
}

TEST(Induction, AsksForWhatStoodAfterTheSpecialToken) {
  constexpr int64_t kRows = 30'000, kLength = 9;
  const Batch batch = make_induction({{"vocabulary", "5"}})->training_batch(1, 0, kRows, kLength);
  ASSERT_EQ(std::ssize(batch.labelled), kRows);
  std::vector<double> places(kLength - 3), tokens(4), answers(4);
  for (int64_t row = 0; row < kRows; ++row) {
    const auto first = batch.tokens.begin() + row * kLength;
    const auto last = first + kLength - 1;
    EXPECT_EQ(*last, 4);
    const auto special = std::find(first, last, 4);
    ASSERT_LT(special, last - 2) << "a token stands between what is asked for and the end";
    EXPECT_EQ(std::count(first, last, 4), 1);
    EXPECT_EQ(batch.labelled[static_cast<size_t>(row)], row * kLength + kLength - 1);
    EXPECT_EQ(batch.targets[static_cast<size_t>(row)], special[1]);
    places[static_cast<size_t>(special - first)] += 1;
    answers[static_cast<size_t>(special[1])] += 1;
    for (auto token = first; token < last; ++token) {
      if (*token != 4) tokens.at(static_cast<size_t>(*token)) += 1;
    }
  }
  EXPECT_LT(chi_square(places), chi_square_limit(places.size() - 1));
  EXPECT_LT(chi_square(tokens), chi_square_limit(3));
  EXPECT_LT(chi_square(answers), chi_square_limit(3));
}

TEST(Induction, TrainsOnEveryTokenIfToldToAndScoresTheAnswerAlone) {
  const auto answer = make_induction(), all = make_induction({{"train_on", "all"}});
  const Batch few = answer->training_batch(1, 2, 3, 10), many = all->training_batch(1, 2, 3, 10);
  EXPECT_EQ(few.tokens, many.tokens);
  ASSERT_EQ(many.labelled.size(), 30U);
  for (int64_t row = 0; row < 3; ++row) {
    for (int64_t t = 0; t < 10; ++t) {
      const auto at = static_cast<size_t>(10 * row + t);
      EXPECT_EQ(many.labelled[at], 10 * row + t);
      EXPECT_EQ(many.targets[at],
                t < 9 ? many.tokens[at + 1] : few.targets[static_cast<size_t>(row)]);
    }
  }
  EXPECT_EQ(all->evaluation_batch(1, 10, 0, 3).labelled.size(), 3U);
}

TEST(Induction, CeilingIsTheShareWithinReach) {
  const auto task = make_induction();
  const Batch batch = task->evaluation_batch(1, 40, 0, 20'000);
  for (const int64_t field : {0, 2, 3, 10, 38, 39, 100}) {
    double within = 0;
    for (int64_t row = 0; row < 20'000; ++row) {
      const auto first = batch.tokens.begin() + row * 40;
      within += 39 - (std::find(first, first + 40, 15) - first) <= field;
    }
    EXPECT_NEAR(task->ceiling(40, field).all, within / 20'000, 0.012) << field;
  }
  EXPECT_EQ(task->ceiling(40, -1).all, 1);
  EXPECT_EQ(task->ceiling(40, 38).all, 36.0 / 37);
}

TEST(Induction, SaysWhatItIs) {
  const auto task = make_induction();
  EXPECT_EQ(task->vocabulary(), 16);
  EXPECT_DOUBLE_EQ(task->chance(256), 1.0 / 15);
  EXPECT_THROW(task->check_length(3), UserError);
  EXPECT_NO_THROW(task->training_batch(1, 0, 2, 4));
  EXPECT_THROW(make_induction({{"vocabulary", "1"}}), UserError);
}

}  // namespace
}  // namespace lengthwise
