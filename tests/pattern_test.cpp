// Patterns of layers: which variant stands where, with which options, and what is refused.
#include <gmock/gmock.h>

#include "base/check.h"
#include "experiments/runner/run_config.h"
#include "laws/probe.h"
#include "nn/transformer.h"

namespace lengthwise {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Pair;

std::string refusal(const OptionValues& values) {
  try {
    const RunConfig config = resolve_run(values);
    check_model(config.model_setup(16));
    return why_refused(config);
  } catch (const UserError& error) {
    return error.what();
  }
}

std::vector<std::string> parameter_names(const ModelSetup& setup) {
  std::vector<std::string> names;
  const Transformer model(setup, ParameterSet::counting());
  for (const Parameter& parameter : model.parameters()) {
    names.push_back(parameter.name);
  }
  return names;
}

TEST(Pattern, LayersTakeItsPartsByTurns) {
  ModelSetup setup;
  setup.model.layers = 4;
  setup.vocabulary = 8;
  setup.attention = "short_conv+full";
  setup.position = "none";
  const auto names = parameter_names(setup);
  for (const int layer : {0, 1, 2, 3}) {
    const bool convolves = layer % 2 == 0;
    const auto count = [&](const std::string& name) {
      return std::count(names.begin(), names.end(), fmt::format("layers.{}.{}", layer, name));
    };
    EXPECT_EQ(count("attention.kernel"), convolves ? 1 : 0) << layer;
    EXPECT_EQ(count("query.weight"), convolves ? 0 : 1) << layer;
  }
}

// A pattern of one variant with one value is that variant: the same parameters, the same logits.
TEST(Pattern, OfEqualPartsIsOneVariant) {
  const auto logits = [](const std::string& attention, std::vector<OptionValues> options) {
    ModelSetup setup;
    setup.vocabulary = 8;
    setup.attention = attention;
    setup.attention_options = std::move(options);
    setup.position = "rotary";
    const Transformer model(setup, ParameterSet(3));
    const std::vector<int32_t> tokens = {1, 2, 3, 4, 5, 6, 7, 0};
    const Var out = model.logits(tokens, 1, 8, std::vector<int64_t>{6, 7}, {});
    return std::vector<float>(out.value().values().begin(), out.value().values().end());
  };
  const OptionValues narrow = {{"window", "2"}}, wide = {{"window", "5"}};
  EXPECT_EQ(logits("windowed+windowed", {narrow, narrow}), logits("windowed", {narrow}));
  EXPECT_NE(logits("windowed+windowed", {narrow, wide}), logits("windowed", {narrow}));
  EXPECT_NE(logits("windowed+windowed", {narrow, wide}),
            logits("windowed+windowed", {wide, narrow}));
}

TEST(Pattern, SchemesThatTurnAreMadeForEveryWidthOfHeads) {
  ModelOptions model;
  const auto shares = [&](const char* attention, const char* position) {
    return position_shares(model, attention_pattern(attention), position_scheme(position).info);
  };
  EXPECT_EQ(shares("full+no_weights", "rotary").sizes.size(), 2U);
  EXPECT_THAT(shares("full+no_weights", "rotary").of_part, testing::ElementsAre(0, 1));
  EXPECT_EQ(shares("full+no_weights", "learned").sizes.size(), 1U);
  EXPECT_EQ(shares("full+windowed", "alibi").sizes.size(), 1U);
  const PositionShares convolved = shares("short_conv+windowed", "rotary");
  ASSERT_EQ(convolved.sizes.size(), 1U);
  EXPECT_EQ(convolved.sizes[0].heads, model.heads);
}

TEST(Pattern, ReachesAsFarAsItsLayersTogether) {
  const std::vector<OptionValues> options = {{{"width", "3"}}, {{"window", "64"}}};
  const AttentionPattern pattern = attention_pattern("short_conv+windowed", options);
  EXPECT_EQ(receptive_field(pattern, 2), 2 + 63);
  EXPECT_EQ(receptive_field(pattern, 4), 2 * (2 + 63));
  EXPECT_EQ(receptive_field(attention_pattern("short_conv+full"), 2), -1);
}

TEST(Pattern, OptionsAreOfTheVariantOrOfEachOfItsParts) {
  const RunConfig config = resolve_run({{"attention", "windowed+short_conv+windowed"},
                                        {"attention.windowed.window", "16+64"},
                                        {"attention.short_conv.width", "2"}});
  ASSERT_EQ(config.attention_options.size(), 3U);
  EXPECT_EQ(config.attention_options[0].at("window"), "16");
  EXPECT_EQ(config.attention_options[1].at("width"), "2");
  EXPECT_EQ(config.attention_options[2].at("window"), "64");
  EXPECT_THAT(config.resolved, Contains(Pair("attention.windowed.window", "16+64")).Times(1));
  EXPECT_THAT(config.resolved, Contains(Pair("attention.short_conv.gated", "false")));

  const RunConfig same =
      resolve_run({{"attention", "windowed+windowed"}, {"attention.windowed.window", "16+16"}});
  EXPECT_THAT(same.resolved, Contains(Pair("attention.windowed.window", "16")));
  const auto id = [](const char* window) {
    return resolve_run({{"attention", "windowed+windowed"}, {"attention.windowed.window", window}})
        .id(0);
  };
  EXPECT_EQ(id("16"), id("16+16"));
  EXPECT_NE(id("16"), id("16+32"));
  EXPECT_NE(id("32+16"), id("16+32"));
}

TEST(Pattern, RefusesWhatCannotBe) {
  EXPECT_EQ(refusal({{"attention", "short_conv+windowed"}}), "");
  EXPECT_EQ(refusal({{"attention", "short_conv+windowed"}, {"model.layers", "3"}}),
            "model.layers: found 3, expected a multiple of the 2 parts of attention = "
            "short_conv+windowed");
  EXPECT_THAT(refusal({{"attention", "full+windowd"}}), HasSubstr("did you mean 'windowed'?"));
  for (const char* pattern : {"full+", "+full", "full++linear"}) {
    EXPECT_EQ(
        refusal({{"attention", pattern}}),
        fmt::format("attention: found '{}', expected a name before and after each '+'", pattern));
  }
  EXPECT_EQ(
      refusal({{"attention", "windowed+windowed"}, {"attention.windowed.window", "1+2+3"}}),
      "attention.windowed.window: found 3 values in '1+2+3', expected 1 or 2, for the parts of the "
      "pattern");
  // Rotary turns the queries and keys of the other layer; alone, a convolution has none.
  for (const char* scheme : {"rotary", "alibi"}) {
    EXPECT_EQ(refusal({{"attention", "short_conv+windowed"}, {"position", scheme}}), "");
    EXPECT_EQ(refusal({{"attention", "short_conv"}, {"position", scheme}}),
              fmt::format("{} acts on queries and keys, and short_conv compares none", scheme));
  }
  EXPECT_THAT(refusal({{"attention", "linear+windowed"}, {"position", "alibi"}}),
              HasSubstr("linear forms no scores"));
  EXPECT_THAT(refusal({{"attention", "full+short_conv"}, {"model.kind", "encoder"}}),
              HasSubstr("short_conv is causal only"));
  EXPECT_EQ(refusal({{"attention", "linear+full"}, {"model.attention_dropout", "0.1"}}), "");
  EXPECT_THAT(refusal({{"attention", "linear+short_conv"}, {"model.attention_dropout", "0.1"}}),
              HasSubstr("linear+short_conv forms no weights to drop"));
}

}  // namespace
}  // namespace lengthwise
