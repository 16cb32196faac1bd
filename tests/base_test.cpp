// The ledger, counters, parallel loop and random streams.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <set>
#include <stdexcept>
#include <vector>

#include "base/check.h"
#include "base/counters.h"
#include "base/dual.h"
#include "base/machine.h"
#include "base/parallel.h"
#include "base/random.h"
#include "base/tensor.h"

namespace lengthwise {
namespace {

MemoryLedger& ledger() { return MemoryLedger::instance(); }

TEST(MemoryLedger, CountsLiveAndPeakByTagAndScope) {
  const MemoryUse before = ledger().use();
  const auto tag = static_cast<size_t>(Tag::state);
  const auto scope = static_cast<size_t>(Scope::attention);
  {
    const ScopeGuard guard(Scope::attention);
    const Tensor a({3, 5}, Tag::state);  // 60 bytes
    ledger().reset_peaks();
    { const Tensor b({17}, Tag::state); }  // 68 bytes
    { const Tensor c({1}, Tag::state); }   // less: the peak stays
    const MemoryUse now = ledger().use();
    EXPECT_EQ(now.live_bytes, before.live_bytes + 64);
    EXPECT_EQ(now.live[scope][tag], before.live[scope][tag] + 64);
    EXPECT_EQ(now.peak[scope][tag], before.live[scope][tag] + 64 + 128);
    EXPECT_EQ(now.peak_bytes, before.live_bytes + 64 + 128);
    EXPECT_EQ(now.peak_by_tag[tag], before.live_by_tag[tag] + 64 + 128);
  }
  EXPECT_EQ(ledger().use().live_bytes, before.live_bytes);
}

TEST(MemoryLedger, ATensorOutlivesItsScopeAndIsReleasedWhereItWasCounted) {
  Tensor kept;
  {
    const ScopeGuard guard(Scope::head);
    kept = Tensor({100}, Tag::workspace);
  }
  const auto live = [] {
    return ledger().use().live[static_cast<size_t>(Scope::head)]
                              [static_cast<size_t>(Tag::workspace)];
  };
  const int64_t there = live();
  kept = Tensor();
  EXPECT_EQ(live(), there - 448);
}

TEST(MemoryLedger, PoolsAlignsAndPoisons) {
  ledger().release_pool();
  const float* first = nullptr;
  {
    const Tensor a({1000}, Tag::workspace);
    first = a.data();
    EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % 64, 0U);
  }
  EXPECT_EQ(ledger().use().pooled_bytes, 4032);
  ledger().set_poison(true);
  const Tensor again({990}, Tag::workspace);
  ledger().set_poison(false);
  EXPECT_EQ(again.data(), first) << "a block that fits is used again";
  EXPECT_EQ(ledger().use().pooled_bytes, 0);
  for (const float v : again.values()) ASSERT_TRUE(std::isnan(v));
  const Tensor small({100}, Tag::workspace);
  EXPECT_NE(small.data(), first);
}

TEST(MemoryLedger, RefusesPastItsLimitAndStaysAsItWas) {
  const int64_t live = ledger().use().live_bytes;
  ledger().set_limit_bytes(live + 1024);
  EXPECT_THROW(Tensor({1000}, Tag::workspace), OutOfMemory);
  EXPECT_EQ(ledger().use().live_bytes, live);
  EXPECT_NO_THROW(Tensor({256}, Tag::workspace));
  ledger().set_limit_bytes(0);
}

TEST(Counters, KeepWorkAndTimeByScope) {
  reset_counters();
  count_flops(1);
  {
    const ScopeGuard outer(Scope::attention);
    count_flops(10);
    {
      const ScopeGuard inner(Scope::head);
      count_exponentials(100);
    }
    parallel_for(8, [](int64_t, int) { count_flops(1000); });
  }
  const Counts counts = read_counters();
  EXPECT_EQ(counts.flops[static_cast<size_t>(Scope::rest)], 1);
  EXPECT_EQ(counts.flops[static_cast<size_t>(Scope::attention)], 8010);
  EXPECT_EQ(counts.exponentials[static_cast<size_t>(Scope::head)], 100);
  EXPECT_EQ(counts.total_flops(), 8011);
  EXPECT_GT(counts.total_seconds(), 0);
}

class Parallel : public testing::TestWithParam<int> {
 protected:
  void SetUp() override { set_thread_count(GetParam()); }
  void TearDown() override { set_thread_count(0); }
};

TEST_P(Parallel, DoesEveryTaskOnceWithItsOwnWorker) {
  EXPECT_EQ(thread_count(), GetParam());
  for (int repeat = 0; repeat < 500; ++repeat) {
    std::vector<std::atomic<int>> done(37), busy(static_cast<size_t>(GetParam()));
    parallel_for(37, [&](int64_t task, int worker) {
      EXPECT_EQ(busy[static_cast<size_t>(worker)]++, 0);
      ++done[static_cast<size_t>(task)];
      // A loop inside runs here, with this worker.
      parallel_for(2, [&](int64_t, int inner) { EXPECT_EQ(inner, worker); });
      --busy[static_cast<size_t>(worker)];
    });
    for (const auto& count : done) ASSERT_EQ(count, 1);
  }
}

TEST_P(Parallel, RethrowsAndGoesOnWorking) {
  EXPECT_THROW(parallel_for(100,
                            [](int64_t task, int) {
                              if (task == 42) throw std::runtime_error("42");
                            }),
               std::runtime_error);
  std::atomic<int64_t> sum = 0;
  parallel_ranges(100, 7, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) sum += i;
  });
  EXPECT_EQ(sum, 4950);
}

