#include "experiments/runner/measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "base/machine.h"
#include "base/parallel.h"
#include "experiments/runner/start_weights.h"
#include "kernels/multiply.h"

namespace lengthwise {
namespace {

template <class... Arguments>
void call(const std::function<void(const Arguments&...)>& hook, const Arguments&... arguments) {
  if (hook) hook(arguments...);
}

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

// Rows of which all tokens but the last two are a prompt. Of these the first is taken without
// timing: while a text is written, a token comes after one, and finds the caches as that left them.
class Decoding {
 public:
  Decoding(const Transformer& model, const Batch& batch)
      : model_(model), batch_(batch), prompt_length_(std::max<int64_t>(0, batch.length - 2)) {
    for (int64_t b = 0; b < batch.batch; ++b) last_positions_.push_back(b);
    prompt_ = tokens(0, prompt_length_);
    for (int64_t at = prompt_length_; at < batch.length; ++at) after_.push_back(tokens(at, 1));
  }
  int64_t state_bytes() const { return state_.bytes(); }
  void take_prompt() {
    state_ = {};
    state_ = model_.begin_decode(batch_.batch, batch_.length, source_of(batch_));
    if (prompt_length_ > 0) model_.extend(state_, prompt_, prompt_length_, {});
  }
  void take_tokens_before_the_last() {
    for (size_t i = 0; i + 1 < after_.size(); ++i) take(after_[i]);
  }
  void take_last_token() { take(after_.back()); }

 private:
  // [B,count] from this position on.
  std::vector<int32_t> tokens(int64_t first, int64_t count) const {
    std::vector<int32_t> some;
    for (int64_t b = 0; b < batch_.batch; ++b) {
      const auto row = batch_.tokens.begin() + b * batch_.length + first;
      some.insert(some.end(), row, row + count);
    }
    return some;
  }
  void take(const std::vector<int32_t>& token) { model_.extend(state_, token, 1, last_positions_); }

  const Transformer& model_;
  const Batch& batch_;
  int64_t prompt_length_;
  std::vector<int32_t> prompt_;              // [B,prompt_length_]
  std::vector<std::vector<int32_t>> after_;  // [B] each: the tokens after it
  std::vector<int64_t> last_positions_;
  ModelState state_;
};

}  // namespace

void measure_cost(Transformer& model, const Task& task, const RunConfig& config,
                  const RunHooks& hooks, RunCost& cost) {
  MemoryLedger& ledger = MemoryLedger::instance();
  const auto seed = static_cast<uint64_t>(config.run.seed);
  const Batch batch = task.measured_batch(seed, config.run.batch, config.run.length);
  const bool all = config.run.measure == "all";
  // At a learning rate of 0 a step costs what it costs and changes nothing.
  std::optional<AdamW> optimizer;
  if (all) optimizer.emplace(model.parameters(), AdamWOptions{});
  const auto forward = [&] { batch_loss(model, batch, ForwardPass{}); };
  const auto step = [&](const std::function<void()>& between) {
    forward_backward(
        model, batch,
        {.training = true, .seed = seed, .checkpoint_layers = config.train.checkpoint == "layer"},
        between);
    const double norm = gradient_norm(model.parameters());
    optimizer->step(0.0, norm > 1 ? 1 / norm : 1.0);
    model.clear_gradients();
  };
  // Once without timing: memory enters the pool, caches and branch predictors warm up.
  if (all) {
    ledger.reset_peaks();
    forward();
    cost.inference_peak_bytes = ledger.use().peak_bytes;
    call(hooks.between);
    ledger.reset_peaks();
    step([&] { cost.kept = ledger.use(); });
    cost.step = ledger.use();
    call(hooks.between);
  }
  std::optional<Decoding> decoding;
  if (model.decodes()) {
    decoding.emplace(model, batch);
    decoding->take_prompt();
    cost.state_bytes = decoding->state_bytes();
    decoding->take_last_token();
  }
  // Kinds alternate, so that the machine's drift is shared.
  for (int64_t repeat = 0; repeat < config.run.repeats; ++repeat) {
    call(hooks.between);
    if (all) {
      time_once(forward, cost.forward);
      time_once([&] { step({}); }, cost.training_step);
    }
    if (!decoding) continue;
    time_once([&] { decoding->take_prompt(); }, cost.prefill);
    decoding->take_tokens_before_the_last();
    time_once([&] { decoding->take_last_token(); }, cost.decode_step);
  }
  cost.peak_resident_bytes = peak_resident_bytes();
}

namespace {

// Cost, what others did to the cores meanwhile, and the rate of a product that is always the same.
void measure(Transformer& model, const Task& task, const RunConfig& config, const RunHooks& hooks,
             RunCost& cost) {
  constexpr int64_t kProbeSize = 512;
  constexpr int kProbeRepeats = 2;  // the first also brings the memory in
  const CoreSeconds before = core_seconds();
  const auto start = std::chrono::steady_clock::now();
  measure_cost(model, task, config, hooks, cost);
  MemoryLedger::instance().release_pool();
  cost.probe_flops_per_second = probe_multiply_flops_per_second(kProbeSize, kProbeRepeats);
  cost.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const CoreSeconds after = core_seconds();
  cost.other_cores =
      std::max(0.0, (after.all - before.all) - (after.own - before.own)) / cost.seconds;
}

// What was reached counts, however the training ends.
class KeepTraining {
 public:
  KeepTraining(const Training& training, TrainResult& result)
      : training_(training), result_(result) {}
  ~KeepTraining() { result_ = training_.result(); }
  KeepTraining(const KeepTraining&) = delete;
  KeepTraining& operator=(const KeepTraining&) = delete;

