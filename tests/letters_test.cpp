// copy, reverse, sort and repeat: read back from the tokens alone.
#include <gmock/gmock.h>

#include <map>
#include <set>

#include "base/check.h"
#include "tasks/task.h"
#include "tests/chi_square.h"

namespace lengthwise {
namespace {

using testing::HasSubstr;
using Letters = std::vector<int32_t>;

std::unique_ptr<Task> make(const std::string& name, const OptionValues& options = {}) {
  return task_entry(name).make(options);
}

struct Example {
  Letters asked, given, targets;
  std::vector<int64_t> places;  // of the labels in the row
};

// `alphabet` letters, then begin, separator and end.
Example read_example(const Batch& batch, int64_t row, int32_t alphabet) {
  Example example;
  const auto first = batch.tokens.begin() + row * batch.length, end = first + batch.length;
  EXPECT_EQ(*first, alphabet);
  const auto separator = std::find(first, end, alphabet + 1);
  example.asked.assign(first + 1, separator);
  const auto given_end = std::find(separator, end, alphabet + 2);
  example.given.assign(separator + 1, given_end);
  EXPECT_TRUE(std::all_of(given_end, end, [&](int32_t token) { return token == alphabet + 2; }));
  const auto labels = batch.labelled.begin();
  auto label = std::lower_bound(labels, batch.labelled.end(), row * batch.length);
  for (; label != batch.labelled.end() && *label < (row + 1) * batch.length; ++label) {
    example.places.push_back(*label % batch.length);
    example.targets.push_back(batch.targets[static_cast<size_t>(label - labels)]);
  }
  return example;
}

Letters answer_of(const std::string& task, Letters letters) {
  if (task == "reverse") return {letters.rbegin(), letters.rend()};
  if (task == "sort") std::sort(letters.begin(), letters.end());
  return letters;
}

class LetterTasks : public testing::TestWithParam<const char*> {};

TEST_P(LetterTasks, AskForTheAnswerTokenByTokenAndThenForTheEnd) {
  const auto task = make(GetParam(), {{"alphabet", "5"}});
  const Batch batch = task->evaluation_batch(1, 20, 0, 50);
  for (int64_t row = 0; row < 50; ++row) {
    const Example example = read_example(batch, row, 5);
    ASSERT_EQ(example.asked.size(), 9U);
    EXPECT_EQ(example.given, answer_of(GetParam(), example.asked));
    Letters expected = example.given;
    expected.push_back(7);
    EXPECT_EQ(example.targets, expected);
    for (size_t i = 0; i < 10; ++i) EXPECT_EQ(example.places.at(i), static_cast<int64_t>(10 + i));
  }
  ASSERT_EQ(batch.parts.size(), batch.labelled.size());
  ASSERT_THAT(task->parts(20), testing::ElementsAre("content", "end"));
  for (size_t label = 0; label < batch.parts.size(); ++label) {
    EXPECT_EQ(batch.parts[label], batch.targets[label] == 7 ? 1 : 0);
  }
}

TEST_P(LetterTasks, TrainOnEveryNumberOfLettersAlike) {
  const auto task = make(GetParam(), {{"least", "2"}});
  const Batch batch = task->training_batch(1, 0, 8000, 16);
  std::vector<double> lengths(6);
  for (int64_t row = 0; row < 8000; ++row) {
    const Example example = read_example(batch, row, 26);
    ASSERT_EQ(example.given, answer_of(GetParam(), example.asked));
    ASSERT_EQ(example.targets.size(), example.asked.size() + 1);
    EXPECT_EQ(example.targets.back(), 28);
    EXPECT_EQ(example.places.front(), std::ssize(example.asked) + 1);
    lengths.at(example.asked.size() - 2) += 1;
  }
  EXPECT_LT(chi_square(lengths), chi_square_limit(5));
  const std::vector<BatchShape> shapes = task->training_shapes(8000, 16);
  ASSERT_EQ(shapes.size(), 1U);
  EXPECT_NEAR(static_cast<double>(shapes[0].labelled), static_cast<double>(batch.labelled.size()),
              0.015 * static_cast<double>(batch.labelled.size()));  // 4 of its deviations
  EXPECT_EQ(task->measured_batch(1, 3, 16).labelled.size(), 3U * 8);
  EXPECT_TRUE(task->measured_batch(1, 3, 16).parts.empty());
  EXPECT_EQ(make(GetParam())->training_batch(1, 0, 10, 16).labelled.size(), 10U * 8);
}

TEST_P(LetterTasks, SayWhatTheyAre) {
  const auto task = make(GetParam());
  EXPECT_EQ(task->vocabulary(), 29);
  EXPECT_DOUBLE_EQ(task->chance(64), 1.0 / 27);
  EXPECT_TRUE(task_entry(GetParam()).info.labels_next);
}

INSTANTIATE_TEST_SUITE_P(All, LetterTasks, testing::Values("copy", "reverse", "sort", "repeat"),
                         [](const auto& test) { return std::string(test.param); });

TEST(Letters, AreIndependentOrDifferent) {
  constexpr int64_t kRows = 20'000;
  const Batch loose = make("copy", {{"alphabet", "4"}})->evaluation_batch(1, 6, 0, kRows);
  const Batch strict =
      make("copy", {{"alphabet", "4"}, {"duplicates", "false"}})->evaluation_batch(1, 6, 0, kRows);
  std::map<Letters, double> pairs, different;
  for (int64_t row = 0; row < kRows; ++row) {
    pairs[read_example(loose, row, 4).asked] += 1;
    different[read_example(strict, row, 4).asked] += 1;
  }
  const auto counts = [](const std::map<Letters, double>& found) {
    std::vector<double> all;
    for (const auto& [letters, count] : found) all.push_back(count);
    return all;
  };
  EXPECT_EQ(pairs.size(), 16U);
  EXPECT_LT(chi_square(counts(pairs)), chi_square_limit(15));
  EXPECT_EQ(different.size(), 12U);
  EXPECT_EQ(different.count({1, 1}), 0U);
  EXPECT_LT(chi_square(counts(different)), chi_square_limit(11));
}

TEST(Letters, ComeAgainAfterAPeriod) {
  const Batch one = make("repeat")->evaluation_batch(1, 22, 0, 2600);
  std::vector<double> letters(26);
  for (int64_t row = 0; row < 2600; ++row) {
    const Letters asked = read_example(one, row, 26).asked;
    ASSERT_EQ(asked.size(), 10U);
    EXPECT_EQ(std::set<int32_t>(asked.begin(), asked.end()).size(), 1U);
    letters.at(static_cast<size_t>(asked.front())) += 1;
  }
  EXPECT_LT(chi_square(letters), chi_square_limit(25));
  const auto three = make("repeat", {{"period", "3"}, {"duplicates", "false"}, {"alphabet", "3"}});
  const Letters asked = read_example(three->evaluation_batch(1, 22, 0, 1), 0, 3).asked;
  EXPECT_EQ(std::set<int32_t>(asked.begin(), asked.end()).size(), 3U);
  for (size_t i = 3; i < 10; ++i) EXPECT_EQ(asked[i], asked[i - 3]);
}

std::string refusal(const Task& task, int64_t length) {
  try {
    task.check_training(length);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Letters, RefuseWhatCannotBe) {
  EXPECT_EQ(refusal(*make("copy"), 7),
            "length: found 7, expected an even number of at least 4 for task copy");
  EXPECT_THAT(refusal(*make("sort"), 2), HasSubstr("for task sort"));
  EXPECT_EQ(refusal(*make("reverse", {{"duplicates", "false"}}), 56),
            "task.reverse.alphabet: found 26, expected at least 27 for 27 letters of length 56 "
            "without duplicates");
  EXPECT_EQ(refusal(*make("reverse", {{"duplicates", "false"}}), 54), "");
  EXPECT_EQ(refusal(*make("repeat", {{"duplicates", "false"}}), 1000), "");
  EXPECT_EQ(refusal(*make("copy", {{"least", "6"}}), 12),
            "task.copy.least: found 6, expected at most the 5 letters of length 12");
  EXPECT_NO_THROW(make("copy", {{"least", "6"}})->check_scoring(12));
}

}  // namespace
}  // namespace lengthwise
