// The recurrent baseline beside PyTorch's, and what its sizes hide from the laws.
#include "autograd/operations.h"
#include "laws/attention_case.h"
#include "tests/golden.h"

namespace lengthwise {
namespace {

TEST(Gru, EqualsPyTorch) {
  const PoisonedBuffers poisoned;
  const Golden& golden = Golden::file();
  const Shape of_x = golden.shape("gru.x");
  const OptionValues none;
  const ParameterSet parameters(1);
  const auto gru =
      attention_variant("gru").make({{.model_width = of_x[2]}, none, parameters, /*random_key=*/0});
  for (const Parameter& p : parameters.all()) {
    ASSERT_EQ(p.shape, golden.shape("gru." + p.name)) << p.name;
    Tensor value = p.variable.value();
    std::ranges::copy(golden.tensor("gru." + p.name).values(), value.data());
  }
  AttentionInput in;
  in.x = golden.variable("gru.x");
  in.q = in.x.reshaped({of_x[0], of_x[1], 1, of_x[2]});
  in.mask.causal = true;
  Tape tape;
  Var output;
  {
    const Recording recording(tape);
    output = gru->attend(in);
  }
  expect_golden(output.value().values(), "gru.output", 2e-6);
  backward_golden(tape, output, "gru");
  expect_golden(in.x.gradient()->values(), "gru.gradient.x", 1e-5);
  for (const Parameter& p : parameters.all()) {
    expect_golden(p.variable.gradient()->values(), "gru.gradient." + p.name, 1e-5);
  }
}

// More of them than one task takes through the steps, in pieces that differ from row to row.
TEST(Gru, DecodesManySequences) {
  AttentionCase c = AttentionCase::of_length(6, true);
  c.batch = 37;
  const AttentionProbe probe(attention_variant("gru"), {}, c);
  const std::vector<float> whole = probe.outputs();
  const int64_t C = probe.sizes.model_width;
  DecodeState state = probe.attention->begin_decode(c.batch, c.queries);
  std::vector<int64_t> done(static_cast<size_t>(c.batch), 0);
  std::vector<float> found(whole.size());
  for (int64_t piece = 0; piece < 6; ++piece) {
    std::vector<int64_t> first = done;
    AttentionInput in;
    Tensor tokens({c.batch, 2, C}, Tag::data);
    std::fill_n(tokens.data(), tokens.size(), 1e6F);
    for (int64_t b = 0; b < c.batch; ++b) {
      int64_t& of_row = done[static_cast<size_t>(b)];
      of_row = std::min(of_row + (b + piece) % 3, c.queries);
      if (piece == 5) of_row = std::min(first[static_cast<size_t>(b)] + 2, c.queries);
      const int64_t from = first[static_cast<size_t>(b)];
      std::copy_n(probe.in.x.data() + (b * c.queries + from) * C, (of_row - from) * C,
                  tokens.data() + b * 2 * C);
    }
    in.x = Var(tokens);
    in.q = in.x.reshaped({c.batch, 2, 1, C});
    in.mask = {true, first, done};
    const Var out = probe.attention->extend(state, in);
    for (int64_t b = 0; b < c.batch; ++b) {
      const int64_t from = first[static_cast<size_t>(b)];
      std::copy_n(out.data() + b * 2 * C, (done[static_cast<size_t>(b)] - from) * C,
                  found.begin() + (b * c.queries + from) * C);
    }
  }
  EXPECT_EQ(done, std::vector<int64_t>(static_cast<size_t>(c.batch), c.queries));
  EXPECT_LE(relative_error(as_doubles(found), as_doubles(whole)), kForwardTolerance);
}

TEST(Gru, PassesOnWhatIsNotANumber) {
  const AttentionProbe probe(attention_variant("gru"), {}, AttentionCase::of_length(3, true));
  Tensor x = probe.in.x.value();
  x.data()[0] = std::nanf("");
  EXPECT_TRUE(std::isnan(probe.outputs().front()));
}

}  // namespace
}  // namespace lengthwise
