// A model that reads a source: what its attentions are given, what it is made of, and how the
// config says so.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/check.h"
#include "experiments/runner/grid.h"
#include "nn/dense_attention.h"
#include "train/trainer.h"

namespace lengthwise {
namespace {

using testing::HasSubstr;

// Attends as full does, and writes down what it was given.
struct Call {
  int64_t queries, keys;
  bool causal, biased;
  std::vector<float> q, k;
};
std::vector<Call>& calls() {
  static std::vector<Call> all;
  return all;
}

class Watched final : public Attention {
 public:
  struct Options {
    void visit(OptionVisitor&) {}
  };
  static AttentionInfo info() {
    return {.name = "watched", .summary = "", .paper = "", .cross = true, .score_bias = true};
  }
  Watched(const AttentionSetup&, const Options&) {}
  Var attend(const AttentionInput& in) const override {
    const auto values = [](const Var& x) {
      return std::vector<float>(x.value().values().begin(), x.value().values().end());
    };
    calls().push_back({in.q.extent(1), in.k.extent(1), in.mask.causal, in.bias != nullptr,
                       values(in.q), values(in.k)});
    return dense_attention(in.q, in.k, in.v, {.mask = in.mask, .bias = in.bias, .dropout = {}});
  }
};

constexpr int64_t kBatch = 2, kSource = 5, kTarget = 3;
const std::vector<int32_t> kSourceTokens = {1, 4, 0, 6, 1, 2, 2, 5, 3, 0};
const std::vector<int32_t> kTargetTokens = {6, 2, 1, 6, 4, 5};
const std::vector<int64_t> kEvery = {0, 1, 2, 3, 4, 5};

ModelSetup tiny(const std::string& position) {
  ModelSetup setup;
  setup.model.kind = "encoder_decoder";
  setup.model.layers = 1;
  setup.model.width = 8;
  setup.model.heads = 2;
  setup.model.initial_deviation = 0.4;
  setup.vocabulary = 7;
  setup.attention = "full";
  setup.position = position;
  return setup;
}

std::vector<Call> calls_of(const std::string& position) {
  const AttentionVariant watched = describe_attention<Watched>();
  const AttentionPattern pattern = {{&watched, {}}};
  const Transformer model(tiny(position), pattern, position_scheme(position), ParameterSet(3));
  calls().clear();
  ForwardPass pass;
  pass.source = {kSourceTokens, kSource};
  model.logits(kTargetTokens, kBatch, kTarget, kEvery, pass);
  return calls();
}

TEST(EncoderDecoder, AttendsWithinAndAcross) {
  const std::vector<Call> all = calls_of("none");
  ASSERT_EQ(all.size(), 3U);  // the encoder's layer, then the decoder's two
  const auto expect = [](const Call& call, int64_t queries, int64_t keys, bool causal) {
    EXPECT_EQ(call.queries, queries);
    EXPECT_EQ(call.keys, keys);
    EXPECT_EQ(call.causal, causal);
  };
  expect(all[0], kSource, kSource, false);
  expect(all[1], kTarget, kTarget, true);
  expect(all[2], kTarget, kSource, false);
}

// Distances between two sequences mean nothing: the scheme acts where there is one.
TEST(EncoderDecoder, LeavesCrossAttentionWithoutPositions) {
  const std::vector<Call> biased = calls_of("alibi");
  EXPECT_TRUE(biased[0].biased);
  EXPECT_TRUE(biased[1].biased);
  EXPECT_FALSE(biased[2].biased);

  // With one token on either side nothing turns within, so that what differs was turned across.
  const std::vector<Call> plain = calls_of("none"), turned = calls_of("rotary");
  EXPECT_EQ(plain[0].q.size(), turned[0].q.size());
  EXPECT_NE(plain[0].q, turned[0].q);
  EXPECT_NE(plain[1].k, turned[1].k);
  const AttentionVariant watched = describe_attention<Watched>();
  const auto keys_across = [&](const char* position) {
    // A single query and a single key, at position 0: within, rotary does nothing to them.
    const Transformer model(tiny(position), AttentionPattern{{&watched, {}}},
                            position_scheme(position), ParameterSet(3));
    calls().clear();
    ForwardPass pass;
    pass.source = {std::span(kSourceTokens).first(2), 1};
    model.logits(std::vector<int32_t>{6, 2}, 2, 1, std::vector<int64_t>{0, 1}, pass);
    return std::pair(calls()[2].q, calls()[2].k);
  };
  EXPECT_EQ(keys_across("none"), keys_across("rotary"));
}

TEST(EncoderDecoder, HasParametersOfBothStacks) {
  ModelSetup setup = tiny("sinusoidal");
  const auto names_in = [&] {
    const Transformer model(setup, ParameterSet::counting());
    std::vector<std::string> names;
    for (const Parameter& parameter : model.parameters()) names.push_back(parameter.name);
    return names;
  };
  const std::vector<std::string> names = names_in();
  for (const char* name :
       {"embedding", "encoder.layers.0.query.weight", "encoder.final_norm.gain",
        "layers.0.query.weight", "layers.0.cross_query.weight", "layers.0.cross_norm.gain",
        "layers.0.feed_forward_norm.gain", "final_norm.bias"}) {
    EXPECT_THAT(names, testing::Contains(name));
  }
  EXPECT_THAT(names, testing::Not(testing::Contains("encoder.layers.0.cross_query.weight")));
  setup.model.norm = "post";
  EXPECT_THAT(names_in(), testing::Not(testing::Contains(HasSubstr("final_norm"))));
}

OptionValues keys(const OptionValues& more = {}) {
  OptionValues values = {{"model.kind", "encoder_decoder"}, {"length", "16"}};
  for (const auto& [key, value] : more) values[key] = value;
  return values;
}

std::string refusal(const OptionValues& values) {
  try {
    const RunConfig config = resolve_run(values);
    const std::string reason = why_refused(config);
    if (!reason.empty()) return reason;
    check_run(config, *config.make_task());
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(EncoderDecoder, RefusesWhatCannotWork) {
  EXPECT_EQ(refusal(keys()), "");
  EXPECT_EQ(
      refusal(keys({{"attention", "windowed"}})),
      "windowed goes by where tokens stand, and those of two sequences are no distance apart");
  EXPECT_EQ(refusal(keys({{"attention", "windowed"}, {"cross.attention", "linear"}})), "");
  EXPECT_THAT(refusal(keys({{"cross.attention", "no_weights"}})),
              HasSubstr("no_weights mixes a layer's own input"));
  EXPECT_THAT(refusal(keys({{"cross.attention", "full+short_conv"}})),
              HasSubstr("short_conv mixes a layer's own input"));
  EXPECT_EQ(refusal(keys({{"decoder.attention", "short_conv"}})), "");
  EXPECT_THAT(refusal(keys({{"attention", "short_conv"}, {"cross.attention", "full"}})),
              HasSubstr("short_conv is causal only"));
  EXPECT_THAT(refusal(keys({{"decoder.attention", "linear"}, {"position", "alibi"}})),
              HasSubstr("linear forms no scores"));
  EXPECT_EQ(refusal(keys({{"cross.attention", "linear"}, {"position", "alibi"}})), "");
  EXPECT_THAT(refusal(keys({{"cross.attention", "full+linear+full"}})),
              HasSubstr("a multiple of the 3 parts of cross.attention = full+linear+full"));
  EXPECT_EQ(refusal(keys({{"task", "mqar"}})),
            "mqar has no source and target for an encoder_decoder");
  EXPECT_EQ(refusal({{"task", "numbers"}}),
            "numbers gives a source and a target, and model.kind = decoder reads one sequence");
}

TEST(EncoderDecoder, IdsHangOnWhatIsRead) {
  const auto id = [](const OptionValues& values) { return resolve_run(values).id(0); };
  EXPECT_EQ(id(keys()), id(keys({{"decoder.attention", "full"}, {"cross.attention", "full"}})));
  EXPECT_NE(id(keys()), id(keys({{"cross.attention", "flash"}})));
  EXPECT_NE(id(keys({{"decoder.attention", "flash"}})), id(keys({{"cross.attention", "flash"}})));
  EXPECT_NE(id(keys({{"decoder.attention", "windowed"}, {"attention.windowed.window", "4"}})),
            id(keys({{"decoder.attention", "windowed"}, {"attention.windowed.window", "8"}})));
  // What a decoder does not read is not in its text: ids of older runs stay.
  const RunConfig decoder = resolve_run({{"cross.attention", "flash"}});
  EXPECT_EQ(decoder.id(0), id({}));
  EXPECT_EQ(decoder.text().find("cross.attention"), std::string::npos);
  EXPECT_EQ(id({{"repeats", "1"}}), 0xbbe300e19d80003fU);
}

TEST(EncoderDecoder, GivesEachRoleItsVariantAndOptions) {
  const RunConfig config = resolve_run(keys({{"attention", "linear"},
                                             {"decoder.attention", "windowed+full"},
                                             {"attention.windowed.window", "3"}}));
  const ModelPatterns patterns = config.patterns();
  EXPECT_EQ(pattern_text(patterns.self), "linear");
  EXPECT_EQ(pattern_text(patterns.decoder), "windowed+full");
  EXPECT_EQ(patterns.decoder[0].options.at("window"), "3");
  EXPECT_EQ(pattern_text(patterns.cross), "linear");
  EXPECT_THAT(config.text(), testing::AllOf(HasSubstr("decoder.attention = windowed+full\n"),
                                            HasSubstr("cross.attention = linear\n"),
                                            HasSubstr("attention.windowed.window = 3\n")));
  EXPECT_EQ(resolve_run(keys()).patterns().cross[0].options,
            resolve_run(keys()).patterns().self[0].options);
}

TEST(EncoderDecoder, AKeyThatNoKindReadsIsAMistake) {
  const auto error = [](const std::vector<std::string>& arguments) -> std::string {
    try {
      const Grid grid(parse_sweep(arguments));
    } catch (const UserError& mistake) {
      return mistake.what();
    }
    return "";
  };
  EXPECT_EQ(
      error({"--cross.attention=full"}),
      "cross.attention: no run reads it; expected encoder_decoder among model.kind = decoder");
  EXPECT_EQ(error({"--model.kind=decoder,encoder_decoder", "--cross.attention=full"}), "");
  EXPECT_EQ(error({"--model.kind=encoder_decoder", "--decoder.attention=windowed",
                   "--attention.windowed.window=8"}),
            "");
  EXPECT_THAT(error({"--model.kind=encoder_decoder", "--attention.windowed.window=8"}),
              HasSubstr("no run reads it"));
}

TEST(EncoderDecoder, LearnsToCopyAFewLetters) {
  const auto task = task_entry("copy").make_source_form({{"alphabet", "4"}});
  ModelSetup setup = tiny("sinusoidal");
  setup.model.width = 16;
  setup.model.initial_deviation = 0.1;
  setup.vocabulary = task->vocabulary();
  Transformer model(setup, ParameterSet(1));
  TrainRequest request;
  request.options.steps = 400;
  request.options.batch = 16;
  request.options.learning_rate = 1e-2;
  request.length = 4;
  const TrainResult result = train(model, *task, request);
  ASSERT_FALSE(result.diverged);
  const LengthScore score = evaluate(model, *task, 0, 4, 200);
  EXPECT_GT(score.all.exact_match, 0.9);
  EXPECT_NEAR(score.all.exact_match_chance, 1.0 / 625, 1e-9);
}

}  // namespace
}  // namespace lengthwise
