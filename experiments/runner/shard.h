#pragma once
#include <cstddef>
#include <vector>

#include "experiments/runner/grid.h"

namespace lengthwise {

/// What each run of the grid will cost, in FLOPs: predicted from sizes, and what starting a process
/// amounts to. The same on every machine.
std::vector<double> run_weights(const Grid& grid);

/// Places in the grid's runs of one of `count` parts that will cost about the same, by FLOPs: the
/// same parts on every machine. In the order of the grid.
std::vector<size_t> runs_of_shard(const Grid& grid, const Shard& shard);

}  // namespace lengthwise
