// Fair comparison: the size that makes a variant's model agree with a reference in a budget.
#pragma once
#include "experiments/runner/run_config.h"

namespace lengthwise {

/// Where `match` asks for it, the config with one size adjusted so that its model comes as near as
/// whole numbers allow to `match.reference`'s (with default options and the sizes as configured) in
/// parameters, FLOPs of a training step or bytes that decoding remembers. Adjusted is the option
/// that a part of the pattern marks as its size, where the budget follows it, or else model.width,
/// in steps that keep heads even. Says in `match` what was adjusted and how near it came; text()
/// then tells the sizes that are meant. UserError where the variant does not predict the budget.
RunConfig matched(RunConfig config, const Task& task);
/// The same where the task is not at hand: it is made if there is anything to match.
RunConfig matched(RunConfig config);

}  // namespace lengthwise
