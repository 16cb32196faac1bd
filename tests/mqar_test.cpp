#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "tasks/recall.h"
#include "tasks/task.h"
#include "tests/chi_square.h"

namespace lengthwise {
namespace {

std::unique_ptr<Task> make_mqar(int64_t vocabulary, int64_t pairs, const OptionValues& more = {}) {
  OptionValues values = more;
  values["vocabulary"] = std::to_string(vocabulary);
  values["pairs"] = std::to_string(pairs);
  return task_entry("mqar").make(values);
}

/// What the sequence says when it is read from left to right.
struct Example {
  std::vector<int32_t> keys, values;
  std::vector<int64_t> gaps;  // [i]: of the query for the i-th key
};

/// Reads the context, then finds each key's query in the rest. Needs zeros between the queries.
Example read_example(const Batch& batch, int64_t row, int64_t pairs) {
  const auto first = batch.tokens.begin() + row * batch.length;
  const auto end = first + batch.length;
  Example example;
  for (int64_t i = 0; i < pairs; ++i) {
    example.keys.push_back(first[2 * i]);
    example.values.push_back(first[2 * i + 1]);
    example.gaps.push_back((std::find(first + 2 * pairs, end, first[2 * i]) - first - 2 * pairs) /
                           2);
  }
  return example;
}

TEST(Mqar, HasTheStructureOfTheSource) {
  constexpr int64_t kVocabulary = 101, kPairs = 8, kLength = 64, kRows = 200;
  const auto task = make_mqar(kVocabulary, kPairs);
  const Batch batch = task->training_batch(1, 0, kRows, kLength);
  EXPECT_EQ(batch.batch, kRows);
  EXPECT_EQ(batch.length, kLength);
  ASSERT_EQ(batch.tokens.size(), static_cast<size_t>(kRows * kLength));
  ASSERT_EQ(batch.labelled.size(), static_cast<size_t>(kRows * kPairs));
  ASSERT_EQ(batch.targets.size(), batch.labelled.size());
  EXPECT_TRUE(std::is_sorted(batch.labelled.begin(), batch.labelled.end()));
  for (int64_t row = 0; row < kRows; ++row) {
    std::map<int32_t, int32_t> value_of;
    std::set<int32_t> values;
    for (int64_t i = 0; i < kPairs; ++i) {
      const int32_t key = batch.tokens[static_cast<size_t>(row * kLength + 2 * i)];
      const int32_t value = batch.tokens[static_cast<size_t>(row * kLength + 2 * i + 1)];
      EXPECT_GE(key, 1);
      EXPECT_LT(key, kVocabulary / 2);
      EXPECT_GE(value, kVocabulary / 2);
      EXPECT_LT(value, kVocabulary);
      value_of[key] = value;
      values.insert(value);
    }
    EXPECT_EQ(std::ssize(value_of), kPairs);
    EXPECT_EQ(std::ssize(values), kPairs);
    std::map<int64_t, int32_t> label_at;
    for (int64_t i = row * kPairs; i < (row + 1) * kPairs; ++i) {
      label_at[batch.labelled[static_cast<size_t>(i)] - row * kLength] =
          batch.targets[static_cast<size_t>(i)];
    }
    EXPECT_EQ(std::ssize(label_at), kPairs);
    std::set<int32_t> asked;
    for (int64_t t = 2 * kPairs; t < kLength; ++t) {
      const int32_t token = batch.tokens[static_cast<size_t>(row * kLength + t)];
      if (!label_at.contains(t)) {
        EXPECT_EQ(token, 0);
        continue;
      }
      EXPECT_EQ(t % 2, 0);
      ASSERT_TRUE(value_of.contains(token));
      EXPECT_EQ(label_at[t], value_of[token]);
      asked.insert(token);
    }
    EXPECT_EQ(std::ssize(asked), kPairs);
  }
}

TEST(Mqar, EveryOrderedChoiceOfKeysAndValuesIsEquallyLikely) {
  constexpr int64_t kRows = 56'000;
  const Batch batch = make_mqar(18, 2)->training_batch(2, 0, kRows, 16);
  std::vector<double> keys(8 * 8, 0.0), values(9 * 9, 0.0);
  for (int64_t row = 0; row < kRows; ++row) {
    const Example example = read_example(batch, row, 2);
    keys[static_cast<size_t>((example.keys[0] - 1) * 8 + example.keys[1] - 1)] += 1;
    values[static_cast<size_t>((example.values[0] - 9) * 9 + example.values[1] - 9)] += 1;
  }
  const auto off_diagonal = [](const std::vector<double>& table, size_t n) {
    std::vector<double> cells;
    for (size_t i = 0; i < n * n; ++i) {
      if (i / n != i % n) cells.push_back(table[i]);
    }
    return cells;
  };
  // 9 values and not 8 keys: [1, V/2) and [V/2, V)
  EXPECT_LT(chi_square(off_diagonal(keys, 8), std::vector<double>(56, kRows / 56.0)), 93.2);
  EXPECT_LT(chi_square(off_diagonal(values, 9), std::vector<double>(72, kRows / 72.0)), 112.3);
}

TEST(Mqar, FirstAndSecondGapFollowThePowerLaw) {
  constexpr int64_t kRows = 40'000, kPairs = 4, kSpace = 28;
  for (const double power : {0.01, 1.0, 2.0}) {
    const auto task = make_mqar(8192, kPairs, {{"power", format_number(power)}});
    const Batch batch = task->training_batch(3, 0, kRows, 64);
    std::vector<double> weight(kSpace), first(kSpace, 0.0), second(kSpace, 0.0);
    double total = 0;
    for (size_t g = 0; g < kSpace; ++g) {
      weight[g] = std::pow(static_cast<double>(g + 1), power - 1.0);
      total += weight[g];
    }
    for (int64_t row = 0; row < kRows; ++row) {
      const Example example = read_example(batch, row, kPairs);
      first[static_cast<size_t>(example.gaps[0])] += 1;
      second[static_cast<size_t>(example.gaps[1])] += 1;
    }
    std::vector<double> expect_first(kSpace), expect_second(kSpace, 0.0);
    for (size_t g = 0; g < kSpace; ++g) {
      expect_first[g] = kRows * weight[g] / total;
      for (size_t before = 0; before < kSpace; ++before) {
        if (before == g) continue;
        expect_second[g] += kRows * weight[before] / total * weight[g] / (total - weight[before]);
      }
    }
    EXPECT_LT(chi_square(first, expect_first), 55.5) << power;  // 99.9 %, 27 degrees of freedom
    EXPECT_LT(chi_square(second, expect_second), 55.5) << power;
  }
}

TEST(Mqar, GapsStandAsDrawnOneAfterAnotherWithoutReplacement) {
  constexpr int64_t kRows = 40'000;
  const Batch batch = make_mqar(8192, 4)->training_batch(4, 0, kRows, 16);
  std::map<std::vector<int64_t>, double> found;
  for (int64_t row = 0; row < kRows; ++row) found[read_example(batch, row, 4).gaps] += 1;

  // T = 16 and 4 pairs leave 4 gaps: each of the 24 orders has a probability of its own.
  std::vector<int64_t> order = {0, 1, 2, 3};
  std::vector<double> counts, expected;
  do {
    double left = 0, probability = 1;
    for (int g = 0; g < 4; ++g) left += std::pow(g + 1.0, 0.01 - 1.0);
    for (const int64_t gap : order) {
      const double weight = std::pow(static_cast<double>(gap) + 1.0, 0.01 - 1.0);
      probability *= weight / left;
      left -= weight;
    }
    counts.push_back(found[order]);
    expected.push_back(kRows * probability);
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_LT(chi_square(counts, expected), 49.7);  // 99.9 %, 23 degrees of freedom
}

/// Share of queries whose value stands at most `reach` back, read from examples.
double share_within(int64_t length, int64_t pairs, int64_t reach, int64_t rows) {
  const Batch batch = make_mqar(8192, pairs)->evaluation_batch(5, length, 0, rows);
  int64_t reached = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const Example example = read_example(batch, row, pairs);
    for (int64_t i = 0; i < pairs; ++i) {
      const int64_t query = 2 * pairs + 2 * example.gaps[static_cast<size_t>(i)];
      if (query - (2 * i + 1) <= reach) ++reached;
    }
  }
  return static_cast<double>(reached) / static_cast<double>(rows * pairs);
}

double ceiling(int64_t length, int64_t pairs, int64_t reach) {
  return recall_ceiling({length, pairs}, 0.01, reach);
}

TEST(RecallCeiling, IsTheShareInTheExamples) {
  for (const auto& [length, pairs, reach] : {std::tuple<int64_t, int64_t, int64_t>{64, 16, 32},
                                             {64, 16, 16},
                                             {128, 32, 64},
                                             {32, 4, 8},
                                             {32, 4, 9},
                                             {64, 8, 16}}) {
    EXPECT_NEAR(ceiling(length, pairs, reach), share_within(length, pairs, reach, 20'000), .005);
  }
}

// T = 16 and 4 pairs leave 4 gaps: c(r) by summing over every order, each with its probability.
TEST(RecallCeiling, IsExactWhereEveryOrderCanBeListed) {
  for (const int64_t reach : {1, 2, 3, 5, 7, 9, 11, 13, 15}) {
    std::vector<int64_t> order = {0, 1, 2, 3};
    double expected = 0;
    do {
      double left = 0, probability = 1, within = 0;
      for (int g = 0; g < 4; ++g) left += std::pow(g + 1.0, 0.01 - 1.0);
      for (int64_t i = 0; i < 4; ++i) {
        const int64_t gap = order[static_cast<size_t>(i)];
        const double weight = std::pow(static_cast<double>(gap) + 1.0, 0.01 - 1.0);
        probability *= weight / left;
        left -= weight;
        within += 8 + 2 * gap - (2 * i + 1) <= reach ? 0.25 : 0;
      }
      expected += probability * within;
    } while (std::next_permutation(order.begin(), order.end()));
    EXPECT_NEAR(ceiling(16, 4, reach), expected, .003) << reach;
  }
}

// The seven test cells of the "Based" mixture.
TEST(RecallCeiling, MeanFollowsThePublishedCurve) {
  const std::map<int64_t, double> published = {{8, .059},   {16, .147},  {32, .312},  {64, .513},
                                               {128, .654}, {256, .796}, {512, .936}, {1024, 1.0}};
  const std::vector<RecallCell> cells =
      parse_recall_cells("k", "64x4+64x8+64x16+128x32+256x64+512x128+1024x256", 8192);
  ASSERT_EQ(cells.size(), 7U);
  for (const auto& [reach, expected] : published) {
    double mean = 0;
    for (const RecallCell& cell : cells) mean += recall_ceiling(cell, 0.01, reach) / 7;
    EXPECT_NEAR(mean, expected, .005) << reach;
  }
  EXPECT_EQ(ceiling(64, 16, 64), 1.0);
}

TEST(RecallCeiling, OfAModelIsOneTokenShortOfItsField) {
  // A window of 8 keys after a convolution over 3 tokens: 7 + 2 back, and the key must be in it.
  const auto task = make_mqar(8192, 4);
  EXPECT_DOUBLE_EQ(task->ceiling(32, 7 + 2).all, ceiling(32, 4, 8 - 1 + 3 - 2));
  EXPECT_TRUE(task->ceiling(32, 9).parts.empty());
  EXPECT_EQ(task->ceiling(32, -1).all, 1);
  const auto mixed = make_mqar(8192, 4, {{"test_cells", "64x4+64x16+32x4"}});
  const Ceiling two = mixed->ceiling(64, 17);
  EXPECT_THAT(two.parts, testing::ElementsAre(ceiling(64, 4, 16), ceiling(64, 16, 16)));
  EXPECT_DOUBLE_EQ(two.all, (4 * two.parts[0] + 16 * two.parts[1]) / 20);
  EXPECT_EQ(mixed->ceiling(32, 17).parts.size(), 1U);
}

TEST(MqarCells, TrainingDrawsThemByWeight) {
  const auto task = make_mqar(8192, 4, {{"train_cells", "64x4*5+128x8+256x16+256x32+256x64"}});
  std::map<std::pair<int64_t, int64_t>, double> found;
  for (int64_t step = 0; step < 4500; ++step) {
    const Batch batch = task->training_batch(1, step, 2, 256);
    ASSERT_EQ(std::ssize(batch.tokens), 2 * batch.length);
    found[{batch.length, std::ssize(batch.labelled) / 2}] += 1;
  }
  const std::vector<std::pair<int64_t, int64_t>> cells = {
      {64, 4}, {128, 8}, {256, 16}, {256, 32}, {256, 64}};
  ASSERT_EQ(found.size(), cells.size());
  std::vector<double> counts;
  for (const auto& cell : cells) counts.push_back(found[cell]);
  EXPECT_LT(chi_square(counts, {2500, 500, 500, 500, 500}), chi_square_limit(4));
  const std::vector<BatchShape> shapes = task->training_shapes(2, 256);
  ASSERT_EQ(shapes.size(), 5U);
  EXPECT_DOUBLE_EQ(shapes[0].share, 5.0 / 9);
  EXPECT_EQ(shapes[0].length, 64);
  EXPECT_EQ(shapes[3].labelled, 2 * 32);
  // Another seed takes the cells in another order, and the same one in the same.
  const auto lengths = [&](uint64_t seed) {
    std::vector<int64_t> all;
    for (int64_t step = 0; step < 50; ++step) {
      all.push_back(task->training_batch(seed, step, 1, 256).length);
    }
    return all;
  };
  EXPECT_EQ(lengths(1), lengths(1));
  EXPECT_NE(lengths(1), lengths(2));
}

TEST(MqarCells, EachIsScoredByItselfAndAsItWouldBeAlone) {
  const auto task = make_mqar(8192, 4, {{"test_cells", "64x4+64x8+128x32"}});
  EXPECT_EQ(task->evaluation_examples(64, 10), 20);
  EXPECT_EQ(task->evaluation_examples(128, 10), 10);
  EXPECT_THAT(task->parts(64), testing::ElementsAre("pairs=4", "pairs=8"));
  EXPECT_THAT(task->parts(128), testing::ElementsAre("pairs=32"));
  EXPECT_TRUE(make_mqar(8192, 4)->parts(64).empty());
  const Batch batch = task->evaluation_batch(1, 64, 3, 4);  // of 8, 4, 8 and 4 pairs
  ASSERT_EQ(batch.labelled.size(), 24U);
  ASSERT_EQ(batch.parts.size(), 24U);
  EXPECT_TRUE(make_mqar(8192, 4)->evaluation_batch(1, 64, 0, 4).parts.empty());
  for (int64_t row = 0; row < 4; ++row) {
    const int64_t pairs = row % 2 == 0 ? 8 : 4;
    const Batch alone = make_mqar(8192, pairs)->evaluation_batch(1, 64, 3 + row, 1);
    EXPECT_TRUE(
        std::equal(alone.tokens.begin(), alone.tokens.end(), batch.tokens.begin() + row * 64));
    for (size_t label = 0; label < 24; ++label) {
      if (batch.labelled[label] / 64 != row) continue;
      EXPECT_EQ(batch.parts[label], pairs == 8 ? 1 : 0);
    }
  }
}

TEST(MqarCells, CostIsMeasuredOnTheFullest) {
  const auto labels = [](const char* train, const char* test, int64_t length) {
    OptionValues options;
    if (*train != 0) options["train_cells"] = train;
    if (*test != 0) options["test_cells"] = test;
    return make_mqar(8192, 4, options)->measured_batch(1, 3, length).labelled.size() / 3;
  };
  EXPECT_EQ(labels("64x4+64x16+128x8", "64x2", 64), 16U);
  EXPECT_EQ(labels("64x4+64x16+128x8", "256x64", 128), 8U);
  EXPECT_EQ(labels("64x4", "256x64", 256), 64U);
  EXPECT_EQ(labels("64x4", "", 512), 4U);
}

TEST(MqarCells, RefuseWhatCannotBe) {
  const auto refusal = [](const OptionValues& options, auto check) -> std::string {
    try {
      check(*make_mqar(8192, 4, options));
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  const auto made = [](const Task&) {};
  for (const char* cell : {"64", "64x", "x4"}) {
    EXPECT_EQ(refusal({{"test_cells", cell}}, made),
              fmt::format("task.mqar.test_cells: found the cell '{}', expected T x pairs and a "
                          "weight, as 64x4*5",
                          cell));
  }
  EXPECT_EQ(refusal({{"train_cells", "64x4+64x4*2"}}, made),
            "task.mqar.train_cells: found 64x4 twice, expected every cell once");
  EXPECT_EQ(refusal({{"test_cells", "64x4+64x8*2"}}, made),
            "task.mqar.test_cells: found 64x4+64x8*2, expected cells without a weight, as "
            "64x8+128x16: each is scored by itself");
  EXPECT_EQ(refusal({{"train_cells", "64x17"}}, made),
            "task.mqar.train_cells: found 17, expected at most 16, a quarter of length 64");
  EXPECT_THAT(refusal({{"train_cells", "64x4*0"}}, made), testing::HasSubstr("found '0'"));
  EXPECT_THAT(refusal({{"train_cells", "8192x4"}}, made), testing::HasSubstr("vocabulary"));
  EXPECT_THAT(refusal({{"train_cells", "64x4+"}}, made), testing::HasSubstr("found the cell ''"));
  const OptionValues cells = {{"train_cells", "64x4+128x8"}, {"test_cells", "256x4"}};
  EXPECT_EQ(refusal(cells, [](const Task& task) { task.check_training(64); }),
            "length: found 64, expected 128, the longest of task.mqar.train_cells");
  EXPECT_EQ(refusal(cells, [](const Task& task) { task.check_scoring(128); }),
            "eval.lengths: found 128, expected the length of a cell in task.mqar.test_cells");
  EXPECT_EQ(refusal(cells,
                    [](const Task& task) {
                      task.check_training(128);
                      task.check_scoring(256);
                      task.check_length(64);
                    }),
            "");
}

TEST(Mqar, RandomNonQueriesOnlyFillTheZeros) {
  const auto plain = make_mqar(128, 4)->training_batch(8, 0, 500, 64);
  const auto filled =
      make_mqar(128, 4, {{"random_non_queries", "true"}})->training_batch(8, 0, 500, 64);
  EXPECT_EQ(plain.labelled, filled.labelled);
  EXPECT_EQ(plain.targets, filled.targets);
  std::vector<double> counts(128, 0.0);
  double positions = 0;
  for (size_t i = 0; i < plain.tokens.size(); ++i) {
    if (plain.tokens[i] != 0) {
      EXPECT_EQ(plain.tokens[i], filled.tokens[i]);
      continue;
    }
    counts.at(static_cast<size_t>(filled.tokens[i])) += 1;
    positions += 1;
  }
  EXPECT_LT(chi_square(counts, std::vector<double>(128, positions / 128)), 181.9);  // 127, 99.9 %
}

TEST(Mqar, ChanceIsOneValueOfAll) {
  EXPECT_DOUBLE_EQ(make_mqar(8192, 4)->chance(64), 1.0 / 4096);
  EXPECT_DOUBLE_EQ(make_mqar(9, 1)->chance(64), 1.0 / 5);
  EXPECT_EQ(make_mqar(8192, 4)->vocabulary(), 8192);
}

TEST(Mqar, FullestCellsCanBeMade) {
  const Batch batch = make_mqar(5, 1)->training_batch(1, 0, 50, 4);
  for (int64_t row = 0; row < 50; ++row)
    EXPECT_EQ(batch.labelled[static_cast<size_t>(row)], 4 * row + 2);
  EXPECT_EQ(make_mqar(17, 4)->training_batch(1, 0, 50, 16).labelled.size(), 200u);
}

TEST(Mqar, RefusesWhatCannotBe) {
  const auto refusal = [](int64_t vocabulary, int64_t pairs, int64_t length) -> std::string {
    try {
      make_mqar(vocabulary, pairs)->check_length(length);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refusal(8192, 4, 63),
            "length: found 63, expected an even number of at least 4 for task mqar");
  EXPECT_EQ(refusal(8192, 1, 0),
            "length: found 0, expected an even number of at least 4 for task mqar");
  EXPECT_EQ(refusal(8192, 17, 64),
            "task.mqar.pairs: found 17, expected at most 16, a quarter of length 64");
  EXPECT_EQ(refusal(64, 4, 64), "task.mqar.vocabulary: found 64, expected more than length 64");
  EXPECT_EQ(refusal(65, 16, 64), "");
  EXPECT_THROW(make_mqar(3, 1), UserError);
  EXPECT_THROW(make_mqar(8192, 0), UserError);
  EXPECT_THROW(make_mqar(8192, 17)->training_batch(0, 0, 1, 64), UserError);
}

}  // namespace
}  // namespace lengthwise
