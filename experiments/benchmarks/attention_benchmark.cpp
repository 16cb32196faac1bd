// Matrix products, attention kernels and whole training steps over lengths, as shares of the
// machine's own rate of a 2048^3 product, measured in this process. What breaks its definition or
// its gradient is not timed.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

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
  int64_t width, heads, layers, batch, length;
};

// Useful FLOPs by the definition: attention forward 4 D and backward 8 D of each pair that is seen.
void training_step(benchmark::State& state, StepRun run) {
  ModelSetup setup;
  setup.model.width = run.width;
  setup.model.heads = run.heads;
  setup.model.layers = run.layers;
  setup.attention = "flash";
  setup.position = "rotary";
  const auto task = task_entry("uniform").make({});
  setup.vocabulary = task->vocabulary();
  Transformer model(setup, ParameterSet(1));
  AdamW optimizer(model.parameters(), {});
  const Batch batch = task->training_batch(1, 0, run.batch, run.length);
  MemoryLedger::instance().reset_peaks();
  for ([[maybe_unused]] auto _ : state) {
    forward_backward(model, batch, {true, 1, 0});
    optimizer.step(1e-3, 1 / std::max(1.0, gradient_norm(model.parameters())));
    model.clear_gradients();
  }
  const ModelCost cost = model_cost(setup, {run.batch, run.length, run.batch * run.length}, 1);
  const auto attention = static_cast<size_t>(Scope::attention);
  double flops = 0;
  for (size_t scope = 0; scope < kScopes; ++scope) {
    if (scope == attention) continue;
    flops += static_cast<double>(cost.forward.flops[scope] + cost.backward.flops[scope]);
  }
  const double pairs = 0.5 * static_cast<double>(run.length * (run.length + 1));
  flops += 12.0 * pairs * static_cast<double>(run.width * run.batch * run.layers);
  report(state, flops);
  state.counters["tokens_per_s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * run.batch * run.length),
                         benchmark::Counter::kIsRate);
}

void register_all() {
  const auto add = [](const std::string& name, auto work) {
    benchmark::RegisterBenchmark(name.c_str(), work)->UseRealTime()->Unit(benchmark::kMillisecond);
  };
  for (const Product p :
       {Product{1, 2048, 2048, 2048}, Product{1, 4096, 256, 256}, Product{16, 512, 512, 64}}) {
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
  for (const StepRun run :
       {StepRun{64, 1, 2, 32, 128}, StepRun{128, 4, 2, 8, 512}, StepRun{128, 4, 2, 2, 2048},
        StepRun{128, 4, 2, 1, 4096}, StepRun{512, 8, 4, 4, 512}}) {
    add(fmt::format("step/d{}/h{}/L{}/B{}/T{}", run.width, run.heads, run.layers, run.batch,
                    run.length),
        [run](benchmark::State& state) { training_step(state, run); });
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
  register_all();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
