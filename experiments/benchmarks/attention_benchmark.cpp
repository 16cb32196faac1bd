// Matrix products, attention kernels and whole training steps over lengths, as shares of the
// machine's own rate of a 2048^3 product, measured in this process. What breaks its definition or
// its gradient is not timed.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <functional>
#include <map>

#include "base/machine.h"
#include "base/parallel.h"
#include "kernels/multiply.h"
#include "kernels/rows.h"
#include "laws/law.h"
#include "laws/probe.h"
#include "nn/model_cost.h"
#include "tasks/task.h"
#include "train/trainer.h"

namespace lengthwise {
namespace {

constexpr int64_t kHeads = 8, kHeadWidth = 64;

double peak_flops_per_second() {
  static const double kPeak = probe_multiply_flops_per_second(2048, 10);
  return kPeak;
}

// Share of the peak that `flops` per iteration reach.
void report(benchmark::State& state, double flops) {
  const auto iterations = static_cast<double>(state.iterations());
  state.counters["share_of_peak"] =
      benchmark::Counter(flops * iterations / peak_flops_per_second(), benchmark::Counter::kIsRate);
  state.counters["GFLOP_per_s"] =
      benchmark::Counter(flops * iterations / 1e9, benchmark::Counter::kIsRate);
  state.counters["peak_MiB"] =
      static_cast<double>(MemoryLedger::instance().use().peak_bytes) / 0x1p20;
}

// Pages that the system gave this process so far.
int64_t page_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

struct Product {
  int64_t count, m, n, k;
};

void product(benchmark::State& state, Product p) {
  const Var a = random_var({p.count, p.m, p.k}, 1, false),
            b = random_var({p.count, p.k, p.n}, 2, false);
  Tensor c({p.count, p.m, p.n}, Tag::workspace);
  MemoryLedger::instance().reset_peaks();
  for ([[maybe_unused]] auto _ : state) {
    if (p.count == 1) {
      parallel_multiply(p.m, p.n, p.k, 1, {a.data(), p.k}, {b.data(), p.n}, 0, c.data(), p.n);
    } else {
      parallel_for(p.count, [&](int64_t i, int) {
        multiply(p.m, p.n, p.k, 1, {a.data() + i * p.m * p.k, p.k}, {b.data() + i * p.k * p.n, p.n},
                 0, c.data() + i * p.m * p.n, p.n);
      });
    }
  }
  report(state, 2.0 * static_cast<double>(p.count * p.m * p.n * p.k));
}

struct AttentionRun {
  std::string variant;
  OptionValues options;
  int64_t length;
  bool causal, backward;
};

// Pairs that a query sees: FlashAttention's convention is 4 D forward and 10 D backward of each.
// Linear attention sees none: its count is of what it executes.
double useful_flops(const AttentionVariant& variant, const AttentionRun& run) {
  const AttentionSizes sizes{1,          run.length,          run.length, kHeads,        kHeads,
                             kHeadWidth, kHeads * kHeadWidth, run.causal, thread_count()};
  const AttentionCost cost = variant.cost(sizes, run.options);
  if (!variant.info.forms_weights) {
    return static_cast<double>(cost.forward.flops + (run.backward ? cost.backward.flops : 0));
  }
  return static_cast<double>(cost.useful_forward_flops) * (run.backward ? 3.5 : 1.0);
}

std::string broken_law(const AttentionVariant& variant) {
  static std::map<std::string, std::string, std::less<>> known;
  const auto found = known.find(variant.info.name);
  if (found != known.end()) return found->second;
  std::string broken;
  for (const AttentionLaw& law : attention_laws()) {
    if (law.name != "definition" && law.name != "gradient") continue;
    const LawResult result = try_law(law, variant);
    if (!result.holds()) broken = result.law + ": " + result.failure;
  }
  return known.emplace(variant.info.name, broken).first->second;
}

void attention(benchmark::State& state, const AttentionRun& run) {
  const AttentionVariant& variant = attention_variant(run.variant);
  if (const std::string broken = broken_law(variant); !broken.empty()) {
    state.SkipWithError(broken.c_str());
    return;
  }
  AttentionSizes layer;
  layer.heads = layer.key_value_heads = kHeads;
  layer.head_width = kHeadWidth;
  layer.model_width = kHeads * kHeadWidth;
  const auto made = variant.make({layer, run.options, ParameterSet(0), 0});
  const Shape shape = {1, run.length, kHeads, kHeadWidth};
  AttentionInput in;
  in.q = random_var(shape, 1, run.backward);
  in.k = random_var(shape, 2, run.backward);
  in.v = random_var(shape, 3, run.backward);
  in.mask.causal = run.causal;
  const Var slope = random_var(shape, 4, false);
  MemoryLedger::instance().reset_peaks();
  for ([[maybe_unused]] auto _ : state) {
    if (!run.backward) {
      benchmark::DoNotOptimize(made->attend(in).data());
      continue;
    }
    Tape tape;
    Var out;
    {
      const Recording recording(tape);
      out = made->attend(in);
    }
    backward_with(tape, out, slope);
  }
  report(state, useful_flops(variant, run));
}

struct StepRun {
  std::string variant = "flash";
  int64_t width, heads, layers, batch, length;
  bool checkpoint_layers = false;

