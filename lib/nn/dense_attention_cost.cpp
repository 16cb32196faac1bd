#include <algorithm>

#include "nn/attention.h"

namespace lengthwise {
namespace {

constexpr int64_t kBlock = 64;

int64_t float_bytes(int64_t count) { return ledger_bytes(4 * count); }

}  // namespace

AttentionCost dense_attention_cost(const AttentionSizes& s, bool softmax) {
  const int64_t rows = s.batch * s.heads * s.queries;
  // Multiply-adds of one product over the pairs that tiles cover, per row of the batch and head.
  int64_t tiled_pairs = 0, seen_pairs = 0, transposed_pairs = 0;
  for (int64_t begin = 0; begin < s.queries; begin += kBlock) {
    const int64_t end = std::min(begin + kBlock, s.queries);
    tiled_pairs += (end - begin) * (s.causal ? std::min(end, s.keys) : s.keys);
  }
  for (int64_t i = 0; i < s.queries; ++i) seen_pairs += s.causal ? std::min(i + 1, s.keys) : s.keys;
  for (int64_t j = 0; j < s.keys; j += kBlock) {
    const int64_t first_query = s.causal ? std::min(j, s.queries) : 0;
    transposed_pairs += (std::min(j + kBlock, s.keys) - j) * (s.queries - first_query);
  }
  const int64_t heads = s.batch * s.heads;
  AttentionCost cost;
  // q k^T and weights v; then out_gradient v^T and slopes k by queries, slopes^T q and weights^T
  // out_gradient by keys.
  cost.forward.flops = heads * 2 * 2 * s.head_width * tiled_pairs;
  cost.backward.flops = heads * 2 * 2 * s.head_width * (tiled_pairs + transposed_pairs);
  cost.forward.exponentials = softmax ? heads * seen_pairs : 0;
  cost.backward.workspace_bytes = float_bytes(rows * s.keys);
  cost.saved_bytes = float_bytes(rows * s.keys) + (softmax ? 0 : float_bytes(rows));
  cost.useful_forward_flops = heads * 4 * s.head_width * seen_pairs;
  return cost;
}

}  // namespace lengthwise
