#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/check.h"
#include "tasks/task.h"
#include "tests/chi_square.h"

namespace lengthwise {
namespace {

std::unique_ptr<Task> make_shots(const OptionValues& options = {}) {
  return task_entry("shots").make(options);
}

OptionValues sizes(int64_t symbols, int64_t maps) {
  return {{"symbols", std::to_string(symbols)}, {"maps", std::to_string(maps)}};
}

using Map = std::vector<int64_t>;

/// The examples of a row, x and y from 0 on.
std::vector<std::pair<int64_t, int64_t>> pairs_of(const Batch& batch, int64_t row,
                                                  int64_t symbols) {
  std::vector<std::pair<int64_t, int64_t>> pairs;
  for (int64_t n = 0; n < batch.length / 2; ++n) {
    const auto at = static_cast<size_t>(row * batch.length + 2 * n);
    pairs.emplace_back(batch.tokens[at], batch.tokens[at + 1] - symbols);
  }
  return pairs;
}

/// What a row says of every symbol; nothing of a row that leaves one out.
Map map_of(const Batch& batch, int64_t row, int64_t symbols) {
  Map map(static_cast<size_t>(symbols), -1);
  for (const auto& [x, y] : pairs_of(batch, row, symbols)) {
    int64_t& value = map.at(static_cast<size_t>(x));
    EXPECT_TRUE(value == -1 || value == y) << "two values of a symbol";
    value = y;
  }
  if (std::count(map.begin(), map.end(), -1) > 0) return {};
  return map;
}

/// The maps that long rows show, and how often.
std::map<Map, double> maps_shown(const Task& task, int64_t symbols, int64_t rows, bool training) {
  const Batch batch = training ? task.training_batch(1, 0, rows, 40 * symbols)
                               : task.evaluation_batch(1, 40 * symbols, 0, rows);
  std::map<Map, double> shown;
  for (int64_t row = 0; row < rows; ++row) {
    const Map map = map_of(batch, row, symbols);
    if (!map.empty()) shown[map] += 1;
  }
  return shown;
}

TEST(Shots, EveryValueIsAskedForBeforeItIsShown) {
  const auto task = make_shots(sizes(5, 3));
  const Batch batch = task->evaluation_batch(1, 24, 3, 50);
  ASSERT_EQ(batch.labelled.size(), 50U * 12);
  ASSERT_EQ(batch.targets.size(), batch.labelled.size());
  ASSERT_EQ(batch.parts.size(), batch.labelled.size());
  EXPECT_THAT(task->parts(24),
              testing::ElementsAre("known shots=0", "known shots=1", "known shots=2",
                                   "known shots=4", "known shots=8"));
  const std::vector<int32_t> part_of = {0, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4};
  for (size_t label = 0; label < batch.labelled.size(); ++label) {
    EXPECT_EQ(batch.labelled[label], static_cast<int64_t>(2 * label));
    EXPECT_LT(batch.tokens[2 * label], 5);
    EXPECT_EQ(batch.targets[label], batch.tokens[2 * label + 1]);
    EXPECT_GE(batch.targets[label], 5);
    EXPECT_EQ(batch.parts[label], part_of[label % 12]);
  }
  EXPECT_TRUE(task->training_batch(1, 0, 2, 24).parts.empty());
  EXPECT_TRUE(task_entry("shots").info.labels_next);
}

TEST(Shots, KnownMapsAreThoseOfTraining) {
  constexpr int64_t kRows = 6000, kMaps = 4;
  const auto task = make_shots(sizes(3, kMaps));
  const auto trained = maps_shown(*task, 3, kRows, true),
             tested = maps_shown(*task, 3, kRows, false);
  ASSERT_EQ(std::ssize(trained), kMaps);  // of 27 that there are: none of these four coincide
  std::vector<double> counts, again;
  for (const auto& [map, count] : trained) {
    ASSERT_TRUE(tested.contains(map));
    counts.push_back(count);
    again.push_back(tested.at(map));
  }
  EXPECT_EQ(tested.size(), trained.size());
  EXPECT_LT(chi_square(counts), chi_square_limit(kMaps - 1));
  EXPECT_LT(chi_square(again), chi_square_limit(kMaps - 1));
  // Whatever the seed.
  const Batch other = task->training_batch(99, 5, 20, 120);
  for (int64_t row = 0; row < 20; ++row) EXPECT_TRUE(trained.contains(map_of(other, row, 3)));
}

TEST(Shots, SymbolsAndValuesAreEquallyFrequent) {
  constexpr int64_t kRows = 5000, kSymbols = 4;
  const auto fresh = make_shots(sizes(kSymbols, 0));
  const auto shown = maps_shown(*fresh, kSymbols, kRows, true);
  EXPECT_EQ(shown.size(), 256U);
  std::vector<double> counts;
  for (const auto& [map, count] : shown) counts.push_back(count);
  EXPECT_LT(chi_square(counts), chi_square_limit(255));
  const Batch batch = make_shots(sizes(kSymbols, 5))->training_batch(1, 0, kRows, 4);
  std::vector<double> symbols(16);
  for (int64_t row = 0; row < kRows; ++row) {
    const auto pairs = pairs_of(batch, row, kSymbols);
    symbols.at(static_cast<size_t>(4 * pairs[0].first + pairs[1].first)) += 1;
  }
  EXPECT_LT(chi_square(symbols), chi_square_limit(15));
}

/// How often the likeliest value is right after n examples, by listing every row: of all that begin
/// with the same examples and question, the share that goes on with their most frequent value.
std::vector<double> listed_bayes(const std::vector<Map>& maps, int64_t symbols, int64_t pairs) {
  std::vector<double> right;
  std::map<std::vector<int64_t>, std::map<int64_t, double>> next;
  for (int64_t n = 0; n < pairs; ++n) {
    next.clear();
    const auto rows = static_cast<int64_t>(std::pow(symbols, n + 1));
    for (const Map& map : maps) {
      for (int64_t row = 0; row < rows; ++row) {
        std::vector<int64_t> text;
        int64_t left = row, value = -1;
        for (int64_t i = 0; i <= n; ++i, left /= symbols) {
          value = map[static_cast<size_t>(left % symbols)];
          text.insert(text.end(), {left % symbols, value});
        }
        text.pop_back();
        next[text][value] += 1 / static_cast<double>(rows * std::ssize(maps));
      }
    }
    double share = 0;
    for (const auto& [text, values] : next) {
      double best = 0;
      for (const auto& [value, probability] : values) best = std::max(best, probability);
      share += best;
    }
    right.push_back(share);
  }
  return right;
}

TEST(Shots, CeilingIsThatOfBayes) {
  for (const int64_t count : {2, 6}) {
    const auto task = make_shots(sizes(3, count));
    std::vector<Map> maps;
    const auto shown = maps_shown(*task, 3, 600, true);
    for (const auto& [map, rows] : shown) {
      // Two of the maps may be the same: it then stands for both.
      const auto times = std::llround(rows * static_cast<double>(count) / 600);
      maps.insert(maps.end(), static_cast<size_t>(times), map);
    }
    ASSERT_EQ(std::ssize(maps), count);
    const std::vector<double> right = listed_bayes(maps, 3, 6);
    const Ceiling ceiling = task->ceiling(12, -1);
    const std::vector<double> parts = {right[0], right[1], (right[2] + right[3]) / 2,
                                       (right[4] + right[5]) / 2};
    EXPECT_THAT(ceiling.parts, testing::Pointwise(testing::DoubleNear(0.01), parts));
    double all = 0;
    for (const double share : right) all += share / 6;
    EXPECT_NEAR(ceiling.all, all, 0.01);
    EXPECT_GT(right[5], right[0] + 0.1);
    EXPECT_EQ(task->ceiling(12, 11).all, ceiling.all);
    EXPECT_TRUE(std::isnan(task->ceiling(12, 10).all));
  }
}

// The rule that copies what was shown, or else guesses, on rows as they are.
TEST(Shots, OfFreshMapsOnlyWhatWasShownIsKnown) {
  constexpr int64_t kSymbols = 5, kRows = 20'000, kPairs = 8;
  const auto task = make_shots(sizes(kSymbols, 0));
  const Batch batch = task->evaluation_batch(1, 2 * kPairs, 0, kRows);
  ASSERT_THAT(task->parts(2 * kPairs), testing::ElementsAre("fresh shots=0", "fresh shots=1",
                                                            "fresh shots=2", "fresh shots=4"));
  std::vector<double> right(4), asked(4);
  for (int64_t row = 0; row < kRows; ++row) {
    const auto pairs = pairs_of(batch, row, kSymbols);
    for (size_t n = 0; n < kPairs; ++n) {
      int64_t answer = 0;  // a guess
      for (size_t i = 0; i < n; ++i) {
        if (pairs[i].first == pairs[n].first) answer = pairs[i].second;
      }
      const auto part = static_cast<size_t>(batch.parts[static_cast<size_t>(row) * kPairs + n]);
      asked.at(part) += 1;
      right.at(part) += answer == pairs[n].second ? 1 : 0;
    }
  }
  const Ceiling ceiling = task->ceiling(2 * kPairs, -1);
  ASSERT_EQ(ceiling.parts.size(), 4U);
  for (size_t part = 0; part < 4; ++part) {
    EXPECT_NEAR(ceiling.parts[part], right[part] / asked[part], 0.01);
  }
  EXPECT_DOUBLE_EQ(ceiling.parts[0], 0.2);
  EXPECT_DOUBLE_EQ(ceiling.parts[1], 0.2 + 0.8 * 0.2);
  EXPECT_DOUBLE_EQ(task->chance(16), 0.2);
}

TEST(Shots, FreshMapsMayBeScoredBesideKnownOnes) {
  OptionValues options = sizes(3, 4);
  const auto known = make_shots(options), fresh = make_shots(sizes(3, 0));
  options["fresh_test"] = "true";
  const auto both = make_shots(options);
  EXPECT_EQ(both->evaluation_examples(120, 7), 14);
  EXPECT_EQ(known->evaluation_examples(120, 7), 7);
  EXPECT_THAT(both->parts(6),
              testing::ElementsAre("known shots=0", "known shots=1", "known shots=2",
                                   "fresh shots=0", "fresh shots=1", "fresh shots=2"));
  const Batch batch = both->evaluation_batch(1, 120, 1, 400);
  const auto maps = maps_shown(*known, 3, 600, true);
  double strange = 0;
  for (int64_t row = 0; row < 400; ++row) {
    const bool is_fresh = row % 2 == 0;
    const auto kind = static_cast<size_t>(is_fresh ? both->parts(120).size() / 2 : 0);
    EXPECT_EQ(static_cast<size_t>(batch.parts[static_cast<size_t>(row) * 60]), kind);
    const Map map = map_of(batch, row, 3);
    ASSERT_EQ(map.size(), 3U);
    const bool is_strange = !maps.contains(map);
    EXPECT_TRUE(is_fresh || !is_strange);
    if (is_strange) strange += 1;
  }
  EXPECT_GT(strange, 140);  // 23 of 27 maps are none of the four: 170 of 200
  const Ceiling of_both = both->ceiling(6, -1);
  EXPECT_DOUBLE_EQ(of_both.all, (known->ceiling(6, -1).all + fresh->ceiling(6, -1).all) / 2);
  EXPECT_EQ(of_both.parts.at(1), known->ceiling(6, -1).parts.at(1));
  EXPECT_EQ(of_both.parts.at(4), fresh->ceiling(6, -1).parts.at(1));
}

TEST(Shots, IsReadAndWrittenInLetters) {
  const auto text = [](int64_t symbols) {
    return task_entry("shots").token_text(sizes(symbols, 2), TaskForm::sequence);
  };
  EXPECT_EQ(text(3).prompt("--prompt", "aCbAc"), (std::vector<int32_t>{0, 5, 1, 3, 2}));
  EXPECT_EQ(text(3).text(std::vector<int32_t>{0, 5, 1, 3, 2, 6}), "aCbAc<6>");
  EXPECT_EQ(text(27).prompt("--prompt", "53 0"), (std::vector<int32_t>{53, 0}));
  try {
    text(3).prompt("--prompt", "aCd");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "--prompt: found 'd' at place 3, expected letters from a to c and, for what a map "
                 "gives, from A to C");
  }
}

TEST(Shots, RefusesWhatCannotBe) {
  const auto task = make_shots();
  EXPECT_EQ(task->vocabulary(), 32);
  EXPECT_THAT(task->parts(2), testing::ElementsAre("known shots=0"));
  EXPECT_EQ(task->ceiling(2, -1).parts.size(), 1U);
  EXPECT_NO_THROW(task->check_length(2));
  EXPECT_THROW(task->check_length(0), UserError);
  EXPECT_THROW(make_shots(sizes(1, 3)), UserError);
  try {
    task->check_length(7);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "length: found 7, expected an even number of at least 2 for task shots");
  }
}

}  // namespace
}  // namespace lengthwise
