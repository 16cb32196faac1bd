// What variants that are made of the operation dense_attention share: its cost, and its decoding
// from a cache of keys and values.
#pragma once
#include "nn/attention.h"

namespace lengthwise {

AttentionCost dense_attention_cost(const AttentionSizes& sizes, bool softmax);

/// Keys and values [B,max_tokens,G,D].
DecodeState begin_dense_decode(const AttentionSizes& sizes, int64_t batch, int64_t max_tokens);
Var extend_dense(DecodeState& state, const AttentionInput& in, DenseAttentionRule rule);
/// The same cache for what is made of tiled_attention. A few new tokens, whose weights are O(S), go
/// the dense way: a panel of queries would be all but empty.
Var extend_tiled(DecodeState& state, const AttentionInput& in, TiledAttentionRule rule);
inline constexpr int64_t kFewQueries = 8;
/// tiled_attention where every key is seen, or hidden by the mask alone, the dense way.
Var few_queries_attention(const Var& q, const Var& k, const Var& v, const TiledAttentionRule& rule);

}  // namespace lengthwise
