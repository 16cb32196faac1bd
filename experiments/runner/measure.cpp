#include "experiments/runner/measure.h"

#include <chrono>
#include <optional>

#include "base/machine.h"
#include "base/parallel.h"
#include "kernels/multiply.h"

namespace lengthwise {
namespace {

template <class Work>
void time_once(const Work& work, Timing& timing) {
  reset_counters();
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  timing.work = read_counters();
  timing.seconds.push_back(seconds.count());
  timing.scope_seconds.push_back(timing.work.seconds);
}

// The last token of each row, decoded after the others as often as asked for.
class DecodeStep {
 public:
  DecodeStep(const Transformer& model, const Batch& batch)
      : model_(model),
        last_positions_(static_cast<size_t>(batch.batch)),
        state_(model.begin_decode(batch.batch, batch.length)) {
    const int64_t before = batch.length - 1;
    std::vector<int32_t> prompt;
    for (int64_t b = 0; b < batch.batch; ++b) {
      const auto row = batch.tokens.begin() + b * batch.length;
      prompt.insert(prompt.end(), row, row + before);
      last_tokens_.push_back(row[before]);
      last_positions_[static_cast<size_t>(b)] = b;
    }
    if (before > 0) model_.extend(state_, prompt, before, {});
    prepare();
  }
  int64_t state_bytes() const { return state_.bytes(); }
  void prepare() { next_ = state_.clone(); }
  void run() { model_.extend(next_, last_tokens_, 1, last_positions_); }

 private:
  const Transformer& model_;
  std::vector<int32_t> last_tokens_;
  std::vector<int64_t> last_positions_;
  ModelState state_, next_;
};

RunCost measure_cost(Transformer& model, const Task& task, const RunConfig& config) {
  MemoryLedger& ledger = MemoryLedger::instance();
  const auto seed = static_cast<uint64_t>(config.run.seed);
  const Batch batch = task.training_batch(seed, 0, config.run.batch, config.run.length);
  // At a learning rate of 0 a step costs what it costs and changes nothing.
  AdamW optimizer(model.parameters(), {});
  const auto forward = [&] { batch_loss(model, batch, ForwardPass{}); };
  const auto step = [&](const std::function<void()>& between) {
    forward_backward(
        model, batch,
        {.training = true, .seed = seed, .checkpoint_layers = config.train.checkpoint == "layer"},
        between);
    const double norm = gradient_norm(model.parameters());
    optimizer.step(0.0, norm > 1 ? 1 / norm : 1.0);
    model.clear_gradients();
  };
  RunCost cost;
  // Once without timing: memory enters the pool, caches and branch predictors warm up.
  ledger.reset_peaks();
  forward();
  cost.inference_peak_bytes = ledger.use().peak_bytes;
  ledger.reset_peaks();
  step([&] { cost.kept = ledger.use(); });
  cost.step = ledger.use();
  std::optional<DecodeStep> decode;
  if (model.decodes()) {
    decode.emplace(model, batch);
    cost.state_bytes = decode->state_bytes();
    decode->run();
  }
  // Kinds alternate, so that the machine's drift is shared.
  for (int64_t repeat = 0; repeat < config.run.repeats; ++repeat) {
    time_once(forward, cost.forward);
    time_once([&] { step({}); }, cost.training_step);
    if (!decode) continue;
    decode->prepare();
    time_once([&] { decode->run(); }, cost.decode_step);
  }
  cost.peak_resident_bytes = peak_resident_bytes();
  return cost;
}

}  // namespace

RunResult execute_run(const RunConfig& config, const Progress& progress) {
  constexpr int64_t kProbeSize = 1024;
  constexpr int kProbeRepeats = 3;
  RunResult result;
  result.start_time = utc_time();
  set_thread_count(static_cast<int>(config.run.threads));
  result.threads = thread_count();
  const auto seed = static_cast<uint64_t>(config.run.seed);
  const std::unique_ptr<Task> task = config.make_task();
  const ModelSetup setup = config.model_setup(task->vocabulary());
  Transformer model(setup, ParameterSet(seed));
  result.parameters = model.parameter_count();
  result.vocabulary = task->vocabulary();
  result.chance = task->chance();
  result.bytes = task_entry(config.run.task).info.bytes;

  progress("measuring");
  result.cost = measure_cost(model, *task, config);
  MemoryLedger::instance().release_pool();
  result.cost.probe_flops_per_second = probe_multiply_flops_per_second(kProbeSize, kProbeRepeats);
  if (config.trains) {
    const auto report = [&](const CurvePoint& point) {
      progress(fmt::format("step {}/{} loss {:.3f}{}", point.step, config.train.steps,
                           point.training_loss,
                           std::isnan(point.validation_accuracy)
                               ? ""
                               : fmt::format(" accuracy {:.4f}", point.validation_accuracy)));
    };
    result.training = train(model, *task,
                            {.options = config.train,
                             .length = config.run.length,
                             .seed = seed,
                             .evaluation_examples = config.run.eval_examples,
                             .progress = report});
    std::vector<int64_t> lengths = config.run.eval_lengths;
    if (lengths.empty()) lengths = {config.run.length};
    for (const int64_t length : lengths) {
      if (result.training.diverged) break;
      progress(fmt::format("scoring at length {}", length));
      MemoryLedger::instance().release_pool();
      result.scores.push_back(evaluate(model, *task, seed, length, config.run.eval_examples));
    }
    result.baselines = task->baselines();
  }
  result.end_time = utc_time();
  return result;
}

}  // namespace lengthwise
