// Codes whose traits are known by hand, and what each scheme's are.
#include "insight/position_traits.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "laws/probe.h"

namespace lengthwise {
namespace {

constexpr double kNear = 1e-12;

PositionCodes codes_of(int64_t width, std::vector<double> values) {
  return {std::ssize(values) / width, width, std::move(values)};
}

TEST(PositionTraits, OfASteadyGrowthAreSizesAlone) {
  std::vector<double> values;  // (p + 1) (3, 4)
  for (int p = 1; p <= 12; ++p) values.insert(values.end(), {3.0 * p, 4.0 * p});
  const PositionTraits traits = position_traits(codes_of(2, values), 3);
  EXPECT_NEAR(traits.size, 15 / std::sqrt(2.0), kNear);
  EXPECT_NEAR(traits.growth, 4, kNear);
  EXPECT_NEAR(traits.least_distance, 1 / std::sqrt(14.0 / 3), kNear);
  EXPECT_NEAR(traits.largest_cosine, 1, kNear);
  EXPECT_EQ(traits.repeating_share, 0);
  EXPECT_NEAR(traits.offset_residual[0], 0, 1e-9);
  EXPECT_TRUE(std::isnan(traits.offset_residual[1])) << "twelve codes, and none 16 on";
}

TEST(PositionTraits, FindTwoPositionsThatAreOne) {
  const PositionTraits traits = position_traits(codes_of(2, {1, 0, 0, 1, 1, 0}), 3);
  EXPECT_EQ(traits.least_distance, 0);
  EXPECT_EQ(traits.largest_cosine, 1);
  EXPECT_EQ(traits.repeating_share, 1);
  EXPECT_TRUE(std::isnan(traits.growth)) << "three codes, and not twelve";
}

// A map of 40 channels fits the 50 pairs that it is fitted to, and says nothing of others.
TEST(PositionTraits, OfDrawnCodesRecoverNoOffset) {
  RandomStream stream(1, Purpose::probe);
  std::vector<double> values(size_t{100} * 40);
  for (double& value : values) value = stream.normal();
  for (const double residual : position_traits(codes_of(40, values), 25).offset_residual) {
    EXPECT_GT(residual, 1);
  }
}

ModelSetup model_of(const std::string& scheme, OptionValues options, int64_t width) {
  ModelSetup setup;
  setup.model.width = width;
  setup.model.heads = 2;
  setup.attention = "full";
  setup.position = scheme;
  setup.position_options = std::move(options);
  setup.vocabulary = 11;
  setup.seed = 3;
  return setup;
}

PositionCodes codes_of(const Transformer& model, const ModelSetup& setup, int64_t positions) {
  return position_codes(model.position(), position_scheme(setup.position).info, setup.model.width,
                        model.position_sizes(), positions);
}

PositionTraits traits_of(const std::string& scheme, int64_t positions, int64_t width = 64,
                         const OptionValues& options = {}) {
  const ModelSetup setup = model_of(scheme, options, width);
  const Transformer model(setup, ParameterSet(3));
  return position_traits(codes_of(model, setup, 4 * positions), positions);
}

// One pair of channels that turns by a radian a position: (sin p, cos p).
TEST(PositionTraits, OfOneSineAndCosineAreThoseOfTheCircle) {
  ModelSetup setup = model_of("sinusoidal", {}, 2);
  setup.model.heads = 1;
  const Transformer model(setup, ParameterSet(3));
  const PositionTraits traits = position_traits(codes_of(model, setup, 16), 4);
  EXPECT_NEAR(traits.size, std::sqrt(0.5), 1e-6);
  EXPECT_NEAR(traits.least_distance, 2 * std::sin(0.5), 1e-6);
  EXPECT_NEAR(traits.largest_cosine, std::cos(1.0), 1e-6);
  EXPECT_EQ(traits.repeating_share, 0.5) << "the sine turns back at 2, the cosine not before 4";
}

TEST(PositionTraits, OfSinesAndRotationsAreWhatIsAsked) {
  for (const char* scheme : {"sinusoidal", "rotary"}) {
    const PositionTraits traits = traits_of(scheme, 128);
    EXPECT_NEAR(traits.growth, 1, 1e-5) << scheme;
    EXPECT_GT(traits.least_distance, 0.1) << scheme;
    EXPECT_LT(traits.largest_cosine, 0.99) << scheme;
    EXPECT_GT(traits.repeating_share, 0.2) << scheme;
    for (const double residual : traits.offset_residual) EXPECT_LT(residual, 1e-4) << scheme;
  }
}

TEST(PositionTraits, OfTheRawIndexGrow) {
  const PositionTraits index = traits_of("linear_incremental", 65), bias = traits_of("alibi", 65);
  for (const PositionTraits& traits : {index, bias}) {
    EXPECT_NEAR(traits.growth, 259.0 / 64, 1e-5);
    EXPECT_NEAR(traits.largest_cosine, 1, 1e-6);
    EXPECT_EQ(traits.repeating_share, 0);
    EXPECT_LT(traits.offset_residual[2], 1e-5);
  }
}

TEST(PositionTraits, OfATableEndWithIt) {
  const PositionTraits traits = traits_of("learned", 10, 8, {{"longest", "30"}});
  EXPECT_GT(traits.least_distance, 0);
  EXPECT_TRUE(std::isnan(traits.growth));
  EXPECT_GT(traits.offset_residual[0], 0.5);
}

TEST(PositionTraits, OfNoPositionsAreAbsent) {
  const PositionTraits traits = traits_of("none", 10);
  EXPECT_TRUE(std::isnan(traits.size) && std::isnan(traits.least_distance));
  EXPECT_TRUE(std::isnan(traits.offset_residual[0]));
}

TEST(OrderDifference, IsZeroWhereNoSchemeTellsOrder) {
  const auto difference = [](const std::string& scheme) {
    const ModelSetup setup = model_of(scheme, {}, 16);
    return order_difference(setup, Transformer(setup, ParameterSet(3)), 20);
  };
  EXPECT_LT(difference("none"), 1e-5);
  for (const char* scheme : {"sinusoidal", "learned", "linear_incremental"}) {
    EXPECT_GT(difference(scheme), 0.05) << scheme;
  }
}

TEST(OrderDifference, IsThatOfTheTrainedTable) {
  const ModelSetup setup = model_of("learned", {{"longest", "20"}}, 16);
  Transformer model(setup, ParameterSet(3));
  EXPECT_GT(order_difference(setup, model, 20), 0.05);
  for (auto& [name, table] : variables_below("position.", model.parameters())) {
    Var same = table;
    std::ranges::fill(same.value().values(), 0.0F);
  }
  EXPECT_LT(order_difference(setup, model, 20), 1e-5);
}

}  // namespace
}  // namespace lengthwise
