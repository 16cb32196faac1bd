// Tiled attention whose scores gain a term of the query and one of the key.
#include <limits>

#include "base/check.h"
#include "base/parallel.h"
#include "kernels/tiled_attention.h"
#include "tests/plain_tiled_terms.h"

namespace lengthwise {
namespace {

constexpr float kLowest = -std::numeric_limits<float>::infinity();

// As relative_error, but of slopes that cancel to 0 on the scale of what cancels.
double slope_error(const std::vector<double>& found, const Expected& e, size_t which) {
  double worst = 0, largest = e.largest_slope_part;
  for (size_t n = 0; n < found.size(); ++n) {
    const double error = std::abs(found[n] - e.gradients[which][n]);
    worst = std::isfinite(error) ? std::max(worst, error) : HUGE_VAL;
    largest = std::max(largest, std::abs(e.gradients[which][n]));
  }
  return largest > 0 ? worst / largest : worst;
}

void expect_equal(const Result& found, const Expected& e) {
  EXPECT_LE(relative_error(found.out, e.out), kForwardTolerance);
  for (size_t n = 0; n < e.log_sums.size(); ++n) {
    if (e.log_sums[n] == -HUGE_VAL) {
      ASSERT_EQ(found.log_sums[n], -HUGE_VAL) << "a query that sees no key";
    } else {
      ASSERT_NEAR(found.log_sums[n], e.log_sums[n],
                  kForwardTolerance * std::max(1.0, std::abs(e.log_sums[n])));
    }
  }
  for (size_t which = 0; which < e.gradients.size(); ++which) {
    EXPECT_LE(slope_error(found.gradients[which], e, which), kGradientTolerance)
        << "input " << which;
  }
}

class TiledTermsCase : public testing::TestWithParam<TermsCase> {};

TEST_P(TiledTermsCase, EqualsDoubleForwardAndBackward) {
  const std::vector<std::pair<int64_t, int64_t>> sizes = {{1, 1},    {7, 7},     {1, 65}, {65, 65},
                                                          {65, 300}, {300, 300}, {300, 7}};
  for (const auto& [queries, keys] : sizes) {
    SCOPED_TRACE(testing::Message() << "T=" << queries << " S=" << keys);
    const Problem p(GetParam(), queries, keys);
    expect_equal(run(p, p.cotangent()), expected_of(p, p.cotangent()));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Rules, TiledTermsCase,
    testing::Values(
        TermsCase{.name = "causal"}, TermsCase{.name = "both_ways", .causal = false},
        TermsCase{.name = "window", .window = 20, .offset = true},
        TermsCase{.name = "window_both_ways", .causal = false, .window = 70},
        TermsCase{.name = "grouped_and_padded", .heads = 4, .groups = 2, .padded = true},
        TermsCase{.name = "dropout", .causal = false, .groups = 1, .rate = 0.4},
        TermsCase{.name = "without_itself", .exclude_self = true},
        TermsCase{.name = "biased_with_spare_rows", .offset = true, .biased = true, .spare = 3},
        TermsCase{.name = "everything",
                  .window = 90,
                  .heads = 4,
                  .groups = 2,
                  .padded = true,
                  .offset = true,
                  .exclude_self = true,
                  .biased = true,
                  .rate = 0.3,
                  .spare = 2}),
    [](const auto& named) { return named.param.name; });

// Beside the formulas: slopes by dual numbers, of a gate that enters both terms.
TEST(TiledTerms, GiveAGateOfBothItsSlope) {
  const int64_t B = 2, T = 7, H = 2, D = 3;
  for (const bool causal : {true, false}) {
    TiledAttentionRule rule;
    rule.mask.causal = causal;
    check_operation(
        "one variable as both terms",
        {random_var({B, T, H, D}, 1), random_var({B, T, 1, D}, 2), random_var({B, T, 1, D}, 3),
         random_var({B, H, T}, 4)},
        [&](const std::vector<Var>& in) {
          rule.row_term = rule.column_term = in[3];
          return tiled_attention(in[0], in[1], in[2], rule).out;
        },
        [&]<class Scalar>(std::vector<Array<Scalar>>& in) {
          Definition<Scalar> a;
          a.B = B, a.T = a.S = T, a.H = H, a.G = 1, a.D = D;
          a.queries = in[0], a.keys = in[1], a.values = in[2];
          a.outputs = Array<Scalar>({B, T, H, D});
          a.mask = rule.mask;
          a.each_output([&](int64_t b, int64_t i, int64_t h) {
            a.mix_normalised(b, i, h, [&](int64_t j) {
              using std::exp;
              return exp(a.dot(b, i, j, h) + in[3](b, h, i) + in[3](b, h, j));
            });
          });
          return a.outputs;
        });
  }
}

// Gates that add up over a long sequence: the terms are large, the differences are not.
TEST(TiledTerms, CancelBeforeTheyAreRoundedToTheScore) {
  Problem p({.causal = true}, 300, 300);
  for (int64_t n = 0; n < p.in[3].value().size(); ++n) {
    const float gates = -20000.0F - 0.25F * static_cast<float>(n % p.T);
    p.in[3].value().data()[n] = gates;
    p.in[4].value().data()[n] = -gates;
  }
  expect_equal(run(p, p.cotangent()), expected_of(p, p.cotangent()));
}

TEST(TiledTerms, AreEachAsGoodAsZeroWhereAbsent) {
  for (const std::vector<size_t>& absent : {std::vector<size_t>{3}, {4}, {3, 4}}) {
    Problem p({.window = 90, .biased = true}, 300, 300);
    for (const size_t which : absent) std::ranges::fill(p.in[which].value().values(), 0.0F);
    Result zero = run(p, p.cotangent());
    p.absent = absent;
    Result none = run(p, p.cotangent());
    EXPECT_EQ(none.out, zero.out);
    EXPECT_EQ(none.log_sums, zero.log_sums);
    for (const size_t which : absent) zero.gradients[which] = none.gradients[which];
    EXPECT_EQ(none.gradients, zero.gradients);
  }
}

// Over 600 keys the gradients of the query's side are summed in three parts.
TEST(TiledTerms, GiveTheSameBitsWithAnyNumberOfThreads) {
  const TermsCase c{.causal = false, .groups = 1, .biased = true, .rate = 0.2};
  for (const int64_t batch : {1, 9}) {
    const Problem p(c, 300, 600, batch);
    set_thread_count(1);
    const Result once = run(p, p.cotangent());
    for (const int threads : {2, 3, 5}) {
      set_thread_count(threads);
      const Result again = run(p, p.cotangent());
      EXPECT_EQ(again.out, once.out) << threads;
      EXPECT_EQ(again.log_sums, once.log_sums) << threads;
      EXPECT_EQ(again.gradients, once.gradients) << threads;
    }
    set_thread_count(0);
  }
}

TEST(TiledTerms, AddToGradientsThatAreThere) {
  const Problem p({.groups = 1}, 300, 300, 1);
  const Result fresh = run(p, p.cotangent());
  Tape tape;
  Var out;
  {
    const Recording recording(tape);
    out = p.attend().out;
  }
  for (const Var& input : p.in) std::ranges::fill(input.gradient()->values(), 8.0F);
  backward_with(tape, out, p.cotangent());
  for (size_t which = 0; which < p.in.size(); ++which) {
    std::vector<double> expected = fresh.gradients[which];
    for (double& slope : expected) slope += 8;
    EXPECT_LE(relative_error(gradient_of(p.in[which]), expected), 1e-6) << "input " << which;
  }
}

// The first `tokens` of [rows, T] or [rows, T, columns].
std::vector<double> head(const std::vector<double>& all, int64_t rows, int64_t tokens, int64_t T) {
  const auto row = static_cast<int64_t>(all.size()) / rows;
  std::vector<double> some;
  for (int64_t r = 0; r < rows; ++r) {
    some.insert(some.end(), all.begin() + r * row, all.begin() + r * row + row / T * tokens);
  }
  return some;
}

TEST(TiledTerms, OfALaterKeyDoNotMatterToTheBit) {
  const int64_t T = 300;
  for (const int64_t seen : {1, 63, 200, 257}) {
    for (const float wrong : {1e30F, std::nanf(""), HUGE_VALF, kLowest}) {
      Problem p({.biased = true}, T, T);
      Var cotangent = p.cotangent();
      for (int64_t b = 0; b < p.B; ++b) {
        float* row = cotangent.value().data() + b * T * p.H * p.D;
        std::fill(row + seen * p.H * p.D, row + T * p.H * p.D, 0.0F);
      }
      const Result before = run(p, cotangent);
      for (int64_t n = 0; n < p.in[4].value().size(); ++n) {
        if (n % T >= seen) p.in[4].value().data()[n] = wrong;
        EXPECT_TRUE(n % T < seen || before.gradients[4][static_cast<size_t>(n)] == 0);
      }
      const Result after = run(p, cotangent);
      const int64_t rows = p.B * p.H;
      EXPECT_EQ(head(after.out, p.B, seen, T), head(before.out, p.B, seen, T));
      EXPECT_EQ(head(after.log_sums, rows, seen, T), head(before.log_sums, rows, seen, T));
      EXPECT_EQ(head(after.gradients[3], rows, seen, T), head(before.gradients[3], rows, seen, T));
      if (wrong != kLowest) continue;  // what is not a number is passed on to queries that see it
      for (size_t which = 0; which < p.in.size(); ++which) {
        EXPECT_EQ(after.gradients[which], before.gradients[which]) << "input " << which;
      }
    }
  }
}

TEST(TiledTerms, OfAPaddedKeyAreNotRead) {
  Problem p({.causal = false, .padded = true, .spare = 3}, 65, 300);
  const Result before = run(p, p.cotangent());
  const int64_t columns = p.in[4].extent(2);
  for (int64_t b = 0; b < p.B; ++b) {
    for (int64_t n = b * p.H * columns; n < (b + 1) * p.H * columns; ++n) {
      if (n % columns < p.keys[static_cast<size_t>(b)]) continue;
      p.in[4].value().data()[n] = std::nanf("");
      EXPECT_EQ(before.gradients[4][static_cast<size_t>(n)], 0);
    }
  }
  const Result after = run(p, p.cotangent());
  EXPECT_EQ(after.out, before.out);
  EXPECT_EQ(after.gradients, before.gradients);
}

TEST(TiledTerms, OfMinusInfinityHideTheirKeyOrQuery) {
  Problem p({.causal = false, .groups = 1}, 65, 65, 1);
  std::fill_n(p.in[3].value().data(), p.T, kLowest);  // every query of head 0
  p.in[4].value().data()[p.S + 7] = kLowest;          // key 7 for head 1
  const Result found = run(p, p.cotangent());
  expect_equal(found, expected_of(p, p.cotangent()));
  EXPECT_EQ(found.log_sums[0], -HUGE_VAL);
  EXPECT_EQ(found.gradients[4][static_cast<size_t>(p.S + 7)], 0);
}

// weights' sum is 1, so that slopes w (g - delta) add up to from . out - delta: told an output of
// 0, and so a delta of 0, the backward must find from . out.
TEST(TiledTerms, SumARowsSlopesTruthfully) {
  const PoisonedBuffers poisoned;
  for (const int64_t batch : {1, 9}) {
    const Problem p({.groups = 1}, 300, 300, batch);
    const TiledSizes s{p.B, p.T, p.S, p.H, p.G, p.D, p.S};
    const AttentionOutput real = p.attend();
    const Var from = p.cotangent();
    TiledTerms terms;
    terms.scale = 0.7, terms.ahead = 0;
    terms.row_term = p.in[3].data(), terms.column_term = p.in[4].data(), terms.column_stride = p.S;
    const int64_t parts = tiled_query_parts(s);
    EXPECT_EQ(parts > 1, batch == 1);
    const Tensor zero = Tensor::zeros(from.shape(), Tag::data);
    Tensor deltas(p.in[3].shape(), Tag::workspace), found = deltas.clone(Tag::data);
    Tensor query_parts({parts, zero.size()}, Tag::workspace);
    Tensor row_parts({parts, deltas.size()}, Tag::workspace);
    Tensor slabs({thread_count(), tiled_backward_slab(s)}, Tag::workspace);
    std::ranges::fill(found.values(), 2.0F);
    tiled_attention_backward(s, terms, p.in[0].data(), p.in[1].data(), p.in[2].data(), zero.data(),
                             real.log_sums.data(), from.data(), deltas.data(), query_parts.data(),
                             row_parts.data(), slabs.data(), {.row_term = found.data()});
    std::vector<double> expected;
    for (int64_t n = 0; n < found.size(); ++n) {
      const int64_t b = n / p.T / p.H, h = n / p.T % p.H, i = n % p.T;
      double sum = 2;
      for (int64_t d = 0; d < p.D; ++d) {
        const int64_t at = ((b * p.T + i) * p.H + h) * p.D + d;
        sum += static_cast<double>(from.data()[at]) * static_cast<double>(real.out.data()[at]);
      }
      expected.push_back(sum);
    }
    EXPECT_LE(relative_error(as_doubles(found.values()), expected), kGradientTolerance);
  }
}

TEST(TiledTerms, OfAnotherShapeAreRefused) {
  const Problem p({}, 7, 9);
  TiledAttentionRule rule = p.rule();
  rule.row_term = p.in[4];
  EXPECT_THROW(tiled_attention(p.in[0], p.in[1], p.in[2], rule), CheckFailure);
  rule = p.rule();
  rule.column_term = p.in[3];
  EXPECT_THROW(tiled_attention(p.in[0], p.in[1], p.in[2], rule), CheckFailure);
}

}  // namespace
}  // namespace lengthwise