 private:
  const Training& training_;
  TrainResult& result_;
};

void train_model(Transformer& model, const Task& task, const RunConfig& config,
                 const RunHooks& hooks, RunResult& result) {
  const auto report = [&](const CurvePoint& point) {
    call(
        hooks.progress,
        fmt::format("step {}/{} loss {:.3f}{}", point.step, config.train.steps, point.training_loss,
                    std::isnan(point.validation_accuracy)
                        ? ""
                        : fmt::format(" accuracy {:.4f}", point.validation_accuracy)));
  };
  Training training(model, task,
                    {.options = config.train,
                     .length = config.run.length,
                     .seed = static_cast<uint64_t>(config.run.seed),
                     .evaluation_examples = config.run.eval_examples,
                     .progress = report});
  const KeepTraining keep(training, result.training);
  if (hooks.training_begins) hooks.training_begins(training);
  while (!training.done()) {
    training.step();
    if (hooks.step_done) hooks.step_done(training);
  }
}

void score_model(const Transformer& model, const Task& task, const RunConfig& config,
                 const RunHooks& hooks, RunResult& result) {
  std::vector<int64_t> lengths = config.run.eval_lengths;
  if (lengths.empty()) lengths = {config.run.length};
  for (const int64_t length : lengths) {
    call(hooks.between);
    call(hooks.progress, fmt::format("scoring at length {}", length));
    MemoryLedger::instance().release_pool();
    result.scores.push_back(evaluate(model, task, static_cast<uint64_t>(config.run.seed), length,
                                     config.run.eval_examples));
    add_ceilings(model, task, result.scores.back());
    if (!config.run.eval_attention) continue;
    call(hooks.progress, fmt::format("looking at attention at length {}", length));
    result.attention.push_back(
        attention_at(model, task, static_cast<uint64_t>(config.run.seed), length,
                     task.evaluation_examples(length, config.run.eval_examples)));
  }
}

}  // namespace

void execute_run(const RunConfig& config, const RunHooks& hooks, bool measures, RunResult& result) {
  result.start_time = utc_time();
  set_thread_count(static_cast<int>(config.run.threads));
  result.threads = thread_count();
  const std::unique_ptr<Task> task = config.make_task();
  result.vocabulary = task->vocabulary();
  result.chance = task->chance(config.run.length);
  const ModelSetup setup = config.model_setup(task->vocabulary());
  result.parameters = Transformer(setup, ParameterSet::counting()).parameter_count();
  Transformer model(setup, ParameterSet(static_cast<uint64_t>(config.run.seed)));
  start_from_weights(config, model);
  if (measures) {
    call(hooks.progress, std::string("measuring"));
    measure(model, *task, config, hooks, result.cost);
    call(hooks.cost_is_known);
  }
  if (config.trains) train_model(model, *task, config, hooks, result);
  if (config.scores()) {
    if (!result.training.diverged) score_model(model, *task, config, hooks, result);
    result.baselines = task->baselines();
  }
  result.end_time = utc_time();
}

}  // namespace lengthwise
