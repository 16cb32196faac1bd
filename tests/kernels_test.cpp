#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/counters.h"
#include "base/parallel.h"
#include "base/random.h"
#include "base/tensor.h"
#include "kernels/columns.h"
#include "kernels/multiply.h"
#include "kernels/rows.h"
#include "kernels/tile_multiply.h"

namespace lengthwise {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
const std::vector<int64_t> kSizes = {0, 1, 2, 7, 15, 16, 17, 63, 65, 130, 1000};

std::vector<float> draws(int64_t n, double size = 1, uint64_t seed = 1) {
  RandomStream stream(seed, Purpose::probe);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = static_cast<float>(size * stream.normal());
  return values;
}

TEST(Rows, SoftmaxEqualsDouble) {
  for (const int64_t n : kSizes) {
    for (const double size : {1.0, 30.0, 1e4}) {
      const std::vector<float> scores = draws(n, size);
      std::vector<float> weights = scores;
      weights.push_back(42);  // what stands behind the row stays
      softmax_row(weights.data(), n);
      double most = -HUGE_VAL, total = 0;
      for (const float s : scores) most = std::max(most, static_cast<double>(s));
      for (const float s : scores) total += std::exp(static_cast<double>(s) - most);
      for (int64_t i = 0; i < n; ++i) {
        const auto at = static_cast<size_t>(i);
        EXPECT_NEAR(weights[at], std::exp(static_cast<double>(scores[at]) - most) / total, 1e-6);
      }
      EXPECT_EQ(weights.back(), 42.0F);
    }
  }
}

TEST(Rows, SoftmaxOfNothingSeenIsZero) {
  std::vector<float> row(17, -kInfinity);
  softmax_row(row.data(), 17);
  EXPECT_EQ(row, std::vector<float>(17, 0.0F));
  row[3] = 1;
  for (float& v : row) v = v == 1 ? 5.0F : -kInfinity;
  softmax_row(row.data(), 17);
  EXPECT_EQ(row[3], 1.0F);
  EXPECT_EQ(row[4], 0.0F);
}

TEST(Rows, SumsProductsAndLogarithms) {
  for (const int64_t n : kSizes) {
    const std::vector<float> a = draws(n, 1, 1), b = draws(n, 1, 2);
    double dot = 0, sum = 0, exponentials = 0, magnitudes = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      dot += static_cast<double>(a[i]) * b[i];
      sum += static_cast<double>(a[i]);
      exponentials += std::exp(static_cast<double>(a[i]));
      magnitudes += std::abs(static_cast<double>(a[i]));
    }
    EXPECT_NEAR(dot_row(a.data(), b.data(), n), dot, 1e-4);
    EXPECT_NEAR(sum_row(a.data(), n), sum, 1e-4);
    if (n == 0) continue;
    EXPECT_NEAR(log_sum_exp_row(a.data(), n), std::log(exponentials), 1e-5);
    EXPECT_EQ(largest_in_row(a.data(), n), std::max_element(a.begin(), a.end()) - a.begin());
    std::vector<float> shares = a;
    EXPECT_NEAR(normalise_sum_row(shares.data(), n), magnitudes, 1e-5 * magnitudes);
    EXPECT_NEAR(shares[0], static_cast<double>(a[0]) / magnitudes, 1e-6);
    std::vector<float> out = b;
    add_exp_row(a.data(), 0.5F, 2.0F, out.data(), n);
    EXPECT_NEAR(out.back(), static_cast<double>(b.back()) + 2 * std::exp(a.back() - 0.5), 1e-5);
  }
  std::vector<float> zeros(3, 0.0F);
  EXPECT_EQ(normalise_sum_row(zeros.data(), 3), 0.0F);
  EXPECT_EQ(zeros, std::vector<float>(3, 0.0F));
}

TEST(Rows, GeluAndFeaturesOverTheWholeRange) {
  std::vector<float> x;
  for (double v = -12; v <= 12; v += 0.0137) x.push_back(static_cast<float>(v));
  const auto n = static_cast<int64_t>(x.size());
  std::vector<float> gelu(x.size()), slope(x.size(), 0.0F), feature(x.size()),
      feature_slope(x.size(), 0.0F);
  const std::vector<float> ones(x.size(), 1.0F);
  gelu_row(Gelu::erf, x.data(), gelu.data(), n);
  gelu_backward_row(Gelu::erf, x.data(), ones.data(), slope.data(), n);
  elu_plus_one_row(x.data(), feature.data(), n);
  elu_plus_one_backward_row(x.data(), ones.data(), feature_slope.data(), n);
  for (size_t i = 0; i < x.size(); ++i) {
    const auto v = static_cast<double>(x[i]);
    const double below = 0.5 * (1 + std::erf(v / std::sqrt(2.0)));
    const double density = std::exp(-v * v / 2) / std::sqrt(2 * M_PI);
    EXPECT_NEAR(gelu[i], v * below, 3e-7 * std::max(1.0, std::abs(v))) << v;
    EXPECT_NEAR(slope[i], below + v * density, 1e-6) << v;
    EXPECT_NEAR(feature[i], v > 0 ? v + 1 : std::exp(v), 2e-6) << v;
    EXPECT_NEAR(feature_slope[i], v > 0 ? 1 : std::exp(v), 1e-6) << v;
  }
}

