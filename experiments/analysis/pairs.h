// Crossovers of every pair of variants that may be compared, with the sentence that says each.
#pragma once
#include "experiments/analysis/comparison.h"

namespace lengthwise {

/// Of each quantity and each pair of groups of one batching, that differ in the attention (or the
/// scheme) alone: against `flash` first, then `full`, then the others.
std::vector<PairCrossover> pair_crossovers(const std::vector<Group>& groups);

/// How each variant scales, and where it overtakes `flash`, then `full`; most important first.
std::vector<std::string> summary_sentences(const Comparison& comparison);

}  // namespace lengthwise
