#include "nn/tiled_attention_cost.h"

#include <algorithm>

#include "nn/dense_attention.h"

namespace lengthwise {
namespace {

constexpr int64_t kTile = 256, kStrip = 64, kTasks = 8;

// Who sees whom: query i stands at first + i and sees [begin, end).
struct Sight {
  int64_t queries, keys, first, window;
  bool causal;
  int64_t begin(int64_t i) const {
    return window == 0 ? 0 : std::clamp<int64_t>(first + i - window + 1, 0, end(i));
  }
  int64_t end(int64_t i) const {
    if (causal) return std::min(keys, first + i + 1);
    return window == 0 ? keys : std::min(keys, first + i + window);
  }
};

struct Pairs {
  int64_t seen = 0, covered = 0;  // covered: what the products of tiles and strips run over
};

Pairs pairs_of(const Sight& sight) {
  Pairs pairs;
  for (int64_t i = 0; i < sight.queries; ++i) pairs.seen += sight.end(i) - sight.begin(i);
  for (int64_t i = 0; i < sight.queries; i += kTile) {
    const int64_t last = std::min(i + kTile, sight.queries) - 1;
    for (int64_t j = sight.begin(i) / kTile * kTile; j < sight.end(last); j += kTile) {
      const int64_t after = std::min(j + kTile, sight.keys);
      if (sight.begin(last) <= j && after <= sight.end(i)) {
        pairs.covered += (last + 1 - i) * (after - j);
        continue;
      }
      for (int64_t row = i; row <= last; row += kStrip) {
        const int64_t row_last = std::min(row + kStrip - 1, last);
        const int64_t keys = std::min(after, sight.end(row_last)) - std::max(j, sight.begin(row));
        pairs.covered += (row_last + 1 - row) * std::max<int64_t>(keys, 0);
      }
    }
  }
  return pairs;
}

// One worker's panels of queries, turned, with what they gather, and a block of scores.
int64_t forward_slab_bytes(const AttentionSizes& s) {
  const int64_t panels = (std::min(kTile, s.queries) + kStrip - 1) / kStrip;
  const int64_t keys = std::min(kTile, s.keys);
  return ledger_bytes(4 * s.threads *
                      (panels * kStrip * (2 * s.head_width + 3) + keys * kStrip + keys + kStrip));
}

}  // namespace

AttentionCost::Pass tiled_extend_cost(const AttentionSizes& s, int64_t window) {
  const Pairs pairs = pairs_of({s.queries, s.keys, s.keys - s.queries, window, true});
  const int64_t heads = s.batch * s.heads;
  return {heads * 4 * s.head_width * pairs.covered, heads * pairs.covered,
          ledger_bytes(4 * heads * s.queries) + forward_slab_bytes(s)};
}

AttentionCost tiled_attention_cost(const AttentionSizes& s, int64_t window) {
  const Pairs pairs = pairs_of({s.queries, s.keys, 0, window, s.causal});
  const int64_t heads = s.batch * s.heads, groups = s.batch * s.key_value_heads;
  const int64_t tile_queries = std::min(kTile, s.queries), tile_keys = std::min(kTile, s.keys);
  // Of the queries' gradient, where rows and groups alone are few.
  const int64_t parts = std::clamp<int64_t>(kTasks / groups, 1, (s.keys + kTile - 1) / kTile);
  AttentionCost cost;
  cost.forward = {heads * 4 * s.head_width * pairs.covered, heads * pairs.covered,
                  forward_slab_bytes(s)};
  // scores again, slopes of the weights, and the three gradients
  cost.backward = {
      heads * 10 * s.head_width * pairs.covered, heads * pairs.seen,
      ledger_bytes(4 * heads * s.queries) +
          (parts > 1 ? ledger_bytes(4 * parts * heads * s.queries * s.head_width) : 0) +
          ledger_bytes(4 * s.threads * 2 * tile_queries * tile_keys)};
  cost.saved_bytes = ledger_bytes(4 * heads * s.queries);
  cost.saves_output = cost.saves_bias = true;
  cost.extend = s.queries <= kFewQueries ? dense_attention_cost(s, /*softmax=*/true).extend
                                         : tiled_extend_cost(s, window);
  cost.state_bytes = 2 * ledger_bytes(4 * groups * s.keys * s.head_width);
  cost.useful_forward_flops = heads * 4 * s.head_width * pairs.seen;
  return cost;
}

}  // namespace lengthwise
