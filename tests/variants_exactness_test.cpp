// What must hold to the bit: causality, independent rows, any number of threads; and the linear
// form's precision over a long sequence.
#include "base/parallel.h"
#include "tests/variant_check.h"

namespace lengthwise {
namespace {

class Exactly : public testing::TestWithParam<VariantCase> {
 protected:
  void TearDown() override { set_thread_count(0); }
};

// Rewrites tokens [begin, end) of row b of every input with draws of this size.
void redraw(const VariantInputs& inputs, int64_t length, int64_t b, int64_t begin, int64_t end,
            double size) {
  RandomStream stream(99, Purpose::probe);
  std::vector<Var> tensors = inputs.variables();
  for (Var& tensor : tensors) {
    const int64_t width = tensor.value().size() / (VariantCase::kBatch * length);
    float* row = tensor.value().data() + b * length * width;
    for (int64_t i = begin * width; i < end * width; ++i) {
      row[i] = static_cast<float>(size * stream.normal());
    }
  }
}

std::vector<float> outputs(const VariantCase& c, const VariantInputs& inputs) {
  const Var out = make_variant(c)->attend(inputs.in);
  return {out.value().values().begin(), out.value().values().end()};
}

TEST_P(Exactly, LaterTokensDoNotReachEarlierOutputs) {
  VariantCase c = GetParam();
  c.length = 130;
  const VariantInputs inputs(c);
  const std::vector<float> before = outputs(c, inputs);
  const size_t width = before.size() / (VariantCase::kBatch * 130);
  for (const int64_t t : {128, 64, 63, 1, 0}) {
    redraw(inputs, c.length, 0, t + 1, c.length, 1e12);
    const std::vector<float> after = outputs(c, inputs);
    const size_t kept = static_cast<size_t>(t + 1) * width;
    EXPECT_TRUE(std::equal(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(kept),
                           after.begin()))
        << "t=" << t;
  }
}

TEST_P(Exactly, EarlierOutputsSendNoGradientToLaterTokens) {
  VariantCase c = GetParam();
  c.length = 70;
  const VariantInputs inputs(c);
  Tape tape;
  Var out;
  {
    const Recording recording(tape);
    out = make_variant(c)->attend(inputs.in);
  }
  const int64_t t = 40, width = out.value().size() / (VariantCase::kBatch * c.length);
  Var cotangent = random_var(out.shape(), 3, false);
  for (int64_t b = 0; b < VariantCase::kBatch; ++b) {
    float* row = cotangent.value().data() + b * c.length * width;
    std::fill(row + (t + 1) * width, row + c.length * width, 0.0F);
  }
  backward_with(tape, out, cotangent);
  double earlier = 0;
  for (const Var& variable : inputs.variables()) {
    const auto gradient = variable.gradient()->values();
    const size_t per_token = gradient.size() / static_cast<size_t>(VariantCase::kBatch * c.length);
    for (size_t i = 0; i < gradient.size(); ++i) {
      const bool later = static_cast<int64_t>(i / per_token) % c.length > t;
      if (later) {
        ASSERT_EQ(gradient[i], 0.0F) << "element " << i;
      }
      earlier += std::abs(static_cast<double>(gradient[i]));
    }
  }
  EXPECT_GT(earlier, 0);
}

TEST_P(Exactly, OtherRowsDoNotMatter) {
  for (const bool causal : {true, false}) {
    VariantCase c = GetParam();
    c.length = 66;
    c.causal = causal;
    const VariantInputs inputs(c);
    const std::vector<float> before = outputs(c, inputs);
    redraw(inputs, c.length, 0, 0, c.length, 1e6);
    const std::vector<float> after = outputs(c, inputs);
    EXPECT_TRUE(std::equal(before.begin() + static_cast<std::ptrdiff_t>(before.size() / 2),
                           before.end(),
                           after.begin() + static_cast<std::ptrdiff_t>(after.size() / 2)));
  }
}

TEST_P(Exactly, AnyNumberOfThreadsGivesTheSameBits) {
  VariantCase c = GetParam();
  c.length = 200;
  c.heads = 4;
  std::vector<std::vector<float>> first;
  for (const int threads : {1, 2, 3, 5}) {
    set_thread_count(threads);
    const VariantInputs inputs(c);
    Tape tape;
    Var out;
    {
      const Recording recording(tape);
      out = make_variant(c)->attend(inputs.in);
    }
    std::vector<std::vector<float>> all = {
        {out.value().values().begin(), out.value().values().end()}};
    backward_with(tape, out, random_var(out.shape(), 3, false));
    for (const Var& variable : inputs.variables()) {
      const auto gradient = variable.gradient()->values();
      all.emplace_back(gradient.begin(), gradient.end());
    }
    if (first.empty()) first = all;
    EXPECT_EQ(first, all) << threads << " threads";
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, Exactly, testing::ValuesIn(variants_with_options()));

TEST(Windowed, AsWideAsTheSequenceIsFull) {
  VariantCase c{&attention_variant("windowed"), {{"window", "70"}}};
  c.length = 70;
  const VariantInputs inputs(c);
  const VariantCase full{&attention_variant("full"), {}, 70};
  EXPECT_LE(relative_error(as_doubles(outputs(c, inputs)), as_doubles(outputs(full, inputs))),
            kForwardTolerance);
}

// The weights can be told from identity values; both variants then drop the same ones.
TEST(Windowed, DropsTheWeightsThatFullDrops) {
  VariantCase c{&attention_variant("windowed"), {{"window", "70"}}, 70};
  VariantInputs inputs(c);
  inputs.in.dropout = {0.5, 17};
  const VariantCase full{&attention_variant("full"), {}, 70};
  EXPECT_LE(relative_error(as_doubles(outputs(c, inputs)), as_doubles(outputs(full, inputs))),
            kForwardTolerance);
}

TEST(Linear, HoldsDoubleOver65536Tokens) {
  const int64_t T = 65536, D = 16;
  VariantCase c{&attention_variant("linear"), {}, T, 1, 1, D};
  const VariantInputs inputs(c);
  const std::vector<float> found = outputs(c, inputs);
  const auto feature = [](float x) {
    const auto v = static_cast<double>(x);
    return v > 0 ? v + 1 : std::exp(v);
  };
  std::vector<double> expected, as_double(found.begin(), found.end());
  for (int64_t b = 0; b < VariantCase::kBatch; ++b) {
    std::vector<double> state(static_cast<size_t>(D * D)), sum(static_cast<size_t>(D));
    for (int64_t t = 0; t < T; ++t) {
      const int64_t row = (b * T + t) * D;
      for (int64_t d = 0; d < D; ++d) {
        const double key = feature(inputs.in.k.data()[row + d]);
        sum[static_cast<size_t>(d)] += key;
        for (int64_t e = 0; e < D; ++e) {
          state[static_cast<size_t>(d * D + e)] +=
              key * static_cast<double>(inputs.in.v.data()[row + e]);
        }
      }
      for (int64_t e = 0; e < D; ++e) {
        double numerator = 0, denominator = 0;
        for (int64_t d = 0; d < D; ++d) {
          const double query = feature(inputs.in.q.data()[row + d]);
          numerator += query * state[static_cast<size_t>(d * D + e)];
          denominator += query * sum[static_cast<size_t>(d)];
        }
        expected.push_back(numerator / denominator);
      }
    }
  }
  EXPECT_LE(relative_error(as_double, expected), kForwardTolerance);
  // The averages shrink as they grow long: the last thousand are held on their own scale.
  const auto tail = [](const std::vector<double>& v) {
    return std::vector<double>(v.end() - 1000 * 16, v.end());
  };
  EXPECT_LE(relative_error(tail(as_double), tail(expected)), kForwardTolerance);
}

}  // namespace
}  // namespace lengthwise