TEST(Rows, GeluByTanhOverTheWholeRange) {
  std::vector<float> x = {-1e20F, 1e20F, -30, 30};
  for (double v = -12; v <= 12; v += 0.0137) x.push_back(static_cast<float>(v));
  const auto n = static_cast<int64_t>(x.size());
  std::vector<float> gelu(x.size()), slope(x.size(), 0.0F);
  const std::vector<float> ones(x.size(), 1.0F);
  gelu_row(Gelu::tanh, x.data(), gelu.data(), n);
  gelu_backward_row(Gelu::tanh, x.data(), ones.data(), slope.data(), n);
  for (size_t i = 0; i < x.size(); ++i) {
    const auto v = static_cast<double>(x[i]);
    const double t = std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v));
    const double inner = std::sqrt(2 / M_PI) * (1 + 3 * 0.044715 * v * v);
    const double bend = t * t < 1 ? v * (1 - t * t) / 2 * inner : 0;
    EXPECT_NEAR(gelu[i], v * (1 + t) / 2, 3e-7 * std::max(1.0, std::abs(v))) << v;
    EXPECT_NEAR(slope[i], (1 + t) / 2 + bend, 1e-6) << v;
  }
}

struct Product {
  int64_t m, n, k;
  bool a_transposed, b_transposed;
};

class Multiply : public testing::TestWithParam<Product> {
 protected:
  void TearDown() override { set_thread_count(0); }
};

TEST_P(Multiply, EqualsDoubleForAnyStrideAndNumberOfThreads) {
  const auto [m, n, k, a_transposed, b_transposed] = GetParam();
  const int64_t a_stride = (a_transposed ? m : k) + 3, b_stride = (b_transposed ? k : n) + 1,
                c_stride = n + 2;
  const std::vector<float> a = draws((a_transposed ? k : m) * a_stride, 1, 1),
                           b = draws((b_transposed ? n : k) * b_stride, 1, 2),
                           before = draws(m * c_stride, 1, 3);
  std::vector<float> first;
  for (const int threads : {1, 2, 3, 5}) {
    set_thread_count(threads);
    std::vector<float> c = before;
    reset_counters();
    parallel_multiply(m, n, k, 0.5F, {a.data(), a_stride, a_transposed},
                      {b.data(), b_stride, b_transposed}, 2.0F, c.data(), c_stride);
    EXPECT_EQ(read_counters().total_flops(), 2 * m * n * k);
    if (first.empty()) first = c;
    EXPECT_EQ(c, first) << threads << " threads";
  }
  std::vector<float> alone = before;
  multiply(m, n, k, 0.5F, {a.data(), a_stride, a_transposed}, {b.data(), b_stride, b_transposed},
           2.0F, alone.data(), c_stride);
  double worst = 0;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < c_stride; ++j) {
      const auto at = static_cast<size_t>(i * c_stride + j);
      double expected = static_cast<double>(before[at]);
      if (j < n) {
        expected *= 2;
        for (int64_t l = 0; l < k; ++l) {
          const int64_t x = a_transposed ? l * a_stride + i : i * a_stride + l;
          const int64_t y = b_transposed ? j * b_stride + l : l * b_stride + j;
          expected += 0.5 * static_cast<double>(a[static_cast<size_t>(x)]) *
                      static_cast<double>(b[static_cast<size_t>(y)]);
        }
      }
      for (const float found : {first[at], alone[at]}) {
        worst = std::max(worst, std::abs(static_cast<double>(found) - expected));
      }
    }
  }
  EXPECT_LE(worst, 2e-5 * std::sqrt(static_cast<double>(k)));
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, Multiply,
    testing::Values(Product{1, 1, 1, false, false}, Product{7, 5, 3, true, false},
                    Product{65, 130, 63, false, true}, Product{130, 65, 7, true, true},
                    Product{300, 520, 33, false, false}, Product{513, 31, 64, true, false},
                    // past one panel's depth, few rows of a turned b, and a library product
                    Product{50, 70, 600, true, true}, Product{5, 90, 300, false, true},
                    Product{520, 515, 530, false, false},
                    // one row: dot products and rows that are gathered, at and off whole vectors
                    Product{1, 16, 16, false, true}, Product{1, 37, 5, false, true},
                    Product{1, 300, 83, false, true}, Product{1, 5, 700, false, false},
                    Product{1, 64, 9, false, false}, Product{1, 211, 130, false, false}));

