// Another implementation's outputs and gradients: see golden.h.
#include "tests/golden.h"

#include "autograd/operations.h"
#include "nn/position.h"
#include "train/trainer.h"

namespace lengthwise {
namespace {

// About five times what is found: sizes are small, so tighter than for the laws.
constexpr double kForward = 2e-6, kGradient = 1e-5;

struct DotProductCase {
  std::string name;
  bool causal, biased;
  friend void PrintTo(const DotProductCase& c, std::ostream* out) { *out << c.name; }
};

class GoldenAttention : public testing::TestWithParam<DotProductCase> {};

TEST_P(GoldenAttention, FullEqualsPyTorch) {
  const PoisonedBuffers poisoned;
  const Golden& golden = Golden::file();
  const std::string name = "attention." + GetParam().name;
  const Shape of_q = golden.shape(name + ".q"), of_k = golden.shape(name + ".k");
  const AttentionSizes sizes{.heads = of_q[2],
                             .key_value_heads = of_k[2],
                             .head_width = of_q[3],
                             .model_width = of_q[2] * of_q[3],
                             .causal = GetParam().causal};
  const OptionValues none;
  const auto attention =
      attention_variant("full").make({sizes, none, ParameterSet(1), /*random_key=*/0});
  const auto alibi = position_scheme("alibi").make({.model_width = sizes.model_width,
                                                    .heads = sizes.heads,
                                                    .head_width = sizes.head_width,
                                                    .options = none,
                                                    .parameters = ParameterSet(1)});
  const ScoreBias bias = alibi->bias(1 - of_q[1], of_k[1] - 1);
  AttentionInput in;
  in.q = golden.variable(name + ".q");
  in.k = golden.variable(name + ".k");
  in.v = golden.variable(name + ".v");
  in.mask.causal = GetParam().causal;
  in.bias = GetParam().biased ? &bias : nullptr;
  Tape tape;
  Var output;
  {
    const Recording recording(tape);
    output = attention->attend(in);
  }
  expect_golden(output.value().values(), name + ".output", kForward);
  backward_golden(tape, output, name);
  expect_golden(in.q.gradient()->values(), name + ".gradient.q", kGradient);
  expect_golden(in.k.gradient()->values(), name + ".gradient.k", kGradient);
  expect_golden(in.v.gradient()->values(), name + ".gradient.v", kGradient);
}

INSTANTIATE_TEST_SUITE_P(Cases, GoldenAttention,
                         testing::Values(DotProductCase{"causal", true, false},
                                         DotProductCase{"cross", false, false},
                                         DotProductCase{"grouped", true, false},
                                         DotProductCase{"alibi", true, true},
                                         DotProductCase{"alibi_both_ways", false, true}),
                         [](const auto& one) { return one.param.name; });

TEST(GoldenOperations, LayerNormEqualsPyTorch) {
  const Golden& golden = Golden::file();
  for (const std::string name : {"layer_norm", "layer_norm_of_little"}) {
    const Var x = golden.variable(name + ".x"), gain = golden.variable(name + ".gain"),
              bias = golden.variable(name + ".bias");
    Tape tape;
    Var output;
    {
      const Recording recording(tape);
      output = layer_norm(x, gain, bias);
    }
    expect_golden(output.value().values(), name + ".output", kForward);
    backward_golden(tape, output, name);
    expect_golden(x.gradient()->values(), name + ".gradient.x", kGradient);
    expect_golden(gain.gradient()->values(), name + ".gradient.gain", kGradient);
    expect_golden(bias.gradient()->values(), name + ".gradient.bias", kGradient);
  }
}

TEST(GoldenOperations, GeluEqualsPyTorch) {
  for (const std::string name : {"gelu", "gelu_far"}) {
    const Var x = Golden::file().variable(name + ".x");
    Tape tape;
    Var output;
    {
      const Recording recording(tape);
      output = gelu(x);
    }
    expect_golden(output.value().values(), name + ".output", kForward);
    backward_golden(tape, output, name);
    expect_golden(x.gradient()->values(), name + ".gradient.x", kGradient);
  }
}

TEST(GoldenOperations, CrossEntropyEqualsPyTorchSmoothedOrNot) {
  for (const int percent : {0, 10}) {
    const std::string name = "cross_entropy_" + std::to_string(percent);
    const Var logits = Golden::file().variable(name + ".logits");
    const auto targets = Golden::file().integers<int32_t>(name + ".targets");
    Tape tape;
    const Recording recording(tape);
    const Var loss = cross_entropy(logits, targets, percent / 100.0);
    expect_golden(loss.value().values(), name + ".loss", kForward);
    tape.backward(loss);
    expect_golden(logits.gradient()->values(), name + ".gradient.logits", kGradient);
  }
}

TEST(GoldenAdamW, TenStepsEqualPyTorch) {
  const Golden& golden = Golden::file();
  ParameterSet set(1);
  set.add("matrix", golden.shape("adamw.before.matrix"), 1);
  set.add_constant("bias", golden.shape("adamw.before.bias"), 0);
  AdamW optimizer(set.all(), {.beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-8, .weight_decay = 0.1});
  for (const Parameter& p : set.all()) {
    Tensor value = p.variable.value();
    std::ranges::copy(golden.tensor("adamw.before." + p.name).values(), value.data());
  }
  for (int64_t step = 0; step < 10; ++step) {
    for (const Parameter& p : set.all()) {
      const Tensor gradients = golden.tensor("adamw.gradient." + p.name);
      std::copy_n(gradients.data() + step * elements(p.shape), elements(p.shape),
                  p.variable.gradient()->data());
    }
    optimizer.step(1e-2, 1);
    for (const Parameter& p : set.all()) {
      const std::vector<double> steps = golden.values("adamw.after." + p.name);
      const auto size = static_cast<size_t>(elements(p.shape));
      const auto after = std::span(steps).subspan(static_cast<size_t>(step) * size, size);
      EXPECT_LE(relative_error(as_doubles(p.variable.value().values()), after), kForward)
          << p.name << " after step " << step;
    }
  }
}

void set_weights(const Transformer& model, const std::string& name) {
  for (const Parameter& p : model.parameters()) {
    ASSERT_EQ(p.shape, Golden::file().shape(name + "." + p.name)) << p.name;
    Tensor value = p.variable.value();
    std::ranges::copy(Golden::file().tensor(name + "." + p.name).values(), value.data());
  }
}

// A key's bias moves every score of a query alike: its slope is 0, up to rounding.
bool has_no_slope(const Parameter& parameter) { return parameter.name.ends_with("key.bias"); }

void expect_gradients(const Transformer& model, const std::string& name, double tolerance) {
  for (const Parameter& p : model.parameters()) {
    const std::string gradient = name + ".gradient." + p.name;
    if (!has_no_slope(p)) {
      expect_golden(p.variable.gradient()->values(), gradient, tolerance);
      continue;
    }
    std::string weight = gradient;
    weight.replace(weight.rfind("bias"), 4, "weight");
    const std::vector<double> zero(p.variable.gradient()->values().size(), 0.0);
    const double largest = relative_error(Golden::file().values(weight), zero);
    EXPECT_LE(relative_error(as_doubles(p.variable.gradient()->values()), zero),
              tolerance * largest)
        << gradient;
  }
}

struct EncoderCase {
  std::string name, norm;
  int64_t layers;
  double feed_forward;
  friend void PrintTo(const EncoderCase& c, std::ostream* out) { *out << c.name; }
};

class GoldenEncoder : public testing::TestWithParam<EncoderCase> {};

TEST_P(GoldenEncoder, EqualsPyTorchOnPaddedRows) {
  const PoisonedBuffers poisoned;
  const Golden& golden = Golden::file();
  const EncoderCase& c = GetParam();
  const Shape of_tokens = golden.shape(c.name + ".tokens"),
              of_embedding = golden.shape(c.name + ".embedding");
  ModelSetup setup;
  setup.model.kind = "encoder";
  setup.model.layers = c.layers;
  setup.model.width = of_embedding[1];
  setup.model.heads = 3;
  setup.model.feed_forward = c.feed_forward;
  setup.model.norm = c.norm;
  setup.model.head = "free";
  setup.vocabulary = of_embedding[0];
  setup.attention = "full";
  setup.position = "none";
  const Transformer model(setup, ParameterSet(1));
  set_weights(model, c.name);

  const auto tokens = golden.integers<int32_t>(c.name + ".tokens");
  const auto row_lengths = golden.integers<int64_t>(c.name + ".row_lengths");
  std::vector<int64_t> real;
  for (int64_t b = 0; b < of_tokens[0]; ++b) {
    for (int64_t t = 0; t < row_lengths[static_cast<size_t>(b)]; ++t) {
      real.push_back(b * of_tokens[1] + t);
    }
  }
  Tape tape;
  Var logits;
  {
    const Recording recording(tape);
    logits = model.logits(tokens, of_tokens[0], of_tokens[1], real, {.row_lengths = row_lengths});
  }
  expect_golden(logits.value().values(), c.name + ".output", kForward);
  backward_golden(tape, logits, c.name);
  expect_gradients(model, c.name, kGradient);
}

INSTANTIATE_TEST_SUITE_P(Cases, GoldenEncoder,
                         testing::Values(EncoderCase{"multihead", "post", 1, 0},
                                         EncoderCase{"encoder_pre", "pre", 2, 1.5},
                                         EncoderCase{"encoder_post", "post", 2, 1.5}),
                         [](const auto& one) { return one.param.name; });

class GoldenEncoderDecoder : public testing::TestWithParam<const char*> {};

TEST_P(GoldenEncoderDecoder, EqualsPyTorchAfterPaddedSources) {
  const PoisonedBuffers poisoned;
  const Golden& golden = Golden::file();
  const std::string norm = GetParam(), name = "encoder_decoder_" + norm;
  const Shape of_tokens = golden.shape(name + ".tokens"),
              of_embedding = golden.shape(name + ".embedding");
  ModelSetup setup;
  setup.model.kind = "encoder_decoder";
  setup.model.layers = 2;
  setup.model.width = of_embedding[1];
  setup.model.heads = 3;
  setup.model.feed_forward = 1.5;
  setup.model.norm = norm;
  setup.model.head = norm == "pre" ? "tied" : "free";
  setup.vocabulary = of_embedding[0];
  setup.attention = "full";
  setup.position = "none";
  const Transformer model(setup, ParameterSet(1));
  set_weights(model, name);

  const auto source = golden.integers<int32_t>(name + ".source"),
             tokens = golden.integers<int32_t>(name + ".tokens");
  const auto row_lengths = golden.integers<int64_t>(name + ".row_lengths");
  std::vector<int64_t> every;
  for (int64_t at = 0; at < of_tokens[0] * of_tokens[1]; ++at) every.push_back(at);
  ForwardPass pass;
  pass.source = {source, golden.shape(name + ".source")[1], row_lengths};
  Tape tape;
  Var logits;
  {
    const Recording recording(tape);
    logits = model.logits(tokens, of_tokens[0], of_tokens[1], every, pass);
  }
  expect_golden(logits.value().values(), name + ".output", kForward);
  backward_golden(tape, logits, name);
  expect_gradients(model, name, kGradient);
}

INSTANTIATE_TEST_SUITE_P(Norms, GoldenEncoderDecoder, testing::Values("pre", "post"),
                         [](const auto& one) { return std::string(one.param); });

TEST(GoldenGpt, TenStepsOfTrainingEqualPyTorch) {
  const PoisonedBuffers poisoned;
  const Golden& golden = Golden::file();
  const Shape of_tokens = golden.shape("gpt.tokens"), of_embedding = golden.shape("gpt.embedding");
  ModelSetup setup;
  setup.model.layers = 2;
  setup.model.width = of_embedding[1];
  setup.model.heads = 4;
  setup.model.feed_forward = 2;
  setup.vocabulary = of_embedding[0];
  setup.attention = "full";
  setup.position = "learned";
  setup.position_options = {{"longest", "10"}};
  Transformer model(setup, ParameterSet(1));
  set_weights(model, "gpt");

  const auto tokens = golden.integers<int32_t>("gpt.tokens"),
             targets = golden.integers<int32_t>("gpt.targets");
  Batch batch;
  batch.batch = of_tokens[0];
  batch.length = of_tokens[1];
  batch.tokens.assign(tokens.begin(), tokens.end());
  batch.targets.assign(targets.begin(), targets.end());
  for (int64_t at = 0; at < of_tokens[0] * of_tokens[1]; ++at) batch.labelled.push_back(at);

  AdamW optimizer(model.parameters(), AdamWOptions{});
  std::vector<double> losses;
  for (int step = 0; step < 10; ++step) {
    losses.push_back(forward_backward(model, batch, {.training = true}));
    if (step == 0) expect_gradients(model, "gpt", kGradient);
    optimizer.step(1e-2, 1);
    model.clear_gradients();
  }
  const std::vector<double> expected = golden.values("gpt.losses");
  ASSERT_EQ(losses.size(), expected.size());
  for (size_t step = 0; step < losses.size(); ++step) {
    EXPECT_NEAR(losses[step] / expected[step], 1, kForward) << "step " << step;
  }
  for (const Parameter& p : model.parameters()) {
    if (has_no_slope(p)) continue;
    expect_golden(p.variable.value().values(), "gpt.after." + p.name, kGradient);
  }
}

}  // namespace
}  // namespace lengthwise
