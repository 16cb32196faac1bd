// What holds of one variant beside another, and over a long sequence.
#include <gtest/gtest.h>

#include "laws/attention_case.h"

namespace lengthwise {
namespace {

std::vector<double> outputs_of(std::string_view name, const OptionValues& options,
                               const AttentionCase& c, const Dropout& dropout = {}) {
  AttentionProbe probe(attention_variant(name), options, c);
  probe.in.dropout = dropout;
  return as_doubles(probe.outputs());
}

TEST(Windowed, AsWideAsTheSequenceIsFull) {
  const AttentionCase c = AttentionCase::of_length(70, true);
  EXPECT_LE(
      relative_error(outputs_of("windowed", {{"window", "70"}}, c), outputs_of("full", {}, c)),
      kForwardTolerance);
}

TEST(Windowed, DropsTheWeightsThatFullDrops) {
  const AttentionCase c = AttentionCase::of_length(70, true);
  const Dropout dropout{0.5, 17};
  const std::vector<double> full = outputs_of("full", {}, c, dropout);
  EXPECT_LE(relative_error(outputs_of("windowed", {{"window", "70"}}, c, dropout), full),
            kForwardTolerance);
  EXPECT_GT(relative_error(outputs_of("full", {}, c), full), 0.1);
}

// Across tiles, in grouped heads, forward and backward.
TEST(Flash, DropsTheWeightsThatFullDropsInEveryGradient) {
  for (const bool causal : {true, false}) {
    AttentionCase c = AttentionCase::of_length(300, causal);
    c.heads = 4;
    std::vector<std::vector<double>> found;
    for (const char* name : {"flash", "full"}) {
      AttentionProbe probe(attention_variant(name), {}, c);
      probe.in.dropout = {0.3, 17};
      const Var out = probe.run(probe.cotangent());
      found.push_back(as_doubles(out.value().values()));
      found.push_back(probe.gradients());
    }
    EXPECT_LE(relative_error(found[0], found[2]), kForwardTolerance);
    EXPECT_LE(relative_error(found[1], found[3]), kForwardTolerance);
  }
}

TEST(Flash, PassesOnWhatIsNotANumber) {
  for (const float wrong : {std::nanf(""), HUGE_VALF}) {
    AttentionProbe probe(attention_variant("flash"), {}, AttentionCase::of_length(7, true));
    probe.in.q.value().data()[0] = wrong;
    probe.in.k.value().data()[0] = 1;
    EXPECT_TRUE(std::isnan(probe.outputs().front())) << wrong;
  }
}

TEST(Flash, TakesConstantKeys) {
  AttentionProbe probe(attention_variant("flash"), {}, AttentionCase::of_length(70, true));
  const Var cotangent = probe.cotangent();
  probe.run(cotangent);
  const std::vector<double> expected = gradient_of(probe.in.q);
  probe.clear_gradients();
  probe.in.k = Var(probe.in.k.value());
  probe.run(cotangent);
  EXPECT_EQ(gradient_of(probe.in.q), expected);
}

// y[t] = bias + sum_k kernel[k] x[t-k], by hand, and the gate on it.
TEST(ShortConv, MixesTheLastTokensOfEachChannel) {
  const AttentionCase c{
      .queries = 4, .keys = 4, .batch = 1, .heads = 1, .groups = 1, .head_width = 2};
  const AttentionProbe probe(attention_variant("short_conv"), {{"width", "2"}}, c);
  const auto set = [](Tensor tensor, std::vector<float> values) {
    std::copy(values.begin(), values.end(), tensor.data());
  };
  set(probe.in.x.value(), {1, 2, 3, 4, 5, 6, 7, 8});
  set(probe.parameters.all()[0].variable.value(), {10, 1, 0.5F, 100});
  set(probe.parameters.all()[1].variable.value(), {0.25F, 0});
  EXPECT_EQ(probe.outputs(),
            (std::vector<float>{10.25F, 2, 30.75F, 204, 51.75F, 406, 72.75F, 608}));

  const AttentionProbe gated(attention_variant("short_conv"), {{"width", "2"}, {"gated", "true"}},
                             c);
  for (size_t i = 0; i < 4; ++i) set(gated.parameters.all()[i].variable.value(), {0, 0});
  set(gated.in.x.value(), {1, 2, 3, 4, 5, 6, 7, 8});
  set(gated.parameters.all()[0].variable.value(), {0, 0, 1, 1});  // the token before
  set(gated.parameters.all()[2].variable.value(), {0, 1, 1, 0});  // the other channel
  EXPECT_EQ(gated.outputs(), (std::vector<float>{1, 2, 3 + 1 * 4, 4 + 2 * 3, 5 + 3 * 6, 6 + 4 * 5,
                                                 7 + 5 * 8, 8 + 6 * 7}));
}

// What benchmarks quote as useful: 4 D FLOPs of each pair that is seen.
TEST(Costs, UsefulFlopsAreOfThePairsThatAreSeen) {
  const int64_t T = 300, H = 4, D = 8, W = 10;
  const AttentionSizes sizes{1, T, T, H, H, D, H * D, true, 1};
  for (const char* name : {"full", "flash"}) {
    EXPECT_EQ(attention_variant(name).cost(sizes, {}).useful_forward_flops,
              H * 4 * D * T * (T + 1) / 2);
  }
  EXPECT_EQ(attention_variant("windowed").cost(sizes, {{"window", "10"}}).useful_forward_flops,
            H * 4 * D * (T * W - W * (W - 1) / 2));
}

// What the definition says, in double and by running sums: the definition itself would take T^2.
std::vector<double> linear_by_running_sums(const AttentionProbe& probe) {
  const int64_t T = probe.sizes.queries, D = probe.sizes.head_width;
  const auto feature = [](float x) {
    const auto v = static_cast<double>(x);
    return v > 0 ? v + 1 : std::exp(v);
  };
  std::vector<double> expected;
  for (int64_t b = 0; b < probe.sizes.batch; ++b) {
    std::vector<double> state(static_cast<size_t>(D * D)), sum(static_cast<size_t>(D));
    for (int64_t t = 0; t < T; ++t) {
      const int64_t row = (b * T + t) * D;
      for (int64_t d = 0; d < D; ++d) {
        const double key = feature(probe.in.k.data()[row + d]);
        sum[static_cast<size_t>(d)] += key;
        for (int64_t e = 0; e < D; ++e) {
          state[static_cast<size_t>(d * D + e)] +=
              key * static_cast<double>(probe.in.v.data()[row + e]);
        }
      }
      for (int64_t e = 0; e < D; ++e) {
        double numerator = 0, denominator = 0;
        for (int64_t d = 0; d < D; ++d) {
          const double query = feature(probe.in.q.data()[row + d]);
          numerator += query * state[static_cast<size_t>(d * D + e)];
          denominator += query * sum[static_cast<size_t>(d)];
        }
        expected.push_back(numerator / denominator);
      }
    }
  }
  return expected;
}

// The averages shrink as they grow long: the last thousand are held on their own scale.
std::vector<double> tail(const std::vector<double>& v) { return {v.end() - 1000 * 16, v.end()}; }

TEST(Linear, HoldsDoubleOver65536Tokens) {
  AttentionCase c = AttentionCase::of_length(65536, true);
  c.heads = c.groups = 1;
  c.head_width = 16;
  const AttentionProbe probe(attention_variant("linear"), {}, c);
  const std::vector<double> found = as_doubles(probe.outputs());
  const std::vector<double> expected = linear_by_running_sums(probe);
  EXPECT_LE(relative_error(found, expected), kForwardTolerance);
  EXPECT_LE(relative_error(tail(found), tail(expected)), kForwardTolerance);
}

// A sum that is kept in float from token to token loses what later tokens add.
TEST(Linear, DecodesAsTrulyOver65536Tokens) {
  AttentionCase c = AttentionCase::of_length(65536, true);
  c.batch = c.heads = c.groups = 1;
  c.head_width = 16;
  const AttentionProbe probe(attention_variant("linear"), {}, c);
  DecodeState state = probe.attention->begin_decode(1, c.queries);
  std::vector<double> found;
  for (int64_t t = 0; t < c.queries; ++t) {
    const std::vector<int64_t> first = {t}, keys = {t + 1};
    AttentionInput in;
    in.mask = {true, first, keys};
    const auto token = [&](const Var& x) {
      Tensor one({1, 1, 1, 16}, Tag::data);
      std::copy_n(x.data() + t * 16, 16, one.data());
      return Var(one);
    };
    in.q = token(probe.in.q), in.k = token(probe.in.k), in.v = token(probe.in.v);
    in.x = in.memory = in.q;
    const Var out = probe.attention->extend(state, in);
    const auto values = out.value().values();
    found.insert(found.end(), values.begin(), values.end());
  }
  EXPECT_LE(relative_error(tail(found), tail(linear_by_running_sums(probe))), kForwardTolerance);
}

}  // namespace
}  // namespace lengthwise
