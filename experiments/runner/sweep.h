// Runs what is missing of a sweep, each run in a process of its own, and merges the rows. Any
// number of runners may share a results folder: they divide the work.
#pragma once
#include "experiments/runner/sweep_config.h"

namespace lengthwise {

/// `lengthwise run`: the exit code. 0: everything ran, whatever the result; 1: a run crashed; 75:
/// stopped by a signal, and the next call goes on from there. Progress on stderr. UserError before
/// anything runs, and where the results cannot be written.
int run_sweep(const SweepConfig& config);

}  // namespace lengthwise
