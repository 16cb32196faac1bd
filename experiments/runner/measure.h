// Executes one run in this process and writes down what it cost and what it learned.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "base/counters.h"
#include "base/memory.h"
#include "experiments/runner/run_config.h"

namespace lengthwise {

/// Raw repeats of one measured quantity, and the work it did (the same every time).
struct Timing {
  std::vector<double> seconds;
  std::vector<std::array<double, kScopes>> scope_seconds;
  Counts work;
};

struct RunCost {
  Timing forward;           // inference mode, loss included
  Timing training_step;     // forward, backward, clipping, AdamW
  Timing decode_step;       // the last of `length` tokens, after the others; empty: does not decode
  int64_t state_bytes = 0;  // what decoding remembers of rows of `length` tokens
  MemoryUse kept;           // live between the forward and the backward of a training step
  MemoryUse step;           // peaks of a training step
  int64_t inference_peak_bytes = 0;
  int64_t peak_resident_bytes = 0;
  double probe_flops_per_second = 0;  // of a square matrix product, timed beside
};

struct RunResult {
  int64_t parameters = 0, vocabulary = 0, threads = 0;
  RunCost cost;
  TrainResult training;  // empty where the run does not train
  std::vector<LengthScore> scores;
  std::vector<NgramBaseline> baselines;
  double chance = 0;
  bool bytes = false;
  std::string start_time, end_time;
};

/// Called now and then with what the run is doing, in a few words.
using Progress = std::function<void(const std::string&)>;

RunResult execute_run(const RunConfig& config, const Progress& progress);

}  // namespace lengthwise