TEST(MultiplyInto, OverwritesWithBetaZeroAndCountsNothingForNothing) {
  const std::vector<float> a = {1, 2}, b = {3, 4};
  float c = std::numeric_limits<float>::quiet_NaN();
  multiply(1, 1, 2, 1, {a.data(), 2}, {b.data(), 1}, 0, &c, 1);
  EXPECT_EQ(c, 11.0F);
  reset_counters();
  multiply(0, 4, 4, 1, {nullptr, 1}, {nullptr, 4}, 0, nullptr, 4);
  EXPECT_EQ(read_counters().total_flops(), 0);
}

TEST(TileMultiply, ScalesColumnsOfWhatIsThere) {
  for (const int64_t n : {1, 17, 64, 100}) {
    constexpr int64_t kRows = 7, kDepth = 300;
    const std::vector<float> a = draws(kRows * kDepth, 1, 1), b = draws(kDepth * n, 1, 2),
                             factors = draws(n, 1, 3), before = draws(kRows * n, 1, 4);
    std::vector<float> c = before;
    tile_multiply_onto_scaled(kRows, n, kDepth, {a.data(), kDepth}, {b.data(), n}, factors.data(),
                              c.data(), n);
    for (int64_t i = 0; i < kRows; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        double expected = static_cast<double>(before[static_cast<size_t>(i * n + j)]) *
                          static_cast<double>(factors[static_cast<size_t>(j)]);
        for (int64_t p = 0; p < kDepth; ++p) {
          expected += static_cast<double>(a[static_cast<size_t>(i * kDepth + p)]) *
                      static_cast<double>(b[static_cast<size_t>(p * n + j)]);
        }
        EXPECT_NEAR(c[static_cast<size_t>(i * n + j)], expected, 1e-4);
      }
    }
  }
}

TEST(Transpose, MovesEveryElementAndNoOther) {
  for (const int64_t rows : {1, 4, 7, 64}) {
    for (const int64_t columns : {1, 3, 16, 65}) {
      const int64_t stride = columns + 2, to_stride = rows + 1;
      const std::vector<float> from = draws(rows * stride);
      std::vector<float> to(static_cast<size_t>(columns * to_stride), 42);
      transpose(from.data(), stride, rows, columns, to.data(), to_stride);
      for (int64_t c = 0; c < columns; ++c) {
        for (int64_t r = 0; r < to_stride; ++r) {
          EXPECT_EQ(to[static_cast<size_t>(c * to_stride + r)],
                    r < rows ? from[static_cast<size_t>(r * stride + c)] : 42.0F);
        }
      }
    }
  }
}

// In any blocks of keys, with columns that see nothing at first or at all.
TEST(RunningSoftmaxOfColumns, EqualsOneSoftmax) {
  constexpr int64_t kKeys = 90, kColumns = kPanelQueries;
  for (const int64_t block : {1, 7, 90}) {
    std::vector<float> scores = draws(kKeys * kColumns, 20);
    for (int64_t j = 0; j < kKeys; ++j) {
      scores[static_cast<size_t>(j * kColumns + 3)] = -kInfinity;  // sees nothing
      if (j < 40) scores[static_cast<size_t>(j * kColumns + 5)] = -kInfinity;
    }
    std::vector<float> most(kColumns), sum(kColumns), shrink(kColumns), gathered(kColumns, 0.0F);
    const RunningSoftmax running{most.data(), sum.data(), shrink.data()};
    begin_softmax(running);
    for (int64_t first = 0; first < kKeys; first += block) {
      const int64_t keys = std::min(block, kKeys - first);
      std::vector<float> panel(scores.begin() + first * kColumns,
                               scores.begin() + (first + keys) * kColumns);
      step_softmax(panel.data(), keys, running);
      // What is gathered: the weights times the key's number.
      for (size_t c = 0; c < kColumns; ++c) {
        gathered[c] *= shrink[c];
        for (int64_t j = 0; j < keys; ++j) {
          gathered[c] +=
              static_cast<float>(first + j) * panel[static_cast<size_t>(j * kColumns) + c];
        }
      }
    }
    finish_softmax(gathered.data(), 1, running);
    for (size_t c = 0; c < kColumns; ++c) {
      double largest = -HUGE_VAL, total = 0, expected = 0;
      for (size_t j = 0; j < kKeys; ++j) {
        largest = std::max(largest, static_cast<double>(scores[j * kColumns + c]));
      }
      for (size_t j = 0; j < kKeys && std::isfinite(largest); ++j) {
        const double weight = std::exp(static_cast<double>(scores[j * kColumns + c]) - largest);
        total += weight;
        expected += weight * static_cast<double>(j);
      }
      EXPECT_NEAR(gathered[c], total > 0 ? expected / total : 0, 1e-3) << c;
      if (total > 0) {
        EXPECT_EQ(static_cast<double>(most[c]), largest) << c;
      }
    }
  }
}

}  // namespace
}  // namespace lengthwise
