// A sweep as a Slurm array: one task a shard, and a job that merges when all have ended.
#pragma once
#include <string>
#include <vector>

#include "experiments/runner/sweep_config.h"

namespace lengthwise {

/// `lengthwise slurm`: writes array.sbatch, merge.sbatch and submit.sh into `<results>/slurm/`.
/// They run this very program, in the current folder, with the sweep's arguments. The exit code.
int write_slurm_scripts(const SweepConfig& config, int tasks);

}  // namespace lengthwise
