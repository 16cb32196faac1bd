// Which models nobody beats at their price.
#pragma once
#include "experiments/analysis/comparison.h"

namespace lengthwise {

/// One point for each chosen line that was scored.
std::vector<ParetoPoint> pareto_points(const Comparison& comparison);

}  // namespace lengthwise
