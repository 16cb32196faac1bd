#include "nn/dense_attention.h"

#include <algorithm>

#include "nn/key_cache.h"

namespace lengthwise {
namespace {

constexpr int64_t kBlock = 64;

int64_t float_bytes(int64_t count) { return ledger_bytes(4 * count); }

// Takes the new tokens' keys and values; returns how many keys the longest row has now.
int64_t remember(DecodeState& state, const AttentionInput& in) {
  store_rows(in.k, in.mask, state[0]);
  store_rows(in.v, in.mask, state[1]);
  return most_keys(in.mask, in.q.extent(0), in.q.extent(1));
}

}  // namespace

AttentionCost dense_attention_cost(const AttentionSizes& s, bool softmax) {
  const int64_t rows = s.batch * s.heads * s.queries;
  // Multiply-adds of one product over the pairs that tiles cover, per row of the batch and head.
  int64_t tiled_pairs = 0, seen_pairs = 0, transposed_pairs = 0;
  int64_t extended_pairs = 0, extended_seen = 0;
  const int64_t before = s.keys - s.queries;  // of the first query, when decoding
  for (int64_t begin = 0; begin < s.queries; begin += kBlock) {
    const int64_t end = std::min(begin + kBlock, s.queries);
    tiled_pairs += (end - begin) * (s.causal ? std::min(end, s.keys) : s.keys);
    extended_pairs += (end - begin) * (before + end);
  }
  for (int64_t i = 0; i < s.queries; ++i) {
    seen_pairs += s.causal ? std::min(i + 1, s.keys) : s.keys;
    extended_seen += before + i + 1;
  }
  for (int64_t j = 0; j < s.keys; j += kBlock) {
    const int64_t first_query = s.causal ? std::min(j, s.queries) : 0;
    transposed_pairs += (std::min(j + kBlock, s.keys) - j) * (s.queries - first_query);
  }
  const int64_t heads = s.batch * s.heads;
  const int64_t weight_bytes = float_bytes(rows * s.keys) + (softmax ? 0 : float_bytes(rows));
  AttentionCost cost;
  // q k^T and weights v; then out_gradient v^T and slopes k by queries, slopes^T q and weights^T
  // out_gradient by keys.
  cost.forward.flops = heads * 2 * 2 * s.head_width * tiled_pairs;
  cost.backward.flops = heads * 2 * 2 * s.head_width * (tiled_pairs + transposed_pairs);
  cost.forward.exponentials = softmax ? heads * seen_pairs : 0;
  cost.backward.workspace_bytes = float_bytes(rows * s.keys);
  cost.saved_bytes = weight_bytes;
  cost.extend = {heads * 2 * 2 * s.head_width * extended_pairs, softmax ? heads * extended_seen : 0,
                 weight_bytes};
  cost.state_bytes = 2 * float_bytes(s.batch * s.keys * s.key_value_heads * s.head_width);
  cost.useful_forward_flops = heads * 4 * s.head_width * seen_pairs;
  return cost;
}

DecodeState begin_dense_decode(const AttentionSizes& sizes, int64_t batch, int64_t max_tokens) {
  const Shape shape = {batch, max_tokens, sizes.key_value_heads, sizes.head_width};
  return {Tensor(shape, Tag::state), Tensor(shape, Tag::state)};
}

Var extend_dense(DecodeState& state, const AttentionInput& in, DenseAttentionRule rule) {
  rule.keys = remember(state, in);
  return dense_attention(in.q, Var(state[0]), Var(state[1]), rule);
}

Var few_queries_attention(const Var& q, const Var& k, const Var& v,
                          const TiledAttentionRule& rule) {
  return dense_attention(q, k, v,
                         {.mask = rule.mask,
                          .bias = rule.bias,
                          .dropout = rule.dropout,
                          .scale = rule.scale,
                          .exclude_self = rule.exclude_self,
                          .keys = rule.keys});
}

Var extend_tiled(DecodeState& state, const AttentionInput& in, TiledAttentionRule rule) {
  rule.keys = remember(state, in);
  if (in.q.extent(1) <= kFewQueries) {
    return few_queries_attention(in.q, Var(state[0]), Var(state[1]), rule);
  }
  return tiled_attention(in.q, Var(state[0]), Var(state[1]), rule).out;
}

}  // namespace lengthwise
