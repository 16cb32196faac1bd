#include <gmock/gmock.h>

#include <map>
#include <sstream>

#include "base/check.h"
#include "tasks/task.h"
#include "tests/chi_square.h"

namespace lengthwise {
namespace {

using Words = std::vector<int32_t>;

std::unique_ptr<Task> make_passkey(const OptionValues& options = {}) {
  return task_entry("passkey").make(options);
}

const std::string kFiller =
    "The grass is green . The sky is blue . The sun is yellow . Here we go . There and back again "
    ". ";

// The prompt in words, with the number in digits that stand by themselves.
std::vector<std::string> prompt(int64_t filler, int64_t before, const std::string& number) {
  std::string digits;
  for (const char digit : number) digits += std::string(1, digit) + " ";
  std::vector<std::string> sentence, all;
  const auto add = [](const std::string& text, std::vector<std::string>& to) {
    std::istringstream words(text);
    for (std::string word; words >> word;) to.push_back(word);
  };
  add(kFiller, sentence);
  const auto add_filler = [&](int64_t count) {
    for (int64_t i = 0; i < count; ++i) all.push_back(sentence[static_cast<size_t>(i) % 24]);
  };
  add_filler(before);
  add("The pass key is " + digits + ". Remember it . " + digits + "is the pass key .", all);
  add_filler(filler - before);
  add("What is the pass key ? The pass key is " + digits, all);
  all.pop_back();  // the last digit is asked for and nothing after it
  return all;
}

// One token to one word, whatever its number.
void expect_spells(const Words& tokens, const std::vector<std::string>& words) {
  ASSERT_EQ(tokens.size(), words.size());
  std::map<int32_t, std::string> word_of;
  std::map<std::string, int32_t> token_of;
  for (size_t i = 0; i < tokens.size(); ++i) {
    EXPECT_EQ(word_of.emplace(tokens[i], words[i]).first->second, words[i]) << i;
    EXPECT_EQ(token_of.emplace(words[i], tokens[i]).first->second, tokens[i]) << i;
    EXPECT_TRUE(tokens[i] >= 10 || words[i] == std::to_string(tokens[i])) << i;
  }
}

Words row_of(const Batch& batch, int64_t row) {
  const auto first = batch.tokens.begin() + row * batch.length;
  return {first, first + batch.length};
}

std::string number_of(const Batch& batch, int64_t row, int64_t digits) {
  std::string number;
  for (int64_t i = row * digits; i < (row + 1) * digits; ++i) {
    number += std::to_string(batch.targets[static_cast<size_t>(i)]);
  }
  return number;
}

TEST(Passkey, HidesTheNumberAtEveryDepth) {
  const auto task = make_passkey({{"depths", "5"}});
  constexpr int64_t kLength = 137, kFillerTokens = 100;
  const Batch batch = task->evaluation_batch(1, kLength, 3, 10);
  ASSERT_THAT(task->parts(kLength),
              testing::ElementsAre("depth=0", "depth=0.25", "depth=0.5", "depth=0.75", "depth=1"));
  ASSERT_EQ(batch.labelled.size(), 50U);
  ASSERT_EQ(batch.parts.size(), 50U);
  for (int64_t row = 0; row < 10; ++row) {
    const int64_t depth = (3 + row) % 5;
    expect_spells(row_of(batch, row), prompt(kFillerTokens, 25 * depth, number_of(batch, row, 5)));
    for (int64_t i = 0; i < 5; ++i) {
      const auto label = static_cast<size_t>(5 * row + i);
      EXPECT_EQ(batch.labelled[label], row * kLength + kLength - 5 + i);
      EXPECT_EQ(batch.parts[label], depth);
    }
  }
  EXPECT_EQ(task->evaluation_examples(kLength, 7), 35);
}

TEST(Passkey, TrainsAtAnyPlaceOnAnyNumber) {
  constexpr int64_t kRows = 6000, kLength = 34;  // 6 words of filler and 2 digits
  const auto task = make_passkey({{"digits", "2"}});
  const Batch batch = task->training_batch(1, 0, kRows, kLength);
  std::vector<double> places(7), numbers(100);
  for (int64_t row = 0; row < kRows; ++row) {
    const std::string number = number_of(batch, row, 2);
    numbers.at(std::stoul(number)) += 1;
    const Words tokens = row_of(batch, row);
    // Four words stand before the first digit.
    const auto first = std::find_if(tokens.begin(), tokens.end(), [](int32_t t) { return t < 10; });
    const int64_t place = first - tokens.begin() - 4;
    places.at(static_cast<size_t>(place)) += 1;
    if (row < 50) expect_spells(tokens, prompt(6, place, number));
  }
  EXPECT_LT(chi_square(places), chi_square_limit(6));
  EXPECT_LT(chi_square(numbers), chi_square_limit(99));
  EXPECT_TRUE(batch.parts.empty());
}

// How far back the nearest mention of each asked digit stands, read from the tokens.
TEST(Passkey, CeilingIsWhereTheSecondMentionIsInReach) {
  constexpr int64_t kLength = 137;
  const auto task = make_passkey({{"depths", "5"}});
  const Batch batch = task->evaluation_batch(1, kLength, 0, 5);
  for (int64_t depth = 0; depth < 5; ++depth) {
    const Words tokens = row_of(batch, depth);
    const int64_t asked = kLength - 5;
    // The digits before the end of the filler; the last five of them are the second mention.
    int64_t last_digit = asked;
    while (tokens[static_cast<size_t>(last_digit)] >= 10) --last_digit;
    const int64_t distance = asked - (last_digit - 4);
    const auto ceiling = [&](int64_t field) {
      return task->ceiling(kLength, field).parts.at(static_cast<size_t>(depth));
    };
    EXPECT_EQ(ceiling(distance), 1) << depth;
    EXPECT_EQ(ceiling(distance - 1), 0) << depth;
    EXPECT_EQ(ceiling(-1), 1) << depth;
  }
  EXPECT_DOUBLE_EQ(task->ceiling(kLength, 70).all, 3.0 / 5);
}

TEST(Passkey, SaysWhatItIs) {
  const auto task = make_passkey();
  EXPECT_DOUBLE_EQ(task->chance(64), 0.1);
  const Batch batch = task->training_batch(1, 0, 20, 200);
  EXPECT_EQ(*std::max_element(batch.tokens.begin(), batch.tokens.end()) + 1, task->vocabulary());
  EXPECT_NO_THROW(task->check_length(38));
  try {
    task->check_length(37);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "length: found 37, expected at least 38 for task passkey with 5 digits");
  }
}

}  // namespace
}  // namespace lengthwise
