// What a sweep will take, before it is run: FLOPs and bytes from sizes, seconds from how fast this
// machine is found to be in a few seconds of trying.
#pragma once
#include "experiments/runner/sweep_config.h"

namespace lengthwise {

/// `lengthwise plan`: prints every run with what it will take and how it stands; the exit code.
/// Nothing is written.
int print_plan(const SweepConfig& config);

}  // namespace lengthwise
