// How a sweep is run. None of this can change a recorded number, so none of it enters a run's id.
#pragma once
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "experiments/runner/run_status.h"

namespace lengthwise {

/// Part `index` (from 1) of `count`; 1 of 1 is the whole sweep.
struct Shard {
  int index = 1, count = 1;
};

struct RunnerOptions {
  int64_t memory_limit_bytes = 0;  // of a run, in the ledger; 0: a safe share of what is free
  double time_limit_seconds = 0;   // of a run; 0: none
  double checkpoint_seconds = 60;  // between two checkpoints of a training
  int jobs = 1;                    // runs at a time, on cores of their own
  bool fail_fast = false;          // stop at the first crash
  std::set<RunStatus> retry;       // run these again
  Shard shard;
  bool shard_was_given = false;  // on the command line or by Slurm
};

struct RunnerOptionInfo {
  std::string_view name, help;
  bool is_flag;
};
std::span<const RunnerOptionInfo> runner_option_infos();

/// UserError names the option.
void set_runner_option(RunnerOptions& options, std::string_view name, std::string_view value);

/// What a run may hold: the limit given, or its job's share of nine tenths of what is free now.
int64_t run_memory_limit_bytes(const RunnerOptions& options);

/// The shard of a Slurm array task, from SLURM_ARRAY_TASK_ID, _MIN, _STEP and _COUNT, unless one
/// was given; the whole sweep where the tasks are no progression. UserError where they are no
/// numbers.
void read_slurm_shard(RunnerOptions& options);

}  // namespace lengthwise
