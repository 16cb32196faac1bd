#include "experiments/analysis/scaling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/check.h"

namespace lengthwise {
namespace {

using Lengths = std::vector<int64_t>;

std::vector<double> law(const Lengths& lengths, const std::function<double(double)>& y) {
  std::vector<double> values;
  for (const int64_t length : lengths) values.push_back(y(static_cast<double>(length)));
  return values;
}

LeadingExponent leading(const Lengths& lengths, const std::function<double(double)>& y) {
  return leading_exponent(lengths, law(lengths, y));
}

const Lengths kSix = {128, 256, 512, 1024, 2048, 4096};

TEST(RawSlope, FindsPurePowers) {
  for (const double power : {0.5, 1.0, 1.5, 2.0}) {
    const auto slope = raw_slope(kSix, law(kSix, [&](double n) { return 3 * std::pow(n, power); }));
    EXPECT_NEAR(slope.value, power, 1e-12);
    EXPECT_NEAR(slope.standard_error, 0, 1e-12);
  }
}

TEST(RawSlope, FitsTheUpperHalf) {
  const auto fitted = [](const Lengths& lengths) {
    return raw_slope(lengths, law(lengths, [](double n) { return n; })).lengths;
  };
  EXPECT_EQ(fitted(kSix), (Lengths{1024, 2048, 4096}));
  EXPECT_EQ(fitted({1, 2, 3, 4, 5, 6, 7}), (Lengths{4, 5, 6, 7}));
  EXPECT_EQ(fitted({1, 2, 3, 4}), (Lengths{2, 3, 4}));
  EXPECT_EQ(fitted({1, 2, 3}), (Lengths{1, 2, 3}));
  EXPECT_EQ(fitted({1, 2}), (Lengths{1, 2}));
  EXPECT_EQ(fitted({1}), Lengths{});
}

TEST(RawSlope, LeavesOutWhatIsAbsent) {
  const Lengths lengths = {1, 2, 4, 8, 16};
  const auto slope = raw_slope(lengths, std::vector<double>{1, kNotANumber, 16, 64, kNotANumber});
  EXPECT_EQ(slope.lengths, (Lengths{1, 4, 8}));
  EXPECT_NEAR(slope.value, 2, 1e-12);
  const auto zeros = raw_slope(lengths, std::vector<double>(5, 0.0));
  EXPECT_TRUE(std::isnan(zeros.value));
}

TEST(RawSlope, TwoPointsHaveNoError) {
  const auto slope = raw_slope(Lengths{100, 300}, std::vector<double>{1, 9});
  EXPECT_NEAR(slope.value, 2, 1e-12);
  EXPECT_TRUE(std::isnan(slope.standard_error));
}

TEST(RawSlope, StandardErrorAgreesWithTheCorrelationFormula) {
  const Lengths lengths = {64, 100, 128, 200, 256, 512, 700, 1024};  // the last four are fitted
  const std::vector<double> values = {1, 1, 1, 1, 2.1e-3, 8.9e-3, 14.2e-3, 37.0e-3};
  const auto slope = raw_slope(lengths, values);

  // slope = r s_y / s_x and its error |slope| sqrt((1/r^2 - 1) / (m - 2)), from moments
  double sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;
  const double m = 4;
  for (size_t i = 4; i < 8; ++i) {
    const double x = std::log10(static_cast<double>(lengths[i])), y = std::log10(values[i]);
    sx += x, sy += y, sxx += x * x, syy += y * y, sxy += x * y;
  }
  const double r = (m * sxy - sx * sy) / std::sqrt((m * sxx - sx * sx) * (m * syy - sy * sy));
  const double expected = r * std::sqrt((m * syy - sy * sy) / (m * sxx - sx * sx));
  EXPECT_NEAR(slope.value, expected, 1e-10);
  EXPECT_NEAR(slope.standard_error, expected * std::sqrt((1 / (r * r) - 1) / (m - 2)), 1e-10);
  EXPECT_GT(slope.standard_error, 0.01);
}

TEST(RawSlope, RefusesLengthsOutOfOrder) {
  EXPECT_THROW(raw_slope(Lengths{2, 1}, std::vector<double>{1, 2}), CheckFailure);
  EXPECT_THROW(raw_slope(Lengths{1, 2}, std::vector<double>{1}), CheckFailure);
}

TEST(LeadingExponent, IsExactForQuadraticLaws) {
  for (const double b : {0.0, 1e3, 1e6}) {
    for (const double c : {0.0, 17.0, -1e4, 1e8}) {
      const auto found = leading(kSix, [&](double n) { return 3 * n * n + b * n + c + 1e6; });
      EXPECT_NEAR(found.value, 2, 1e-6) << b << " n + " << c;
      EXPECT_EQ(found.cancelled, Cancelled::linear_and_constant);
      EXPECT_TRUE(found.settled);
      ASSERT_EQ(found.pairs.size(), 3u);
      EXPECT_EQ(found.pairs[0].shortest, 128);
      EXPECT_EQ(found.pairs[0].longest, 1024);
      EXPECT_EQ(found.pairs[2].longest, 4096);
    }
  }
}

TEST(LeadingExponent, IsExactForLinearLaws) {
  for (const double c : {0.0, 17.0, -17.0, -6000.0, 1e9}) {
    const auto found = leading(kSix, [&](double n) { return 64 * n + c; });
    EXPECT_NEAR(found.value, 1, 1e-9) << c;
    EXPECT_EQ(found.cancelled, Cancelled::constant);
    EXPECT_TRUE(found.settled);
    EXPECT_EQ(found.pairs.size(), 4u);
  }
}

TEST(LeadingExponent, IsExactForOtherPowers) {
  for (const double power : {0.5, 1.25, 1.5, 3.0}) {
    EXPECT_NEAR(leading(kSix, [&](double n) { return std::pow(n, power); }).value, power, 1e-9);
  }
  // what leads is the linear term, though cancelling it would leave a growing remainder
  EXPECT_NEAR(leading(kSix, [](double n) { return 64 * n - std::sqrt(n); }).value, 1, 1e-3);
  const auto logarithmic = leading(kSix, [](double n) { return n * std::log2(n); });
  EXPECT_EQ(logarithmic.cancelled, Cancelled::constant);
  EXPECT_NEAR(logarithmic.value, 1 + std::log2(13.0 / 12), 1e-9);
}

TEST(LeadingExponent, ConstantHasExponentZero) {
  const auto found = leading(kSix, [](double) { return 4096.0; });
  EXPECT_EQ(found.value, 0);
  EXPECT_TRUE(found.settled);
}

TEST(LeadingExponent, OfWhatNearsAConstantIsZero) {
  for (const double sign : {-1.0, 1.0}) {
    const auto found = leading(kSix, [&](double n) { return 1e6 + sign * 3e5 / n; });
    EXPECT_EQ(found.value, 0) << sign;
    EXPECT_TRUE(found.settled) << sign;
  }
}

TEST(LeadingExponent, OfWhatVanishesIsNegative) {
  const auto found = leading(kSix, [](double n) { return 5e4 / n; });
  EXPECT_NEAR(found.value, -1, 1e-9);
  EXPECT_TRUE(found.settled);
}

TEST(LeadingExponent, ThreeLengths) {
  const Lengths three = {128, 256, 512};
  const auto quadratic = leading(three, [](double n) { return n * n + 100 * n; });
  EXPECT_NEAR(quadratic.value, 2, 1e-12);
  EXPECT_EQ(quadratic.cancelled, Cancelled::linear);
  EXPECT_FALSE(quadratic.settled);  // a single reading
  const auto with_constant = leading(three, [](double n) { return n * n + 100 * n + 10; });
  EXPECT_NEAR(with_constant.value, 2, 1e-3);
  const auto linear = leading(three, [](double n) { return 7 * n + 1000; });
  EXPECT_NEAR(linear.value, 1, 1e-12);
  EXPECT_TRUE(linear.settled);
}

TEST(LeadingExponent, BendsAtShortLengths) {
  // causal window: all pairs while n <= W, then W n - W (W - 1) / 2
  for (const double window : {64.0, 512.0, 1024.0}) {
    const auto found = leading(kSix, [&](double n) {
      return n <= window ? n * (n + 1) / 2 : window * n - window * (window - 1) / 2;
    });
    EXPECT_NEAR(found.value, 1, 1e-9) << window;
    EXPECT_TRUE(found.settled);
  }
  // causal tiles of 256, counted whole: one square tile at first
  const auto tiles = [](double n) { return n < 256 ? n * n : n * (n + 256) / 2; };
  const auto found = leading(kSix, tiles);
  EXPECT_NEAR(found.value, 2, 1e-12);
  EXPECT_TRUE(found.settled);
  EXPECT_GT(std::abs(found.pairs.front().value - 2), 0.5);
  EXPECT_FALSE(leading({128, 256, 512, 1024}, tiles).settled);
}

TEST(LeadingExponent, IsUndefinedElsewhere) {
  const auto square = [](double n) { return n * n; };
  for (const Lengths& lengths : {Lengths{}, Lengths{128}, Lengths{128, 256}, Lengths{128, 256, 384},
                                 Lengths{128, 512, 2048}, Lengths{128, 256, 512, 1000}}) {
    const auto found = leading(lengths, square);
    EXPECT_TRUE(std::isnan(found.value));
    EXPECT_TRUE(found.pairs.empty());
    EXPECT_FALSE(found.settled);
  }
  EXPECT_TRUE(std::isnan(leading(kSix, [](double) { return 0.0; }).value));
  EXPECT_TRUE(std::isnan(leading(kSix, [](double n) { return 1e6 - n; }).value));
}

TEST(LeadingExponent, LeavesOutWhatIsAbsent) {
  auto values = law(kSix, [](double n) { return n * n; });
  values.back() = kNotANumber;
  EXPECT_EQ(leading_exponent(kSix, values).pairs.back().longest, 2048);
  values[2] = kNotANumber;  // too few doublings above the gap
  EXPECT_TRUE(std::isnan(leading_exponent(kSix, values).value));
  values[2] = 512.0 * 512;
  values[1] = kNotANumber;
  EXPECT_NEAR(leading_exponent(kSix, values).value, 2, 1e-12);
  EXPECT_EQ(leading_exponent(kSix, values).pairs.front().shortest, 512);
}

TEST(Median, SkipsNaN) {
  EXPECT_EQ(median({3, 1, kNotANumber, 2}), 2);
  EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
  EXPECT_TRUE(std::isnan(median({kNotANumber})));
  EXPECT_TRUE(std::isnan(median({})));
}

}  // namespace
}  // namespace lengthwise
