#include "tasks/byte_ngram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <vector>

#include "base/random.h"

namespace lengthwise {
namespace {

using Bytes = std::vector<uint8_t>;

/// Few letters with some memory, so that contexts recur and differ; both ends of the byte range.
Bytes random_text(int64_t size, uint64_t seed) {
  const Bytes letters = {0, 1, 'a', 'b', 254, 255};
  RandomStream random(seed, Purpose::probe);
  Bytes text;
  int64_t last = 0;
  for (int64_t i = 0; i < size; ++i) {
    last = random.uniform() < 0.5 ? (last * last + 1) % 6 : random.below(6);
    text.push_back(letters[static_cast<size_t>(last)]);
  }
  return text;
}

std::vector<std::span<const uint8_t>> spans(const std::vector<Bytes>& runs) {
  return {runs.begin(), runs.end()};
}

/// The definition, by scanning all runs each time.
double reference(const std::vector<Bytes>& runs, Bytes context, uint8_t next) {
  int64_t context_count = 0, gram_count = 0;
  std::set<uint8_t> followers;
  for (const Bytes& run : runs) {
    for (size_t i = 0; i + context.size() < run.size(); ++i) {
      if (!std::equal(context.begin(), context.end(), run.begin() + static_cast<int64_t>(i))) {
        continue;
      }
      const uint8_t follower = run[i + context.size()];
      ++context_count;
      gram_count += follower == next;
      followers.insert(follower);
    }
  }
  double shorter = 1.0 / 256;
  if (!context.empty()) {
    shorter = reference(runs, Bytes(context.begin() + 1, context.end()), next);
  }
  if (context_count == 0) return shorter;
  const auto distinct = static_cast<double>(followers.size());
  return (static_cast<double>(gram_count) + distinct * shorter) /
         (static_cast<double>(context_count) + distinct);
}

TEST(ByteNgram, AgreesWithTheDefinition) {
  const std::vector<Bytes> runs = {
      random_text(700, 1), random_text(3, 2), {}, random_text(1, 3), random_text(400, 4)};
  const ByteNgram model(spans(runs));
  const Bytes scored = random_text(300, 5);
  for (size_t i = 4; i < scored.size(); ++i) {
    const Bytes context(scored.begin() + static_cast<int64_t>(i) - 4,
                        scored.begin() + static_cast<int64_t>(i));
    for (const uint8_t next : {scored[i], uint8_t{'z'}}) {
      const auto found = model.probabilities(std::span<const uint8_t, 4>(context), next);
      for (size_t k = 0; k <= 4; ++k) {
        const Bytes latest(context.end() - static_cast<int64_t>(k), context.end());
        ASSERT_NEAR(found[k] / reference(runs, latest, next), 1.0, 1e-12) << i << " " << k;
      }
    }
  }
}

TEST(ByteNgram, ProbabilitiesSumToOne) {
  const ByteNgram model(spans({random_text(2000, 6)}));
  for (const Bytes& context : {Bytes{'a', 'b', 'a', 'b'}, Bytes{0, 0, 0, 0}, Bytes{255, 1, 0, 254},
                               Bytes{'a', 'x', 'y', 'z'}, Bytes{'x', 'a', 'a', 'b'}}) {
    std::array<double, 5> sum{};
    for (int next = 0; next < 256; ++next) {
      const auto found =
          model.probabilities(std::span<const uint8_t, 4>(context), static_cast<uint8_t>(next));
      for (size_t k = 0; k < 5; ++k) sum[k] += found[k];
    }
    for (const double total : sum) EXPECT_NEAR(total, 1.0, 1e-12);
  }
}

TEST(ByteNgram, KnowsNothingWithoutText) {
  const ByteNgram model({});
  const Bytes context = {0, 0, 0, 0};
  for (const double p : model.probabilities(std::span<const uint8_t, 4>(context), 0)) {
    EXPECT_EQ(p, 1.0 / 256);
  }
}

TEST(CountTable, CountsLikeAMap) {
  CountTable table;
  std::map<uint64_t, CountTable::Entry> expected;
  RandomStream random(7, Purpose::probe);
  for (int i = 0; i < 50'000; ++i) {
    const auto key = static_cast<uint64_t>(random.below(3000) * random.below(3000));
    const int64_t count = random.below(5);
    table.add(key, count);
    expected[key].count += count;
    ++expected[key].additions;
  }
  for (const auto& [key, entry] : expected) {
    EXPECT_EQ(table.find(key).count, entry.count);
    EXPECT_EQ(table.find(key).additions, entry.additions);
  }
  EXPECT_EQ(table.find(9'000'001).additions, 0);
  size_t used = 0;
  for (const CountTable::Entry& entry : table.entries()) used += entry.key_plus_one != 0;
  EXPECT_EQ(used, expected.size());
  EXPECT_LE(2 * used, table.entries().size());
}

}  // namespace
}  // namespace lengthwise
