// What every attention operation is told beside its tensors.
#pragma once
#include <algorithm>
#include <cstdint>
#include <span>

#include "autograd/tape.h"
#include "kernels/dropout.h"  // IWYU pragma: export

namespace lengthwise {

/// Who sees whom. Key j of row b stands at position j and is real iff j < keys[b]; query i stands
/// at first[b] + i. A query sees the real keys and, when causal, only those at or before its own
/// position. Empty: first 0, keys S.
struct AttentionMask {
  bool causal = false;
  std::span<const int64_t> first;  // [B]
  std::span<const int64_t> keys;   // [B]

  int64_t position(int64_t b, int64_t i) const {
    return (first.empty() ? 0 : first[static_cast<size_t>(b)]) + i;
  }
  bool sees(int64_t b, int64_t i, int64_t j) const {
    return (keys.empty() || j < keys[static_cast<size_t>(b)]) && (!causal || j <= position(b, i));
  }
  /// The keys that query i sees are 0 .. visible - 1, of S.
  int64_t visible(int64_t b, int64_t i, int64_t all_keys) const {
    int64_t count = keys.empty() ? all_keys : std::min(all_keys, keys[static_cast<size_t>(b)]);
    if (causal) count = std::min(count, position(b, i) + 1);
    return std::max<int64_t>(count, 0);
  }
};

/// Score bias by distance (ALiBi, T5): score (b,h,i,j) gains by_distance[h, zero + j -
/// position(i)].
struct ScoreBias {
  Var by_distance;   // [H, distances]; O(T) memory, contiguous in j
  int64_t zero = 0;  // the column of distance 0
};

}  // namespace lengthwise
