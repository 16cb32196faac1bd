// Executes one run in this process and writes down what it cost and what it learned.
#pragma once
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/counters.h"
#include "base/memory.h"
#include "experiments/runner/attention_columns.h"
#include "experiments/runner/edge_columns.h"
#include "experiments/runner/geometry_columns.h"
#include "experiments/runner/run_config.h"
#include "train/training.h"

namespace lengthwise {

/// Raw repeats of one measured quantity, and the work it did (the same every time).
struct Timing {
  std::vector<double> seconds;
  std::vector<std::array<double, kScopes>> scope_seconds;
  Counts work;
};

struct RunCost {
  Timing forward;        // inference mode, loss included
  Timing training_step;  // forward, backward, clipping, AdamW
  Timing prefill;        // taking all but the last two of `length` tokens; empty: does not decode
  Timing decode_step;    // the last of them, after the others
  int64_t state_bytes = 0;        // what decoding remembers of rows of `length` tokens
  std::optional<MemoryUse> kept;  // live between the forward and the backward of a training step
  std::optional<MemoryUse> step;  // peaks of a training step
  std::vector<double> gradient_norms;  // of each layer that gives the logits, before clipping
  int64_t inference_peak_bytes = 0;
  int64_t peak_resident_bytes = 0;
  double probe_flops_per_second = 0;  // of a square matrix product, timed beside
  double other_cores = 0;  // kept busy by others meanwhile, of those that this run may use
  double seconds = 0;      // that all this took
};

/// What there is so far where the run could not end.
struct RunResult {
  int64_t parameters = 0, vocabulary = 0, threads = 0;
  RunCost cost;
  TrainResult training;  // empty where the run does not train
  std::vector<LengthScore> scores;
  /// What the second training changed, and the scores before it.
  TrainResult tuning;
  int64_t tuned_parameters = 0;
  std::vector<LengthScore> untuned_scores;
  std::vector<AttentionAtLength> attention;  // with eval.attention
  std::vector<EvidenceAtLength> evidence;    // with eval.evidence
  std::vector<RemovalAtLength> removal;      // with eval.removal
  std::vector<WeightMap> geometry;           // with eval.geometry
  std::optional<PositionRecord> positions;   // with measure_positions
  std::vector<NgramBaseline> baselines;
  double chance = std::numeric_limits<double>::quiet_NaN();
  std::string start_time, end_time;
  double seconds = 0;  // of the process that ended the run, from its start
};

/// What whoever executes a run wants to know and to do on the way. Every one may be empty; each may
/// throw, which ends the run there.
struct RunHooks {
  std::function<void(const std::string&)> progress;  // what the run is doing, in a few words
  std::function<void()> between;                     // two pieces of work that take a while
  std::function<void()> cost_is_known;
  std::function<void(Training&)> training_begins;
  std::function<void(const Training&)> step_done;
  std::function<void(Transformer&)> restore_best;  // weights of the lowest validation loss
  std::function<void(const Transformer&)> tuning_ends;
};

/// Times a forward pass, a training step, the taking of a prompt and a decoding step by turns,
/// `run.repeats` times after once without timing; with `measure = decoding` the last two alone.
void measure_cost(Transformer& model, const Task& task, const RunConfig& config,
                  const RunHooks& hooks, RunCost& cost);

/// Measures, trains and scores, and writes into `result` as it goes.
void execute_run(const RunConfig& config, const RunHooks& hooks, bool measures, RunResult& result);

}  // namespace lengthwise
