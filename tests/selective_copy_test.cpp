#include <gmock/gmock.h>

#include <map>

#include "base/check.h"
#include "tasks/task.h"
#include "tests/chi_square.h"

namespace lengthwise {
namespace {

std::unique_ptr<Task> make_task(const OptionValues& options = {}) {
  return task_entry("selective_copy").make(options);
}

TEST(SelectiveCopy, AsksForTheDataAmongTheNoiseInOrder) {
  constexpr int64_t kRows = 20'000, kLength = 8;
  const Batch batch =
      make_task({{"values", "3"}, {"tokens", "2"}})->training_batch(1, 0, kRows, kLength);
  std::map<std::vector<int64_t>, double> places;
  std::map<std::vector<int32_t>, double> values;
  for (int64_t row = 0; row < kRows; ++row) {
    const auto first = batch.tokens.begin() + row * kLength;
    EXPECT_EQ(first[6], 4);
    EXPECT_EQ(first[7], 4);
    std::vector<int64_t> at;
    std::vector<int32_t> data;
    for (int64_t t = 0; t < 6; ++t) {
      if (first[t] == 3) continue;
      ASSERT_LT(first[t], 3);
      at.push_back(t);
      data.push_back(first[t]);
    }
    ASSERT_EQ(at.size(), 2U);
    for (size_t i = 0; i < 2; ++i) {
      const size_t label = 2 * static_cast<size_t>(row) + i;
      EXPECT_EQ(batch.labelled[label], row * kLength + 6 + static_cast<int64_t>(i));
      EXPECT_EQ(batch.targets[label], data[i]);
    }
    places[at] += 1;
    values[data] += 1;
  }
  const auto counts = [](const auto& found) {
    std::vector<double> all;
    for (const auto& [key, count] : found) all.push_back(count);
    return all;
  };
  ASSERT_EQ(places.size(), 15U);  // 6 over 2
  EXPECT_LT(chi_square(counts(places)), chi_square_limit(14));
  ASSERT_EQ(values.size(), 9U);
  EXPECT_LT(chi_square(counts(values)), chi_square_limit(8));
}

TEST(SelectiveCopy, SaysWhatItIs) {
  const auto task = make_task();
  EXPECT_EQ(task->vocabulary(), 16);
  EXPECT_DOUBLE_EQ(task->chance(64), 1.0 / 14);
  EXPECT_EQ(task->training_batch(1, 0, 1, 32).labelled.size(), 16U);  // no noise at all
  try {
    task->check_length(31);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "task.selective_copy.tokens: found 16, expected at most 15, half of length 31");
  }
}

}  // namespace
}  // namespace lengthwise
