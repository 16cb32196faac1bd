// Softmax attention in tiles, forward and backward, in memory O(T): scores of one tile at a time,
// never the [T,S] weights. Tao, Dao 2022, arXiv:2205.14135.
#pragma once
#include <algorithm>
#include <cstdint>
#include <span>

#include "kernels/dropout.h"

namespace lengthwise {

/// q [B,T,H,D]; k, v [B,key_rows,G,D], of which the first S rows take part; H % G == 0.
struct TiledSizes {
  int64_t batch, queries, keys, heads, groups, width, key_rows;
};

/// Which keys a query sees, what its scores gain, and which weights drop. The score of key j for
/// query i is scale q.k + bias + (row_term + column_term): these two are added to each other first.
/// A score of -inf counts for nothing, like a key that is not seen.
struct TiledTerms {
  double scale = 1;                           // of the dot product
  int64_t behind = -1, ahead = -1;            // keys before and after its own position; -1: all
  std::span<const int64_t> first, real_keys;  // [B] as in AttentionMask; empty: 0, S
  const float* bias = nullptr;                // [H, distances]: by distance, contiguous
  int64_t distances = 0, zero = 0;            // of the bias: columns, and the column of distance 0
  const float* row_term = nullptr;            // [B,H,T]
  const float* column_term = nullptr;         // [B,H,column_stride], of which the first S take part
  int64_t column_stride = 0;
  bool exclude_self = false;
  Dropout dropout;

  int64_t position(int64_t b, int64_t i) const {
    return (first.empty() ? 0 : first[static_cast<size_t>(b)]) + i;
  }
  /// The keys that query i sees are begin .. end - 1, of S; both rise with i.
  int64_t end(int64_t b, int64_t i, int64_t keys) const {
    int64_t end = real_keys.empty() ? keys : std::min(keys, real_keys[static_cast<size_t>(b)]);
    if (ahead >= 0) end = std::min(end, position(b, i) + ahead + 1);
    return std::max<int64_t>(end, 0);
  }
  int64_t begin(int64_t b, int64_t i, int64_t keys) const {
    if (behind < 0) return 0;
    return std::clamp<int64_t>(position(b, i) - behind, 0, end(b, i, keys));
  }
};

/// Scratch floats of one worker.
int64_t tiled_forward_slab(const TiledSizes& sizes);
int64_t tiled_backward_slab(const TiledSizes& sizes);

/// out [B,T,H,D] and log_sums [B,H,T], the log of the sum of exp(score); a query that sees no key
/// gets 0 and -inf. slabs: thread_count() x tiled_forward_slab.
void tiled_attention_forward(const TiledSizes& sizes, const TiledTerms& terms, const float* q,
                             const float* k, const float* v, float* log_sums, float* out,
                             float* slabs);

/// Parts of q's gradient that are summed apart, where rows and groups alone keep few cores busy: a
/// function of the sizes alone. 1: none.
int64_t tiled_query_parts(const TiledSizes& sizes);

/// What the backward adds to, each of the shape of its value and null where none is wanted.
struct TiledGradients {
  float *q = nullptr, *k = nullptr, *v = nullptr;
  float *row_term = nullptr, *column_term = nullptr;
};

/// Adds to the gradients; a term's is the sum of the slopes of its scores. No output moves with the
/// row term: its sum is 0 but for rounding. It is taken all the same, since the column term's holds
/// that rounding too: a gate that enters both is left with the pairs that it stands between.
/// deltas [B,H,T] is scratch; query_parts, [parts,B,T,H,D], where there is more than one, and
/// row_parts, [parts,B,H,T], where also the row term's gradient is wanted.
void tiled_attention_backward(const TiledSizes& sizes, const TiledTerms& terms, const float* q,
                              const float* k, const float* v, const float* out,
                              const float* log_sums, const float* out_gradient, float* deltas,
                              float* query_parts, float* row_parts, float* slabs,
                              const TiledGradients& to);

}  // namespace lengthwise