INSTANTIATE_TEST_SUITE_P(Threads, Parallel, testing::Values(1, 2, 3, 8));

TEST(Random, IsTheKnownPhilox) {
  // Known answers of the Random123 distribution for philox4x32-10.
  const RandomQuad zero = random_quad(0, 0);
  EXPECT_EQ(zero.word[0], 0x6627e8d5U);
  EXPECT_EQ(zero.word[1], 0xe169c58dU);
  EXPECT_EQ(zero.word[2], 0xbc57ac4cU);
  EXPECT_EQ(zero.word[3], 0x9b00dbd8U);
}

TEST(Random, StreamsDifferInEveryCoordinate) {
  std::set<uint64_t> firsts;
  const auto first = [&](RandomStream stream) { firsts.insert(stream.bits()); };
  first({1, Purpose::training, 2, 3});
  first({2, Purpose::training, 2, 3});
  first({1, Purpose::validation, 2, 3});
  first({1, Purpose::training, 3, 3});
  first({1, Purpose::training, 2, 4});
  first({1, Purpose::training, 3, 2});
  EXPECT_EQ(firsts.size(), 6U);
  RandomStream a(5, Purpose::dropout, 1), b(5, Purpose::dropout, 1);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(a.bits(), b.bits());
}

TEST(Random, HasTheMomentsOfItsLaws) {
  RandomStream stream(1, Purpose::probe);
  const int n = 200'000;
  double sum = 0, squares = 0, uniform = 0;
  std::vector<int> below(7);
  for (int i = 0; i < n; ++i) {
    const double z = stream.normal(), u = stream.uniform();
    ASSERT_TRUE(u >= 0 && u < 1);
    sum += z;
    squares += z * z;
    uniform += u;
    ++below.at(static_cast<size_t>(stream.below(7)));
  }
  EXPECT_NEAR(sum / n, 0, 4 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1, 4 * std::sqrt(2.0 / n));
  EXPECT_NEAR(uniform / n, 0.5, 4 / std::sqrt(12.0 * n));
  for (const int count : below) EXPECT_NEAR(count, n / 7.0, 4 * std::sqrt(n / 7.0));
}

TEST(Dual, DifferentiatesWhatDefinitionsUse) {
  const Dual x(0.7, 1);
  const auto near = [](const Dual& d, double value, double slope) {
    EXPECT_NEAR(d.value, value, 1e-12);
    EXPECT_NEAR(d.slope, slope, 1e-12);
  };
  near(x * x + Dual(3) * x - x / (x + Dual(1)), 0.49 + 2.1 - 0.7 / 1.7, 1.4 + 3 - 1 / (1.7 * 1.7));
  near(exp(x), std::exp(0.7), std::exp(0.7));
  near(log(x), std::log(0.7), 1 / 0.7);
  near(sqrt(x), std::sqrt(0.7), 0.5 / std::sqrt(0.7));
  near(erf(x), std::erf(0.7), 2 / std::sqrt(M_PI) * std::exp(-0.49));
  near(tanh(x), std::tanh(0.7), 1 - std::tanh(0.7) * std::tanh(0.7));
  near(abs(-x), 0.7, 1);
}

TEST(Checks, PrintBothValuesAndThePlace) {
  try {
    check_equal(1, 2, "a size");
    FAIL();
  } catch (const CheckFailure& failure) {
    const std::string text = failure.what();
    EXPECT_NE(text.find("base_test.cpp:"), std::string::npos) << text;
    EXPECT_NE(text.find("a size: found 1, expected 2"), std::string::npos) << text;
  }
  EXPECT_THROW(check_in_range(3, 0, 3, "an index"), CheckFailure);
}

TEST(Machine, SaysSomething) {
  EXPECT_GT(peak_resident_bytes(), 1 << 20);
  EXPECT_FALSE(affinity_text().empty());
  EXPECT_EQ(utc_time().size(), std::string("2026-01-31T12:00:00Z").size());
}

}  // namespace
}  // namespace lengthwise
