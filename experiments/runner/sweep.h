// Runs what is missing of a sweep, each run in a process of its own, and merges the rows.
#pragma once
#include <string>
#include <vector>

#include "experiments/runner/sweep_config.h"

namespace lengthwise {

/// `lengthwise run`: the exit code (0: everything ran, 1: a run crashed). Progress on stderr.
/// UserError before anything runs.
int run_sweep(const SweepConfig& config);

/// `lengthwise worker`: executes the one run that the arguments name and writes its file.
/// Progress as lines on stdout.
int run_worker(const std::vector<std::string>& arguments);

}  // namespace lengthwise