  std::string name() const {
    return fmt::format("{}/d{}/h{}/L{}/B{}/T{}", variant, width, heads, layers, batch, length);
  }
  ModelSetup setup(int64_t vocabulary) const {
    ModelSetup setup;
    setup.model.width = width;
    setup.model.heads = heads;
    setup.model.layers = layers;
    setup.attention = variant;
    setup.position = "rotary";
    setup.vocabulary = vocabulary;
    return setup;
  }
  BatchSizes sizes() const { return {batch, length, batch * length, checkpoint_layers}; }
};

ModelCost predicted(const StepRun& run) {
  const int64_t vocabulary = task_entry("uniform").make({})->vocabulary();
  return model_cost(run.setup(vocabulary), run.sizes(), thread_count());
}

// A model, its optimizer and a batch; `take` is one training step.
class Step {
 public:
  explicit Step(const StepRun& run)
      : run_(run),
        task_(task_entry("uniform").make({})),
        model_(run.setup(task_->vocabulary()), ParameterSet(1)),
        optimizer_(model_.parameters(), {}),
        batch_(task_->training_batch(1, 0, run.batch, run.length)) {}

  void take() {
    forward_backward(model_, batch_,
                     {.training = true, .seed = 1, .checkpoint_layers = run_.checkpoint_layers});
    optimizer_.step(1e-3, 1 / std::max(1.0, gradient_norm(model_.parameters())));
    model_.clear_gradients();
  }

