// What is planned of a run is what the run records: model, optimizer and batch together.
#include "nn/model_cost.h"

#include <gtest/gtest.h>

#include <numeric>

#include "experiments/runner/measure.h"

namespace lengthwise {
namespace {

template <class Numbers>
int64_t sum(const Numbers& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), int64_t{0});
}

// What is planned of a run and what it records.
void expect_planned(const OptionValues& values) {
  const RunConfig config = resolve_run(values);
  const int64_t before = MemoryLedger::instance().use().live_bytes;
  RunResult run;
  execute_run(config, {}, true, run);
  const auto tasks = config.make_task();
  const Batch batch = tasks->measured_batch(0, 3, 96);
  const auto labelled = static_cast<int64_t>(batch.labelled.size());
  const ModelCost planned =
      model_cost(config.model_setup(run.vocabulary), config.batch_sizes(3, 96, labelled), 2);
  EXPECT_EQ(planned.parameters, run.parameters);
  EXPECT_EQ(planned.peak_bytes, run.cost.step.value().peak_bytes - before);
  EXPECT_EQ(planned.inference_peak_bytes, run.cost.inference_peak_bytes - before);
  const auto kept = [&](Tag tag) {
    return run.cost.kept.value().live_by_tag[static_cast<size_t>(tag)];
  };
  EXPECT_EQ(planned.activation_bytes, kept(Tag::activations));
  EXPECT_EQ(planned.optimizer_bytes, kept(Tag::optimizer));
  EXPECT_EQ(planned.parameter_bytes, kept(Tag::parameters));
  EXPECT_EQ(planned.state_bytes, run.cost.state_bytes);
  EXPECT_EQ(planned.forward.flops, run.cost.forward.work.flops);
  EXPECT_EQ(sum(planned.forward.flops) + sum(planned.backward.flops),
            run.cost.training_step.work.total_flops());
  EXPECT_EQ(sum(planned.forward.exponentials) + sum(planned.backward.exponentials),
            run.cost.training_step.work.total_exponentials());
}

class PlannedRun : public testing::TestWithParam<
                       std::tuple<const char*, const char*, const char*, const char*>> {};

TEST_P(PlannedRun, CostsWhatIsRecorded) {
  const auto& [attention, position, task, kind] = GetParam();
  expect_planned({{"attention", attention},
                  {"position", position},
                  {"task", task},
                  {"model.kind", kind},
                  {"length", "96"},
                  {"batch", "3"},
                  {"repeats", "1"},
                  {"threads", "2"}});
}

INSTANTIATE_TEST_SUITE_P(
    Pairs, PlannedRun,
    testing::Values(std::tuple{"full", "rotary", "mqar", "decoder"},
                    std::tuple{"windowed", "alibi", "uniform", "decoder"},
                    std::tuple{"linear", "learned", "mqar", "decoder"},
                    std::tuple{"short_conv+windowed", "rotary", "mqar", "decoder"},
                    std::tuple{"full", "none", "induction", "decoder"},
                    std::tuple{"flash", "rotary", "copy", "decoder"},
                    std::tuple{"linear", "none", "selective_copy", "decoder"},
                    std::tuple{"flash", "alibi", "passkey", "decoder"},
                    std::tuple{"full", "learned", "listops", "decoder"},
                    std::tuple{"no_weights", "sinusoidal", "uniform", "decoder"},
                    std::tuple{"full", "sinusoidal", "reverse", "encoder_decoder"},
                    std::tuple{"flash", "rotary", "run_length", "encoder_decoder"},
                    std::tuple{"linear", "learned", "uniform", "encoder_decoder"}));

class PlannedParts : public testing::TestWithParam<
                         std::tuple<const char*, const char*, const char*, const char*>> {};

TEST_P(PlannedParts, CostWhatIsRecordedWhereSomeAreMissing) {
  const auto& [norm, residual, projections, kind] = GetParam();
  for (const char* checkpoint : {"none", "layer"}) {
    expect_planned({{"attention", "flash"},
                    {"position", "rotary"},
                    {"task", "reverse"},
                    {"model.kind", kind},
                    {"model.norm", norm},
                    {"model.residual", residual},
                    {"model.projections", projections},
                    {"model.dropout", "0.1"},
                    {"train.checkpoint", checkpoint},
                    {"length", "96"},
                    {"batch", "3"},
                    {"repeats", "1"},
                    {"threads", "2"}});
  }
}

INSTANTIATE_TEST_SUITE_P(Parts, PlannedParts,
                         testing::Combine(testing::Values("pre", "post", "none"),
                                          testing::Values("true", "false"),
                                          testing::Values("qkv", "qk", "v", "none"),
                                          testing::Values("decoder", "encoder_decoder")));

// A plan allocates nothing, whatever the size.
TEST(ModelCost, PlansWhatNoMachineHolds) {
  ModelSetup setup;
  setup.model.layers = 4;
  setup.model.width = 1024;
  setup.vocabulary = 50000;
  setup.attention = "full";
  setup.position = "rotary";
  const int64_t before = MemoryLedger::instance().use().live_bytes;
  const ModelCost cost = model_cost(setup, {1, 1 << 20, 1 << 20}, 2);
  EXPECT_EQ(MemoryLedger::instance().use().live_bytes, before);
  const int64_t weights = int64_t{4} * 4 * 4 * (int64_t{1} << 40);  // layers, heads, bytes, T^2
  EXPECT_GT(cost.activation_bytes, weights);
  EXPECT_GT(cost.peak_bytes, cost.activation_bytes);
}

}  // namespace
}  // namespace lengthwise
