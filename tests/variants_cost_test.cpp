#include "base/counters.h"
#include "base/parallel.h"
#include "tests/variant_check.h"

namespace lengthwise {
namespace {

constexpr auto kAttention = static_cast<size_t>(Scope::attention);
constexpr auto kActivations = static_cast<size_t>(Tag::activations);
constexpr auto kWorkspace = static_cast<size_t>(Tag::workspace);

// Workspace bytes at the peak since the last reset, beyond those before.
int64_t workspace_since(const MemoryUse& before) {
  return MemoryLedger::instance().use().peak_by_tag[kWorkspace] - before.live_by_tag[kWorkspace];
}

void expect_predicted(const VariantCase& c, int threads) {
  SCOPED_TRACE(testing::PrintToString(c) + " threads=" + std::to_string(threads));
  MemoryLedger& ledger = MemoryLedger::instance();
  const AttentionCost predicted = c.variant->cost(c.sizes(threads), c.options);
  const VariantInputs inputs(c);
  const auto variant = make_variant(c);
  Tape tape;
  Var output;
  MemoryUse before = ledger.use();
  {
    const Recording recording(tape);
    const ScopeGuard scope(Scope::attention);
    ledger.reset_peaks();
    reset_counters();
    output = variant->attend(inputs.in);
  }
  const Counts forward = read_counters();
  EXPECT_EQ(predicted.forward.flops, forward.flops[kAttention]);
  EXPECT_EQ(predicted.forward.exponentials, forward.exponentials[kAttention]);
  EXPECT_EQ(predicted.forward.workspace_bytes, workspace_since(before));
  EXPECT_EQ(predicted.saved_bytes, ledger.use().live[kAttention][kActivations] -
                                       before.live[kAttention][kActivations] -
                                       ledger_bytes(4 * output.value().size()));

  const Var cotangent = random_var(output.shape(), 5, false);
  before = ledger.use();
  ledger.reset_peaks();
  reset_counters();
  std::copy_n(cotangent.data(), cotangent.value().size(), output.gradient()->data());
  Tensor loss({1}, Tag::data);
  loss.data()[0] = 0;
  const Recording recording(tape);
  tape.backward(record(loss, {output}, [](std::span<const float>) {}));
  const Counts backward = read_counters();
  EXPECT_EQ(predicted.backward.flops, backward.flops[kAttention]);
  EXPECT_EQ(predicted.backward.exponentials, backward.exponentials[kAttention]);
  EXPECT_EQ(predicted.backward.workspace_bytes, workspace_since(before));
}

class Costs : public testing::TestWithParam<VariantCase> {
 protected:
  void TearDown() override { set_thread_count(0); }
};

TEST_P(Costs, PredictWhatIsCountedToTheUnit) {
  ASSERT_TRUE(GetParam().variant->cost);
  for (const int threads : {1, 2, 3}) {
    set_thread_count(threads);
    for (const int64_t length : {1, 7, 64, 65, 130, 256}) {
      for (const bool causal : {true, false}) {
        VariantCase c = GetParam();
        c.length = length;
        c.causal = causal;
        expect_predicted(c, threads);
        c.heads = 4;
        expect_predicted(c, threads);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, Costs, testing::ValuesIn(variants_with_options()));

}  // namespace
}  // namespace lengthwise
