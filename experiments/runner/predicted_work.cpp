#include "experiments/runner/predicted_work.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiments/runner/attention_columns.h"
#include "experiments/runner/edge_columns.h"
#include "experiments/runner/match.h"

namespace lengthwise {
namespace {

void add(PassCost& sum, const PassCost& part) {
  for (size_t scope = 0; scope < kScopes; ++scope) {
    sum.flops[scope] += part.flops[scope];
    sum.exponentials[scope] += part.exponentials[scope];
  }
}

WorkItem forward_item(const ModelCost& cost, int64_t batch, int64_t length, int64_t times) {
  return {WorkKind::forward, batch, length, times, cost.forward, cost.inference_peak_bytes};
}

WorkItem step_item(const ModelCost& cost, int64_t batch, int64_t length, int64_t times) {
  WorkItem item{WorkKind::training_step, batch, length, times, cost.forward, cost.peak_bytes};
  add(item.cost, cost.backward);
  return item;
}

}  // namespace

double WorkItem::flops() const {
  return std::accumulate(cost.flops.begin(), cost.flops.end(), 0.0);
}

double PredictedRun::flops() const {
  double sum = 0;
  for (const WorkItem& item : work) sum += item.flops() * static_cast<double>(item.times);
  return sum;
}

int64_t PredictedRun::peak_bytes() const {
  int64_t peak = 0;
  for (const WorkItem& item : work) peak = std::max(peak, item.peak_bytes);
  return peak;
}

WorkPredictor::Labels WorkPredictor::labels(const Task& task, WorkKind kind, int64_t batch,
                                            int64_t length) {
  const auto [entry, is_new] = labels_.try_emplace({&task, kind, batch, length});
  if (is_new) {
    const Batch made = kind == WorkKind::forward ? task.evaluation_batch(0, length, 0, batch)
                                                 : task.measured_batch(0, batch, length);
    entry->second.count = std::ssize(made.labelled);
    entry->second.scoring_bytes = ledger_bytes(4 * std::ssize(made.parts)) +
                                  ledger_bytes(8 * std::ssize(made.evidence)) +
                                  ledger_bytes(8 * std::ssize(made.distractors));
  }
  return entry->second;
}

const std::vector<BatchShape>& WorkPredictor::shapes(const Task& task, int64_t batch,
                                                     int64_t length) {
  const auto [entry, is_new] = shapes_.try_emplace({&task, batch, length});
  if (is_new) entry->second = task.training_shapes(batch, length);
  return entry->second;
}

PredictedRun WorkPredictor::predict(const RunConfig& asked, int threads) {
  PredictedRun run;
  if (!predicts_cost(asked)) {
    run.is_known = false;
    return run;
  }
  const Task& task = tasks_.get(asked);
  const RunConfig config = matched(asked, task);
  const ModelSetup setup = config.model_setup(task.vocabulary());
  const int64_t held = tasks_.held_bytes(config);
  const auto cost_of = [&](int64_t rows, int64_t tokens, int64_t labelled) {
    ModelCost cost = model_cost(setup, config.batch_sizes(rows, tokens, labelled), threads);
    cost.peak_bytes += held;
    cost.inference_peak_bytes += held;
    return cost;
  };
  const auto add_scoring = [&](int64_t length, int64_t times) {
    const int64_t examples = task.evaluation_examples(length, config.run.eval_examples);
    const int64_t at_once = std::min(examples, std::max<int64_t>(1, kTokensScoredAtOnce / length));
    const int64_t batches = (examples + at_once - 1) / at_once;
    const auto [labelled, beside] = labels(task, WorkKind::forward, at_once, length);
    run.work.push_back(
        forward_item(cost_of(at_once, length, labelled), at_once, length, times * batches));
    run.work.back().peak_bytes += beside;
  };
  // Forward passes over `rows`, and calls of every layer's attention to find its weights.
  const auto add_looking = [&](int64_t scored, int64_t rows, int64_t passes, int64_t probings) {
    const ModelCost cost =
        cost_of(rows, scored, labels(task, WorkKind::forward, rows, scored).count);
    run.work.push_back(forward_item(cost, rows, scored, passes));
    const int64_t calls = scored / (config.model.width / config.model.heads) + 2;
    WorkItem probing = forward_item(cost, rows, scored, probings * calls);
    constexpr auto kAttention = static_cast<size_t>(Scope::attention);
    for (size_t scope = 0; scope < kScopes; ++scope) {
      if (scope != kAttention) probing.cost.flops[scope] = probing.cost.exponentials[scope] = 0;
    }
    run.work.push_back(probing);
  };
  const auto add_looking_into = [&](int64_t scored) {
    const int64_t heads = config.model.layers * config.model.heads;
    if (config.run.eval_attention) {
      add_looking(scored, 1, kAttentionExamples, kAttentionExamples);
    }
    if (config.run.eval_evidence) {
      const int64_t rows = evidence_rows_at_once(scored);
      const int64_t batches = 2 * ((kEvidenceExamples + rows - 1) / rows);
      add_looking(scored, rows, batches * (3 + 2 * heads), batches * 2);
    }
    if (config.run.eval_removal) add_looking(scored, kRemovalExamples, 2 + scored * heads, 1);
  };
  const auto& [batch, length, times] =
      std::tuple(config.run.batch, config.run.length, config.run.repeats + 1);
  const ModelCost measured =
      cost_of(batch, length, labels(task, WorkKind::training_step, batch, length).count);
  if (config.run.measure == "all") {
    run.step_peak_bytes = measured.peak_bytes;
    run.work.push_back(forward_item(measured, batch, length, times));
    run.work.push_back(step_item(measured, batch, length, times));
  }
  if (measured.state_bytes > 0) {
    // Taking the tokens before the last costs about a forward pass.
    run.work.push_back(forward_item(measured, batch, length, times));
    run.work.back().peak_bytes += measured.state_bytes;
  }
  if (config.trains) {
    for (const BatchShape& shape : shapes(task, config.train.batch, length)) {
      const auto steps = static_cast<double>(config.train.steps) * shape.share;
      run.work.push_back(step_item(cost_of(config.train.batch, shape.length, shape.labelled),
                                   config.train.batch, shape.length, std::llround(steps)));
    }
    if (config.train.evaluate_every > 0) {
      add_scoring(length, (config.train.steps + config.train.evaluate_every - 1) /
                              config.train.evaluate_every);
    }
  }
  if (config.tunes()) {
    const int64_t rows = config.tune.after(config.train).batch;
    for (const BatchShape& shape : shapes(task, rows, config.tune_length())) {
      const auto steps = static_cast<double>(config.tune.steps) * shape.share;
      run.work.push_back(step_item(cost_of(rows, shape.length, shape.labelled), rows, shape.length,
                                   std::llround(steps)));
    }
  }
  if (!config.scores()) return run;
  const int64_t scorings = config.tunes() ? 2 : 1;
  const std::vector<int64_t> lengths =
      config.run.eval_lengths.empty() ? std::vector{length} : config.run.eval_lengths;
  for (const int64_t scored : lengths) {
    add_scoring(scored, scorings);
    add_looking_into(scored);
  }
  return run;
}

}  // namespace lengthwise
