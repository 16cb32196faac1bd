#include "nn/position.h"

#include <gmock/gmock.h>

#include <complex>

#include "base/random.h"
#include "tests/gradient_check.h"

namespace lengthwise {
namespace {

std::unique_ptr<Position> make_scheme(const std::string& name, const OptionValues& options,
                                      int64_t width = 8, int64_t heads = 2) {
  return position_scheme(name).make({width, heads, width / heads, options, ParameterSet(1), 7});
}

Var zeros(const Shape& shape) { return Var(Tensor::zeros(shape, Tag::data)); }

float at(const Var& v, int64_t b, int64_t t, int64_t c) {
  return v.data()[(b * v.extent(1) + t) * v.extent(2) + c];
}

TEST(Sinusoidal, EqualsItsFormula) {
  const int64_t width = 6, far = 100'000;
  const auto scheme = make_scheme("sinusoidal", {}, width, 1);
  const std::vector<int64_t> first = {0, far};
  const Var x = scheme->embed(zeros({2, 3, width}), first);
  for (int64_t b = 0; b < 2; ++b) {
    for (int64_t t = 0; t < 3; ++t) {
      for (int64_t c = 0; c < width; ++c) {
        const auto p = static_cast<double>(first[static_cast<size_t>(b)] + t);
        const double angle = p / std::pow(10000.0, static_cast<double>(c / 2 * 2) / 6.0);
        EXPECT_NEAR(at(x, b, t, c), c % 2 == 0 ? std::sin(angle) : std::cos(angle), 1e-6);
      }
    }
  }
}

TEST(Learned, ServesItsTableAndSaysHowLong) {
  const auto scheme = make_scheme("learned", {{"longest", "5"}});
  EXPECT_EQ(scheme->longest(), 5);
  const Var x = scheme->embed(zeros({1, 5, 8}), {});
  EXPECT_NE(at(x, 0, 0, 0), at(x, 0, 4, 0));
  EXPECT_THROW(scheme->embed(zeros({1, 6, 8}), {}), CheckFailure);
}

TEST(Schemes, OffsetsAreRowsOfALongerSequence) {
  for (const PositionScheme& entry : position_schemes()) {
    if (!entry.info.embeds && !entry.info.rotates) continue;
    const auto scheme = make_scheme(std::string(entry.info.name), {});
    const Var long_x = random_var({1, 9, 8}, 1, false);
    Tensor part({1, 3, 8}, Tag::data);
    std::copy_n(long_x.data() + 4 * 8, 3 * 8, part.data());
    const std::vector<int64_t> first = {4};
    const auto apply = [&](const Var& x, std::span<const int64_t> starts) {
      return entry.info.embeds
                 ? scheme->embed(x, starts)
                 : scheme->rotate(x.reshaped({1, x.extent(1), 2, 4}), Side::query, starts)
                       .reshaped(x.shape());
    };
    const Var some = apply(Var(part), first), all = apply(long_x, {});
    for (int64_t i = 0; i < 3 * 8; ++i) {
      EXPECT_EQ(some.data()[i], all.data()[4 * 8 + i]) << entry.info.name;
    }
  }
}

TEST(Rotary, TurnsComplexPairsAndKeepsOnlyDistances) {
  const int64_t D = 4;
  const auto scheme = make_scheme("rotary", {}, D, 1);
  const Var x = random_var({1, 6, 1, D}, 3, false);
  const Var turned = scheme->rotate(x, Side::query, {});
  for (int64_t t = 0; t < 6; ++t) {
    for (int64_t d = 0; d < D; d += 2) {
      const double rate = std::pow(10000.0, -static_cast<double>(d) / static_cast<double>(D));
      const std::complex<double> in(x.data()[t * D + d], x.data()[t * D + d + 1]);
      const auto expected = in * std::polar(1.0, static_cast<double>(t) * rate);
      EXPECT_NEAR(turned.data()[t * D + d], expected.real(), 1e-5);
      EXPECT_NEAR(turned.data()[t * D + d + 1], expected.imag(), 1e-5);
    }
  }
  // One query and one key vector, moved together: their dot product stays.
  const auto product = [&](int64_t i, int64_t j) {
    const std::vector<int64_t> query = {i}, key = {j};
    const Var q = scheme->rotate(random_var({1, 1, 1, D}, 4, false), Side::query, query);
    const Var k = scheme->rotate(random_var({1, 1, 1, D}, 5, false), Side::key, key);
    double sum = 0;
    for (int64_t d = 0; d < D; ++d) sum += static_cast<double>(q.data()[d]) * k.data()[d];
    return sum;
  };
  EXPECT_NEAR(product(7, 3), product(1007, 1003), 1e-4);
  EXPECT_GT(std::abs(product(7, 3) - product(7, 4)), 1e-3);
}

TEST(Rotary, RefusesAnOddHeadWidth) {
  try {
    make_scheme("rotary", {}, 6, 2);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("head width of 3, expected an even one"));
  }
}

std::vector<double> alibi_slopes(int64_t heads) {
  const ScoreBias bias = make_scheme("alibi", {}, 24, heads)->bias(-3, 3);
  std::vector<double> slopes;
  for (int64_t h = 0; h < heads; ++h) {
    slopes.push_back(-static_cast<double>(bias.by_distance.data()[h * 7 + bias.zero - 1]));
  }
  return slopes;
}

TEST(Alibi, HasThePublishedSlopes) {
  EXPECT_THAT(alibi_slopes(8), testing::ElementsAre(0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625,
                                                    0.0078125, 0.00390625));
  EXPECT_THAT(alibi_slopes(1), testing::ElementsAre(0.00390625));
  // Six heads: the four of 4, then the first and third of 8.
  EXPECT_THAT(alibi_slopes(6),
              testing::ElementsAre(0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125));
}

TEST(Alibi, FallsWithDistanceOnBothSides) {
  const ScoreBias bias = make_scheme("alibi", {}, 8, 2)->bias(-4, 4);
  const float* head = bias.by_distance.data() + bias.by_distance.extent(1);  // slope 2^-8
  EXPECT_EQ(head[bias.zero], 0.0F);
  EXPECT_EQ(head[bias.zero - 3], -3.0F / 256);
  EXPECT_EQ(head[bias.zero + 3], -3.0F / 256);
}

TEST(LinearIncremental, AddsTheIndexTimesADirection) {
  const auto added = [](const std::string& direction) {
    return make_scheme("linear_incremental", {{"direction", direction}, {"step", "0.5"}})
        ->embed(zeros({1, 4, 8}), {});
  };
  const Var ones = added("ones"), alternating = added("alternating"), random = added("random");
  for (int64_t t = 0; t < 4; ++t) {
    for (int64_t c = 0; c < 8; ++c) {
      const float step = 0.5F * static_cast<float>(t);
      EXPECT_EQ(at(ones, 0, t, c), step);
      EXPECT_EQ(at(alternating, 0, t, c), c % 2 == 0 ? step : -step);
      EXPECT_FLOAT_EQ(at(random, 0, t, c), static_cast<float>(t) * at(random, 0, 1, c));
    }
  }
  EXPECT_NE(at(random, 0, 1, 0), at(random, 0, 1, 1));
}

// Layer norm subtracts the mean over the channels, and with it whatever all of them share.
TEST(LinearIncremental, OfOnesIsRemovedByLayerNormExactly) {
  Tensor whole({1, 64, 8}, Tag::data);  // small whole numbers: every sum here is exact in float
  RandomStream stream(1, Purpose::probe);
  for (float& v : whole.values()) v = static_cast<float>(stream.below(17) - 8);
  const auto scheme = make_scheme("linear_incremental", {{"direction", "ones"}});
  Tensor gain({8}, Tag::data);
  std::ranges::fill(gain.values(), 1.0F);
  const Var bias = zeros({8});
  const Var without = layer_norm(Var(whole), Var(gain), bias);
  const Var with = layer_norm(scheme->embed(Var(whole), {}), Var(gain), bias);
  for (int64_t i = 0; i < whole.size(); ++i) ASSERT_EQ(with.data()[i], without.data()[i]);
}

}  // namespace
}  // namespace lengthwise
