#include <gmock/gmock.h>

#include <map>
#include <numeric>

#include "base/check.h"
#include "tasks/task.h"
#include "tests/chi_square.h"

namespace lengthwise {
namespace {

std::unique_ptr<Task> make_listops(const OptionValues& options = {}) {
  return task_entry("listops").make(options);
}

// 10 MIN, 11 MAX, 12 MED, 13 SM, 14 closes, 15 asks, 16 is blank.
struct Example {
  std::vector<int32_t> tokens;  // of the expression
  int64_t value = 0, depth = 0;
  std::map<int32_t, int64_t> operators;
  std::map<size_t, int64_t> arguments;  // how many operators have so many
};

// Reads the expression with a stack, as one would by hand.
Example read_example(const Batch& batch, int64_t row) {
  Example example;
  const auto first = batch.tokens.begin() + row * batch.length, end = first + batch.length;
  const auto ask = std::find(first, end, 15);
  EXPECT_NE(ask, end);
  EXPECT_EQ(ask - batch.tokens.begin(), batch.labelled[static_cast<size_t>(row)]);
  EXPECT_TRUE(std::all_of(ask + 1, end, [](int32_t token) { return token == 16; }));
  example.tokens.assign(first, ask);
  std::vector<std::pair<int32_t, std::vector<int64_t>>> open = {{-1, {}}};
  for (const int32_t token : example.tokens) {
    if (token < 10) {
      open.back().second.push_back(token);
    } else if (token < 14) {
      open.push_back({token, {}});
      ++example.operators[token];
      example.depth = std::max(example.depth, std::ssize(open));
    } else {
      EXPECT_EQ(token, 14);
      auto [op, values] = open.back();
      open.pop_back();
      ++example.arguments[values.size()];
      std::sort(values.begin(), values.end());
      const int64_t sum = std::accumulate(values.begin(), values.end(), int64_t{0});
      const auto n = static_cast<int64_t>(values.size());
      const auto at = [&](int64_t i) {
        return static_cast<double>(values.at(static_cast<size_t>(i)));
      };
      const auto median = static_cast<int64_t>((at((n - 1) / 2) + at(n / 2)) / 2);
      open.back().second.push_back(op == 10   ? values.front()
                                   : op == 11 ? values.back()
                                   : op == 12 ? median
                                              : sum % 10);
    }
  }
  EXPECT_EQ(open.size(), 1U);
  EXPECT_EQ(open.front().second.size(), 1U);
  example.value = open.front().second.front();
  return example;
}

TEST(ListOps, AsksForTheValueOfTheExpression) {
  for (const int64_t length : {20, 100, 500}) {
    const Batch batch = make_listops()->training_batch(1, 0, 300, length);
    ASSERT_EQ(batch.labelled.size(), 300U);
    for (int64_t row = 0; row < 300; ++row) {
      const Example example = read_example(batch, row);
      EXPECT_EQ(batch.targets[static_cast<size_t>(row)], example.value);
      EXPECT_GT(std::ssize(example.tokens), length / 4);
      EXPECT_LT(std::ssize(example.tokens), length);
      EXPECT_LE(example.depth, 10);
    }
  }
}

// Two levels: an operator of digits, whose number of arguments, operator and digits are even.
TEST(ListOps, DrawsOperatorsArgumentsAndDigitsEvenly) {
  constexpr int64_t kRows = 20'000;
  const auto task = make_listops({{"depth", "2"}, {"arguments", "4"}});
  const Batch batch = task->training_batch(1, 0, kRows, 8);
  std::vector<double> operators(4), arguments(3), digits(10);
  for (int64_t row = 0; row < kRows; ++row) {
    const Example example = read_example(batch, row);
    ASSERT_EQ(example.operators.size(), 1U);
    operators.at(static_cast<size_t>(example.operators.begin()->first - 10)) += 1;
    arguments.at(example.arguments.begin()->first - 2) += 1;
    for (const int32_t token : example.tokens) {
      if (token < 10) digits.at(static_cast<size_t>(token)) += 1;
    }
  }
  EXPECT_LT(chi_square(operators), chi_square_limit(3));
  EXPECT_LT(chi_square(arguments), chi_square_limit(2));
  EXPECT_LT(chi_square(digits), chi_square_limit(9));
}

// Three levels of two arguments: each argument of the root is an operator by chance.
TEST(ListOps, NestsAsOftenAsItShould) {
  constexpr int64_t kRows = 20'000;
  for (const double share : {0.25, 0.6}) {
    const auto task =
        make_listops({{"depth", "3"}, {"arguments", "2"}, {"operators", format_number(share)}});
    const Batch batch = task->training_batch(1, 0, kRows, 12);
    std::vector<double> nested(3);
    for (int64_t row = 0; row < kRows; ++row) {
      nested.at((read_example(batch, row).tokens.size() - 4) / 3) += 1;
    }
    EXPECT_LT(chi_square(nested, {kRows * (1 - share) * (1 - share),
                                  kRows * 2 * share * (1 - share), kRows * share * share}),
              chi_square_limit(2))
        << share;
  }
}

TEST(ListOps, ChanceIsTheShareOfTheMostFrequentValue) {
  // Every operator on every two digits.
  const auto two = make_listops({{"depth", "2"}, {"arguments", "2"}});
  std::vector<double> of_two(10);
  for (size_t a = 0; a < 10; ++a) {
    for (size_t b = 0; b < 10; ++b) {
      for (const size_t value : {std::min(a, b), std::max(a, b), (a + b) / 2, (a + b) % 10}) {
        of_two[value] += 1.0 / 400;
      }
    }
  }
  EXPECT_NEAR(two->chance(8), *std::max_element(of_two.begin(), of_two.end()), 0.012);
  const auto task = make_listops();
  const Batch batch = task->evaluation_batch(1, 200, 0, 4000);
  std::vector<double> counts(10);
  for (const int32_t target : batch.targets) counts.at(static_cast<size_t>(target)) += 1;
  EXPECT_NEAR(task->chance(200), *std::max_element(counts.begin(), counts.end()) / 4000, 0.015);
  EXPECT_EQ(task->chance(200), task->chance(200));
}

TEST(ListOps, RefusesWhatCannotBe) {
  EXPECT_EQ(make_listops()->vocabulary(), 17);
  EXPECT_THROW(make_listops()->check_length(5), UserError);
  EXPECT_NO_THROW(make_listops()->check_length(6));
  try {
    make_listops({{"depth", "2"}, {"arguments", "3"}})->check_length(100);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("found depth 2, arguments 3 and operators 0.25, "
                                                 "expected some with which expressions of 26 to "
                                                 "99 tokens"));
  }
  try {
    make_listops({{"least", "99"}})->check_length(100);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "task.listops.least: found 99, expected at most 98 for length 100");
  }
}

}  // namespace
}  // namespace lengthwise
