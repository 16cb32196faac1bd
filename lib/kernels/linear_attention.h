// Linear attention with features phi(x) = elu(x) + 1 in chunks of tokens, forward and backward, in
// time and memory O(T): within a chunk by scores, between chunks by the sum of phi(k) [v, 1]^T,
// kept in double. Katharopoulos et al. 2020, arXiv:2006.16236.
#pragma once
#include <algorithm>
#include <cstdint>
#include <span>

#include "base/parallel.h"

namespace lengthwise {

/// q [B,T,H,D]; k, v [B,S,G,D]; H % G == 0. T = S when causal.
struct LinearSizes {
  int64_t batch, queries, keys, heads, groups, width, chunk;
  bool causal;
  std::span<const int64_t> real_keys;  // [B]; empty: all

  int64_t heads_per_group() const { return heads / groups; }
  int64_t real(int64_t b) const {
    return real_keys.empty() ? keys : std::min(keys, real_keys[static_cast<size_t>(b)]);
  }
  /// A sum over keys: of phi(k) v^T, [D,D], and then of phi(k), [D].
  int64_t state_floats() const { return width * (width + 1); }
  /// Parts of a sequence of so many tokens that go side by side, whole chunks each: more than one
  /// where rows and groups alone keep few cores busy. A function of the sizes alone.
  int64_t segments(int64_t tokens) const {
    constexpr int64_t kTasks = 8;
    return std::clamp<int64_t>(kTasks / (batch * groups), 1,
                               std::max<int64_t>(1, pieces(tokens, chunk)));
  }
};

/// Scratch floats of one worker, and those of the segments' sums, [B,G,segments,2,D(D+1)]: a double
/// as two floats, the second what the first has lost.
int64_t linear_slab(const LinearSizes& sizes);
int64_t linear_states(const LinearSizes& sizes, int64_t tokens);

/// out [B,T,H,D] and denominators [B,T,H]; a query that sees no key gets 0. carried [B,G,2,D(D+1)],
/// or null: in the same form, the sum over the tokens before these, which then takes in these; with
/// it the states are not used.
void linear_attention_forward(const LinearSizes& sizes, const float* q, const float* k,
                              const float* v, float* carried, float* states, float* slabs,
                              float* denominators, float* out);

/// Adds to the gradients of q, k and v, each null where none is wanted.
void linear_attention_backward(const LinearSizes& sizes, const float* q, const float* k,
                               const float* v, const float* out, const float* denominators,
                               const float* out_gradient, float* states, float* slabs, float* to_q,
                               float* to_k, float* to_v);

}  // namespace lengthwise
