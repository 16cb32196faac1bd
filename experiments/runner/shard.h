#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "experiments/runner/grid.h"

namespace lengthwise {

/// What a run will cost: predicted from sizes, and what starting a process amounts to.
struct RunWeight {
  double flops = 0;
  bool trains = false;
};

/// Of each run of the grid; the same on every machine.
std::vector<RunWeight> run_weights(const Grid& grid);

/// Places among runs of these weights of one of `count` parts that will cost about the same, by
/// FLOPs: the same parts on every machine. In the order of the grid.
std::vector<size_t> runs_of_shard(std::span<const RunWeight> weights, const Shard& shard);

}  // namespace lengthwise
