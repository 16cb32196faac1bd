#include "autograd/tape.h"

#include "base/check.h"
#include "base/counters.h"
#include "tests/gradient_check.h"

namespace lengthwise {
namespace {

int64_t live(Tag tag) {
  return MemoryLedger::instance().use().live_by_tag[static_cast<size_t>(tag)];
}

TEST(Tape, InferenceRecordsNothingAndKeepsNothing) {
  const Var x = random_var({4, 4}, 1);
  const int64_t before = live(Tag::activations), workspace = live(Tag::workspace);
  {
    const Var y = gelu(x);
    EXPECT_FALSE(y.needs_gradient());
    EXPECT_EQ(live(Tag::activations), before);
    EXPECT_EQ(live(Tag::workspace), workspace + 64);
  }
  EXPECT_EQ(live(Tag::workspace), workspace);
}

TEST(Tape, ConstantsAreNotRecorded) {
  Tape tape;
  const Recording recording(tape);
  EXPECT_FALSE(gelu(random_var({4}, 1, false)).needs_gradient());
  EXPECT_EQ(tape.size(), 0U);
}

TEST(Tape, KeepsOnlyWhatBackwardsSaveAndFreesItAsItPasses) {
  const int64_t before = live(Tag::activations), gradients = live(Tag::gradients);
  const Var x = random_var({64, 64}, 1);
  Tape tape;
  Var loss;
  {
    const Recording recording(tape);
    // add saves nothing, gelu its input, which is the sum; gelu's own result nobody saves.
    Var y = gelu(add(x, x));
    EXPECT_EQ(live(Tag::activations), before + 2 * 64 * 64 * 4);
    const std::vector<int64_t> one = {0};
    y = gather_rows(y, one);
    EXPECT_EQ(live(Tag::activations), before + 64 * 64 * 4 + 64 * 4);
    const std::vector<int32_t> target = {3};
    loss = cross_entropy(y, target);
  }
  EXPECT_EQ(tape.size(), 4U);
  tape.backward(loss);
  EXPECT_EQ(tape.size(), 0U);
  loss = Var();
  EXPECT_EQ(live(Tag::activations), before);
  EXPECT_EQ(live(Tag::gradients), gradients + 64 * 64 * 4) << "only the parameter's stays";
}

TEST(Tape, AddsToGradientsThatAreThere) {
  const Var x = random_var({8}, 1);
  std::vector<float> once;
  for (int pass = 0; pass < 2; ++pass) {
    Tape tape;
    Var y;
    {
      const Recording recording(tape);
      y = gelu(x);
    }
    backward_with(tape, y, random_var({8}, 2, false));
    const auto gradient = x.gradient()->values();
    if (pass == 0) once.assign(gradient.begin(), gradient.end());
  }
  for (size_t i = 0; i < once.size(); ++i) EXPECT_EQ(x.gradient()->values()[i], 2 * once[i]);
}

TEST(Tape, BackwardWorksInTheScopeOfItsForward) {
  const Var x = random_var({2, 3}, 1), weight = random_var({3, 4}, 2);
  Tape tape;
  Var y;
  {
    const Recording recording(tape);
    const ScopeGuard scope(Scope::feed_forward);
    y = linear(x, weight, Var());
  }
  EXPECT_EQ(current_scope(), Scope::rest);
  reset_counters();
  backward_with(tape, y, random_var({2, 4}, 3, false));
  const Counts counts = read_counters();
  EXPECT_EQ(counts.flops[static_cast<size_t>(Scope::feed_forward)], 2 * 2 * (2 * 3 * 4));
  EXPECT_EQ(counts.total_flops(), 2 * 2 * (2 * 3 * 4));
}

TEST(Tape, ARefusedBackwardSaysWhatItFound) {
  Tape tape;
  EXPECT_THROW(tape.backward(random_var({2}, 1)), CheckFailure);
  EXPECT_THROW(tape.backward(random_var({1}, 1, false)), CheckFailure);
}

}  // namespace
}  // namespace lengthwise
