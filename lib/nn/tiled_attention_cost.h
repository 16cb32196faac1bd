// What variants that are made of the operation tiled_attention share: its cost.
#pragma once
#include "nn/attention.h"

namespace lengthwise {

/// window 0: every key. Decoding from a cache of all keys and values, as extend_tiled does.
AttentionCost tiled_attention_cost(const AttentionSizes& sizes, int64_t window);

/// Of T queries that stand at the last of S positions, as in decoding.
AttentionCost::Pass tiled_extend_cost(const AttentionSizes& sizes, int64_t window);

}  // namespace lengthwise
