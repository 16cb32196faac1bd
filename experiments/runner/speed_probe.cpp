#include "experiments/runner/speed_probe.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "base/parallel.h"
#include "experiments/runner/child_process.h"
#include "experiments/runner/match.h"
#include "experiments/runner/measure.h"

namespace lengthwise {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kRepeats = 2;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// What runs have in common that differ in sizes of the batch, seed and training alone.
std::string model_of(const RunConfig& config) {
  std::string model;
  for (const auto& [key, value] : config.resolved) {
    const bool of_model = key.starts_with("model.") || key.starts_with("attention") ||
                          key.starts_with("position") || key.starts_with("task") ||
                          key.starts_with("decoder.") || key.starts_with("cross.") ||
                          key == "threads" || key == "train.checkpoint";
    if (of_model) model += key + "=" + value + "\n";
  }
  return model;
}

// The fastest repeat: what slowed the others down was not the work.
std::array<double, kScopes> fastest(const Timing& timing) {
  const auto least = std::min_element(timing.seconds.begin(), timing.seconds.end());
  return timing.scope_seconds.at(static_cast<size_t>(least - timing.seconds.begin()));
}

double tokens(const WorkItem& item) {
  return static_cast<double>(item.batch) * static_cast<double>(item.length);
}

}  // namespace

void SpeedProbe::add(const RunConfig& config, const PredictedRun& run) {
  for (const WorkItem& item : run.work) {
    // A step's piece times forward passes too.
    const bool is_step = item.kind == WorkKind::training_step;
    if (!is_step && config.run.measure == "all") continue;
    Piece piece{config, item.flops() * static_cast<double>(1 + kRepeats) * 4 / 3};
    piece.config.run.batch = item.batch;
    piece.config.run.length = item.length;
    piece.config.run.repeats = kRepeats;
    piece.config.run.measure = is_step ? "all" : "decoding";
    piece.config.trains = false;
    pieces_.try_emplace({model_of(config), item.batch, item.length, item.kind}, piece);
  }
}

void SpeedProbe::measure(double seconds) {
  const auto start = Clock::now();
  run_child({"help"}, [](const std::string&) {});
  start_seconds_ = seconds_since(start);
  std::vector<std::pair<std::string, const Piece*>> order;
  for (const auto& [key, piece] : pieces_) order.emplace_back(std::get<0>(key), &piece);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second->flops < b.second->flops; });
  double flops = 0;
  for (const auto& [model, piece] : order) {
    const double so_far = seconds_since(start);
    // It would take longer than there is, at the pace up to now; one of each model is tried.
    const bool is_step = piece->config.run.measure == "all";
    const bool is_first =
        !samples_.contains({model, is_step ? WorkKind::training_step : WorkKind::forward});
    const bool too_long = flops > 0 && so_far * (1 + piece->flops / flops) > seconds;
    if (too_long && !is_first) continue;
    try_piece(model, *piece);
    flops += piece->flops;
  }
  MemoryLedger::instance().release_pool();
}

void SpeedProbe::try_piece(const std::string& model, const Piece& piece) {
  const Task& task = tasks_.get(piece.config);
  const RunConfig config = matched(piece.config, task);
  set_thread_count(static_cast<int>(config.run.threads));
  Transformer transformer(config.model_setup(task.vocabulary()),
                          ParameterSet(static_cast<uint64_t>(config.run.seed)));
  RunCost cost;
  measure_cost(transformer, task, config, {}, cost);
  for (const WorkItem& item : predictor_.predict(config, thread_count()).work) {
    if (item.batch != config.run.batch || item.length != config.run.length) continue;
    const Timing& forward = cost.forward.seconds.empty() ? cost.prefill : cost.forward;
    const Timing& timing = item.kind == WorkKind::forward ? forward : cost.training_step;
    auto& samples = samples_[{model, item.kind}];
    const bool is_known = !samples.empty() && samples.back().item.batch == item.batch &&
                          samples.back().item.length == item.length;
    if (!is_known) samples.push_back({item, fastest(timing)});
  }
}

double SpeedProbe::item_seconds(const std::string& model, const WorkItem& item) const {
  const auto found = samples_.find({model, item.kind});
  if (found == samples_.end()) return std::numeric_limits<double>::quiet_NaN();
  // The largest that is no larger: rates change with size, and most at small ones.
  const Sample* nearest = &found->second.front();
  for (const Sample& sample : found->second) {
    if (sample.item.flops() <= item.flops() * 1.001) nearest = &sample;
    if (sample.item.batch == item.batch && sample.item.length == item.length) {
      nearest = &sample;
      break;
    }
  }
  double seconds = 0;
  for (size_t scope = 0; scope < kScopes; ++scope) {
    const auto known = static_cast<double>(nearest->item.cost.flops[scope]);
    const double ratio = known > 0 ? static_cast<double>(item.cost.flops[scope]) / known
                                   : tokens(item) / tokens(nearest->item);
    seconds += nearest->scope_seconds[scope] * ratio;
  }
  return seconds;
}

double SpeedProbe::seconds(const RunConfig& config, const PredictedRun& run) const {
  const std::string model = model_of(config);
  double seconds = start_seconds_;
  for (const WorkItem& item : run.work) {
    seconds += item_seconds(model, item) * static_cast<double>(item.times);
  }
  return run.is_known ? seconds : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace lengthwise
