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

std::vector<double> layer_gradient_norms(const Transformer& model, int64_t layers) {
  std::vector<double> norms;
  for (int64_t layer = 0; layer < layers; ++layer) {
    std::vector<Parameter> of_layer;
    for (const Parameter& parameter : model.parameters()) {
      if (parameter.name.starts_with(fmt::format("layers.{}.", layer))) {
        of_layer.push_back(parameter);
      }
    }
    norms.push_back(gradient_norm(of_layer));
  }
  return norms;
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
  const auto backward = [&](const std::function<void()>& between) {
    forward_backward(
        model, batch,
        {.training = true, .seed = seed, .checkpoint_layers = config.train.checkpoint == "layer"},
        between);
  };
  const auto update = [&] {
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
    backward([&] { cost.kept = ledger.use(); });
    cost.gradient_norms = layer_gradient_norms(model, config.model.layers);
    update();
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
      time_once(
          [&] {
            backward({});
            update();
          },
          cost.training_step);
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

std::function<void(const CurvePoint&)> reporter(const RunHooks& hooks, const std::string& what,
                                                int64_t steps) {
  return [&hooks, what, steps](const CurvePoint& point) {
    call(hooks.progress,
         fmt::format("{} {}/{} loss {:.3f}{}", what, point.step, steps, point.training_loss,
                     std::isnan(point.validation_accuracy)
                         ? ""
                         : fmt::format(" accuracy {:.4f}", point.validation_accuracy)));
  };
}

void train_model(Transformer& model, const Task& task, const RunConfig& config,
                 const RunHooks& hooks, RunResult& result) {
  TrainRequest request;
  request.options = config.train;
  request.length = config.run.length;
  request.seed = static_cast<uint64_t>(config.run.seed);
  request.evaluation_examples = config.run.eval_examples;
  request.progress = reporter(hooks, "step", config.train.steps);
  Training training(model, task, request);
  const KeepTraining keep(training, result.training);
  if (hooks.training_begins) hooks.training_begins(training);
  while (!training.done()) {
    training.step();
    if (hooks.step_done) hooks.step_done(training);
  }
  if (config.run.eval_weights == "best" && hooks.restore_best) hooks.restore_best(model);
}

// From its own beginning: a call that was stopped begins it anew.
void tune_model(Transformer& model, const Task& task, const RunConfig& config,
                const RunHooks& hooks, RunResult& result) {
  TrainRequest request;
  request.options = config.tune.after(config.train);
  request.length = config.tune_length();
  request.seed = static_cast<uint64_t>(config.run.seed);
  request.trains = config.tune.part;
  request.first_step = config.train.steps;
  request.progress = reporter(hooks, "tuning step", config.tune.steps);
  Training tuning(model, task, request);
  result.tuned_parameters = tuning.trained_count();
  const KeepTraining keep(tuning, result.tuning);
  while (!tuning.done()) {
    tuning.step();
    call(hooks.between);
  }
}

std::vector<int64_t> scored_lengths(const RunConfig& config) {
  return config.run.eval_lengths.empty() ? std::vector{config.run.length} : config.run.eval_lengths;
}

LengthScore score_at(const Transformer& model, const Task& task, const RunConfig& config,
                     const RunHooks& hooks, int64_t length) {
  call(hooks.between);
  call(hooks.progress, fmt::format("scoring at length {}", length));
  MemoryLedger::instance().release_pool();
  LengthScore score = evaluate(model, task, static_cast<uint64_t>(config.run.seed), length,
                               config.run.eval_examples);
  add_ceilings(model, task, score);
  return score;
}

void look_into(const Transformer& model, const Task& task, const RunConfig& config,
               const RunHooks& hooks, int64_t length, RunResult& result) {
  const auto seed = static_cast<uint64_t>(config.run.seed);
  if (config.run.eval_attention) {
    call(hooks.progress, fmt::format("looking at attention at length {}", length));
    result.attention.push_back(attention_at(
        model, task, seed, length, task.evaluation_examples(length, config.run.eval_examples)));
  }
  if (config.run.eval_evidence) {
    call(hooks.progress, fmt::format("cutting edges to the evidence at length {}", length));
    result.evidence.push_back(evidence_at(model, task, seed, length));
  }
  if (config.run.eval_removal) {
    call(hooks.progress, fmt::format("removing keys at length {}", length));
    result.removal.push_back(removal_at(model, task, seed, length));
  }
}

// Tunes, if asked to, between two scorings.
void score_model(Transformer& model, const Task& task, const RunConfig& config,
                 const RunHooks& hooks, RunResult& result) {
  const std::vector<int64_t> lengths = scored_lengths(config);
  if (config.tunes()) {
    for (const int64_t length : lengths) {
      result.untuned_scores.push_back(score_at(model, task, config, hooks, length));
    }
    tune_model(model, task, config, hooks, result);
    if (result.tuning.diverged) return;
    if (hooks.tuning_ends) hooks.tuning_ends(model);
  }
  for (const int64_t length : lengths) {
    result.scores.push_back(score_at(model, task, config, hooks, length));
    look_into(model, task, config, hooks, length, result);
  }
  if (config.run.eval_geometry) {
    result.geometry = weight_maps(model.parameters(), config.model.heads);
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
  // Last, since a table of positions grows with the longest that was asked for.
  if (config.run.measure_positions && !result.training.diverged) {
    call(hooks.progress, std::string("comparing positions"));
    result.positions = position_record(config, model);
  }
  result.end_time = utc_time();
}

}  // namespace lengthwise