 private:
  StepRun run_;
  std::unique_ptr<Task> task_;
  Transformer model_;
  AdamW optimizer_;
  Batch batch_;
};

// Of the definition: attention forward 4 D and backward 8 D of each pair that is seen, nothing for
// layers that run again.
double useful_step_flops(const StepRun& run) {
  StepRun kept = run;
  kept.checkpoint_layers = false;
  const ModelCost cost = predicted(kept);
  double flops = 0;
  for (size_t scope = 0; scope < kScopes; ++scope) {
    if (scope == static_cast<size_t>(Scope::attention)) continue;
    flops += static_cast<double>(cost.forward.flops[scope] + cost.backward.flops[scope]);
  }
  const double pairs = 0.5 * static_cast<double>(run.length * (run.length + 1));
  return flops + 12.0 * pairs * static_cast<double>(run.width * run.batch * run.layers);
}

void training_step(benchmark::State& state, const StepRun& run) {
  Step step(run);
  step.take();
  MemoryLedger::instance().reset_peaks();
  const int64_t faults = page_faults();
  for ([[maybe_unused]] auto _ : state) step.take();
  state.counters["page_faults"] = benchmark::Counter(static_cast<double>(page_faults() - faults),
                                                     benchmark::Counter::kAvgIterations);
  report(state, useful_step_flops(run));
  state.counters["tokens_per_s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * run.batch * run.length),
                         benchmark::Counter::kIsRate);
}

// All threads against one, by turns.
void thread_scaling(benchmark::State& state, const StepRun& run) {
  using Clock = std::chrono::steady_clock;
  const int all = thread_count();
  Step step(run);
  double one_seconds = 0, all_seconds = 0;
  for ([[maybe_unused]] auto _ : state) {
    for (const int threads : {1, all}) {
      set_thread_count(threads);
      const auto start = Clock::now();
      step.take();
      (threads == 1 ? one_seconds : all_seconds) +=
          std::chrono::duration<double>(Clock::now() - start).count();
    }
  }
  state.counters["speed_up"] = one_seconds / all_seconds;
}

// One step at a length that memory bounds: what the ledger saw, and what was predicted.
void long_step(benchmark::State& state, const StepRun& run) {
  MemoryLedger& ledger = MemoryLedger::instance();
  ledger.release_pool();
  const int64_t before = ledger.use().live_bytes;
  Step step(run);
  ledger.reset_peaks();
  for ([[maybe_unused]] auto _ : state) step.take();
  const auto peak = static_cast<double>(ledger.use().peak_bytes - before);
  state.counters["peak_MiB"] = peak / 0x1p20;
  state.counters["of_predicted"] = peak / static_cast<double>(predicted(run).peak_bytes);
  state.counters["tokens_per_s"] =
      benchmark::Counter(static_cast<double>(run.batch * run.length), benchmark::Counter::kIsRate);
}

benchmark::internal::Benchmark* add(const std::string& name,
                                    const std::function<void(benchmark::State&)>& work) {
  return benchmark::RegisterBenchmark(name.c_str(), work)
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
}

void register_kernels() {
  for (const Product p : {Product{1, 2048, 2048, 2048}, Product{1, 4096, 256, 256},
                          Product{1, 4096, 64, 256}, Product{16, 512, 512, 64}}) {
    add(fmt::format("multiply/{}x{}x{}x{}", p.count, p.m, p.n, p.k),
        [p](benchmark::State& state) { product(state, p); });
  }
  const auto add_attention = [&](const AttentionRun& run) {
    add(fmt::format("{}/{}/{}/{}", run.variant, run.causal ? "causal" : "all", run.length,
                    run.backward ? "forward+backward" : "forward"),
        [run](benchmark::State& state) { attention(state, run); });
  };
  for (const bool backward : {false, true}) {
    for (const bool causal : {false, true}) {
      for (const int64_t length : {1024, 4096, 16384}) {
        add_attention({"flash", {}, length, causal, backward});
      }
      add_attention({"full", {}, 1024, causal, backward});
    }
    add_attention({"windowed", {{"window", "256"}}, 16384, true, backward});
    add_attention({"linear", {}, 16384, true, backward});
  }
}

void register_steps() {
  const StepRun narrow{.width = 64, .heads = 1, .layers = 2, .batch = 32, .length = 128},
      middle{.width = 128, .heads = 4, .layers = 2, .batch = 8, .length = 512},
      wide{.width = 512, .heads = 8, .layers = 4, .batch = 4, .length = 512};
  StepRun longer = middle, longest = middle;
  longer.batch = 2;
  longer.length = 2048;
  longest.batch = 1;
  longest.length = 4096;
  for (const StepRun& run : {narrow, middle, longer, longest, wide}) {
    add("step/" + run.name(), [run](benchmark::State& state) { training_step(state, run); });
  }
  add("threads/" + middle.name(),
      [middle](benchmark::State& state) { thread_scaling(state, middle); });
  const auto add_long = [](const StepRun& run) {
    add("long/" + run.name(), [run](benchmark::State& state) {
      long_step(state, run);
    })->Iterations(1);
  };
  for (int64_t length = 16384; length <= 131072; length *= 2) {
    add_long({"flash", 128, 2, 2, 1, length, true});
  }
  for (const char* variant : {"linear", "windowed"}) {
    for (int64_t length = 16384; length <= 1048576; length *= 4) {
      add_long({variant, 64, 1, 2, 1, length, true});
    }
  }
}

}  // namespace
}  // namespace lengthwise

int main(int count, char** arguments) {
  using namespace lengthwise;  // NOLINT(google-build-using-namespace): the whole of this program
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 2;
  benchmark::AddCustomContext("cpu", cpu_model());
  benchmark::AddCustomContext("threads", std::to_string(thread_count()));
  benchmark::AddCustomContext("simd", simd_target());
  benchmark::AddCustomContext("multiply", multiply_library_core());
  benchmark::AddCustomContext("peak_GFLOP_per_s",
                              fmt::format("{:.1f}", peak_flops_per_second() / 1e9));
  const int threads = thread_count();
  set_thread_count(1);
  benchmark::AddCustomContext(
      "one_core_GFLOP_per_s",
      fmt::format("{:.1f}", probe_multiply_flops_per_second(2048, 5) / 1e9));
  set_thread_count(threads);
  register_kernels();
  register_steps();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
