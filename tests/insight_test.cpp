// What attention looks at: weights found by unit values, summaries, rollout, maps of whole models.
#include <gmock/gmock.h>

#include <cmath>

#include "insight/attention_maps.h"
#include "insight/value_probe.h"
#include "laws/attention_case.h"
#include "laws/law.h"
#include "tests/plain_attention.h"

namespace lengthwise {
namespace {

using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pointwise;

ValueProbe probed(const AttentionVariant& variant, const OptionValues& options,
                  const AttentionCase& c) {
  const AttentionProbe probe(variant, options, c);
  return probe_values(*probe.attention, probe.in);
}

// The sums over keys of [B,H,T,S].
std::vector<double> row_sums(const std::vector<double>& weights, int64_t keys) {
  std::vector<double> sums;
  for (size_t row = 0; row < weights.size(); row += static_cast<size_t>(keys)) {
    double sum = 0;
    for (size_t j = row; j < row + static_cast<size_t>(keys); ++j) sum += weights[j];
    sums.push_back(sum);
  }
  return sums;
}

TEST(ValueProbe, RowsSumToOneWhereSharesAreGivenAway) {
  for (const char* name : {"full", "flash", "windowed", "linear", "no_weights"}) {
    const ValueProbe probe =
        probed(attention_variant(name), {}, AttentionCase::of_length(33, true));
    EXPECT_EQ(probe.why_none, "") << name;
    EXPECT_THAT(row_sums(probe.weights, 33), Each(DoubleNear(1, 1e-5))) << name;
    EXPECT_THAT(probe.weights, Each(testing::Ge(-1e-7))) << name;
  }
  // Dot products are negative too; then the sizes of the weights sum to 1.
  ValueProbe signed_weights = probed(attention_variant("no_weights"), {{"normalise", "sum"}},
                                     AttentionCase::of_length(33, true));
  EXPECT_LT(*std::ranges::min_element(signed_weights.weights), -0.01);
  for (double& weight : signed_weights.weights) weight = std::abs(weight);
  EXPECT_THAT(row_sums(signed_weights.weights, 33), Each(DoubleNear(1, 1e-5)));
}

TEST(ValueProbe, FindsOutEveryVariantThatIsNotLinearInItsValues) {
  for (const AttentionVariant& variant : attention_variants()) {
    for (const OptionValues& options : option_samples(variant.options)) {
      const ValueProbe probe = probed(variant, options, AttentionCase::of_length(9, true));
      EXPECT_EQ(probe.why_none.empty(), variant.info.linear_in_v)
          << variant.info.name << options_text(options) << ": " << probe.why_none;
      EXPECT_EQ(probe.weights.empty(), !variant.info.linear_in_v);
    }
  }
}

TEST(ValueProbe, SaysWhyThereAreNoWeights) {
  const AttentionCase c = AttentionCase::of_length(9, true);
  EXPECT_THAT(probed(attention_variant("short_conv"), {}, c).why_none,
              HasSubstr("does not mix the values of its heads"));
  const auto bent = probed(describe_attention<PlainAttention<Fault::bends_values>>(), {}, c);
  EXPECT_THAT(bent.why_none, HasSubstr("is not linear in its values"));
  EXPECT_THAT(bent.weights, IsEmpty());
  const auto leaking = probed(describe_attention<PlainAttention<Fault::leaks_channels>>(), {}, c);
  EXPECT_THAT(leaking.why_none, HasSubstr("no weight of a pair serves all channels"));
  EXPECT_EQ(probed(describe_attention<PlainAttention<Fault::none>>(), {}, c).why_none, "");
}

// Three queries that see one key more each, by two heads' worth of weights.
const std::vector<double> kWeights = {1, 0, 0, 0.5, 0.5, 0, 0.25, 0.25, 0.5};
const std::vector<int64_t> kVisible = {1, 2, 3};

TEST(HeadSummary, IsWhatIsSaidOfIt) {
  const HeadSummary s = summarise({kWeights, 3, 3, kVisible});
  const double ln2 = std::log(2.0), last = 1.5 * ln2;
  EXPECT_NEAR(s.entropy, (0 + ln2 + last) / 3, 1e-12);
  EXPECT_NEAR(s.entropy_share, (1 + last / std::log(3.0)) / 2, 1e-12);
  EXPECT_NEAR(s.distance, (0 + 0.5 + 0.75) / 3, 1e-12);
  EXPECT_NEAR(s.diagonal, (1 + 0.5 + 0.5) / 3, 1e-12);
  EXPECT_NEAR(s.first, 1.75 / 3, 1e-12);
  EXPECT_NEAR(s.top1, 1.75 / 3, 1e-12);
  EXPECT_NEAR(s.top5, 1, 1e-12);
  EXPECT_EQ(s.negative, 0);
  EXPECT_EQ(s.least_sum, 1);
  EXPECT_EQ(s.most_sum, 1);
}

TEST(HeadSummary, CountsNegativeWeightsByTheirSizeAndLeavesPaddingOut) {
  const std::vector<double> weights = {0, 0, -0.25, 0.75, 9, 9};
  const HeadSummary s = summarise({weights, 3, 2, std::vector<int64_t>{2, 2, 0}});
  EXPECT_NEAR(s.negative, 0.25, 1e-12);
  EXPECT_NEAR(s.diagonal, 0.75, 1e-12);
  EXPECT_EQ(s.least_sum, 0.5);
  EXPECT_EQ(s.most_sum, 0.5);
  EXPECT_TRUE(std::isnan(summarise({weights, 3, 2, std::vector<int64_t>{0, 0, 0}}).entropy));
  const HeadSummary both[] = {s, {}};
  EXPECT_EQ(mean_of(both).diagonal, s.diagonal) << "what is absent does not count";
  EXPECT_EQ(mean_of(both).least_sum, 0.5);
}

TEST(Rollout, IsTheProductOfHalvesOfTheResidualStream) {
  const HeadWeights head = {kWeights, 3, 3, kVisible};
  const std::vector<double> once = roll_out(std::vector{head, head}, {});
  EXPECT_THAT(once, ElementsAre(1, 0, 0, 0.25, 0.75, 0, 0.125, 0.125, 0.75));
  const std::vector<double> twice = roll_out(std::vector{head}, once);
  // The last row: 0.125 + 0.125 * 0.25 + 0.75 * 0.125, 0.125 * 0.75 + 0.75 * 0.125, 0.75^2.
  const std::vector<double> expected = {1, 0, 0, 0.4375, 0.5625, 0, 0.25, 0.1875, 0.5625};
  EXPECT_THAT(twice, Pointwise(DoubleNear(1e-12), expected));
  // A query that gives no weight, and one of padding, stay themselves.
  EXPECT_THAT(roll_out(std::vector<HeadWeights>{{std::vector<double>(4, 0.0), 2, 2,
                                                 std::vector<int64_t>{1, 0}}},
                       {}),
              ElementsAre(1, 0, 0, 1));
}

ModelSetup model_of(const std::string& kind, const std::string& attention) {
  ModelSetup setup;
  setup.model.kind = kind;
  setup.model.width = 16;
  setup.model.heads = 4;
  setup.model.key_value_heads = 2;
  setup.model.initial_deviation = 0.6;
  setup.vocabulary = 11;
  setup.attention = attention;
  setup.position = "rotary";
  return setup;
}

std::vector<AttentionMap> maps_of(const Transformer& model, const std::vector<int32_t>& tokens,
                                  const ForwardPass& pass) {
  std::vector<AttentionMap> maps;
  map_attention(model, tokens, 1, std::ssize(tokens), pass, {.against_definition = true},
                [&](AttentionMap map) { maps.push_back(std::move(map)); });
  return maps;
}

const std::vector<int32_t> kTokens = {4, 1, 7, 7, 0, 2, 9};

TEST(AttentionMaps, AreThoseOfTheDefinitionInEveryLayer) {
  for (const std::string attention : {"full", "windowed", "short_conv+linear", "no_weights"}) {
    const ModelSetup setup = model_of("decoder", attention);
    const Transformer model(setup, ParameterSet(3));
    const std::vector<AttentionMap> maps = maps_of(model, kTokens, {});
    ASSERT_EQ(maps.size(), 2U);
    for (int64_t layer = 0; layer < 2; ++layer) {
      const AttentionMap& map = maps[static_cast<size_t>(layer)];
      EXPECT_EQ(map.role, "decoder");
      EXPECT_EQ(map.layer, layer);
      EXPECT_THAT(map.visible, ElementsAre(1, 2, 3, 4, 5, 6, 7));
      if (map.variant == "short_conv") {
        EXPECT_THAT(map.why_none, HasSubstr("does not mix the values"));
        continue;
      }
      EXPECT_EQ(map.why_none, "");
      EXPECT_EQ(map.heads, attention == "no_weights" ? 1 : 4);
      EXPECT_LT(map.exact_error, 1e-4) << attention;
      EXPECT_NEAR(map.summary(0).least_sum, 1, 1e-5);
    }
  }
}

TEST(AttentionMaps, ChangeNothingOfWhatTheModelSays) {
  const Transformer model(model_of("decoder", "flash"), ParameterSet(3));
  const std::vector<int64_t> labelled = {6};
  const MixObserver watch = [](const MixedLayer& layer) {
    (void)probe_values(layer.attention, layer.in);
    return Var();
  };
  ForwardPass watched;
  watched.observer = &watch;
  const Var with = model.logits(kTokens, 1, 7, labelled, watched);
  const Var without = model.logits(kTokens, 1, 7, labelled, {});
  EXPECT_TRUE(std::ranges::equal(with.value().values(), without.value().values()));
}

TEST(AttentionMaps, GiveWayToWhatStandsInForAnAttention) {
  const Transformer model(model_of("decoder", "flash"), ParameterSet(3));
  const std::vector<int64_t> labelled = {6};
  int64_t calls = 0;
  const MixObserver replace = [&](const MixedLayer& layer) {
    ++calls;
    return layer.layer == 1 ? layer.attention.attend(layer.in) : Var();
  };
  const MixObserver silence = [&](const MixedLayer& layer) {
    return Var(Tensor::zeros(layer.in.q.shape(), Tag::activations));
  };
  const auto logits = [&](const MixObserver* observer) {
    ForwardPass pass;
    pass.observer = observer;
    const Var out = model.logits(kTokens, 1, 7, labelled, pass);
    return std::vector<float>(out.value().values().begin(), out.value().values().end());
  };
  EXPECT_EQ(logits(&replace), logits(nullptr));
  EXPECT_EQ(calls, 2);
  EXPECT_NE(logits(&silence), logits(nullptr));
}

TEST(AttentionMaps, MeasureTheStreamAsItEntersALayer) {
  ModelSetup setup = model_of("decoder", "flash");
  const Transformer model(setup, ParameterSet(3));
  const std::vector<AttentionMap> maps = maps_of(model, {5, 5, 5}, {});
  const Parameter& embedding = model.parameters().front();
  ASSERT_EQ(embedding.name, "embedding");
  const int64_t width = setup.model.width;
  double sum = 0;
  for (int64_t c = 0; c < width; ++c) {
    const double value = embedding.variable.value().data()[5 * width + c];
    sum += value * value;
  }
  EXPECT_NEAR(maps[0].stream_size, std::sqrt(sum / static_cast<double>(width)), 1e-6);
  EXPECT_GT(maps[1].stream_size, 0);
}

TEST(AttentionMaps, KnowEncodersAndSources) {
  const std::vector<int32_t> source = {3, 5, 5, 1, 0};
  const std::vector<int64_t> source_lengths = {4}, target_lengths = {6};
  const Transformer both(model_of("encoder_decoder", "full"), ParameterSet(3));
  ForwardPass pass;
  pass.source = {source, 5, source_lengths};
  pass.row_lengths = target_lengths;
  const std::vector<AttentionMap> maps = maps_of(both, kTokens, pass);
  std::vector<std::string> roles;
  for (const AttentionMap& map : maps) {
    roles.push_back(map.role + std::to_string(map.layer));
    EXPECT_LT(map.exact_error, 1e-4) << roles.back();
  }
  EXPECT_THAT(roles,
              ElementsAre("encoder0", "encoder1", "decoder0", "cross0", "decoder1", "cross1"));
  EXPECT_THAT(maps[0].visible, ElementsAre(4, 4, 4, 4, 0));
  EXPECT_THAT(maps[2].visible, ElementsAre(1, 2, 3, 4, 5, 6, 0));
  EXPECT_THAT(maps[3].visible, ElementsAre(4, 4, 4, 4, 4, 4, 0));
  EXPECT_EQ(maps[3].keys, 5);
  const Transformer encoder(model_of("encoder", "linear"), ParameterSet(3));
  const std::vector<AttentionMap> encoded = maps_of(encoder, kTokens, {});
  EXPECT_EQ(encoded[0].role, "encoder");
  EXPECT_THAT(encoded[0].visible, Each(7));
}

}  // namespace
}  // namespace lengthwise
