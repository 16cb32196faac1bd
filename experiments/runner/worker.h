// One run in a process of its own: measures, trains, saves checkpoints, and writes the record.
#pragma once
#include <string>
#include <vector>

namespace lengthwise {

/// How a worker ends beside 0, which means that the record is written.
inline constexpr int kExitInterrupted = 75;  // what was reached is in a checkpoint, if it trains
inline constexpr int kExitCannotWrite = 74;

/// `lengthwise worker ORDER`: progress as lines on stdout.
int run_worker(const std::vector<std::string>& arguments);

}  // namespace lengthwise
