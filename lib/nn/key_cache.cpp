#include "nn/key_cache.h"

#include <algorithm>

#include "base/parallel.h"

namespace lengthwise {

int64_t tokens_taken(const AttentionMask& mask, int64_t b, int64_t new_tokens) {
  if (mask.keys.empty()) return new_tokens;
  return std::clamp<int64_t>(mask.keys[static_cast<size_t>(b)] - mask.position(b, 0), 0,
                             new_tokens);
}

int64_t most_keys(const AttentionMask& mask, int64_t batch, int64_t new_tokens) {
  int64_t most = 0;
  for (int64_t b = 0; b < batch; ++b) {
    most = std::max(most, mask.position(b, 0) + tokens_taken(mask, b, new_tokens));
  }
  return most;
}

void store_rows(const Var& rows, const AttentionMask& mask, Tensor& cache) {
  const int64_t batch = rows.extent(0), tokens = rows.extent(1), slots = cache.extent(1);
  const int64_t width = rows.extent(2) * rows.extent(3);
  if (slots == 0) return;
  parallel_for(batch, [&](int64_t b, int) {
    const int64_t taken = tokens_taken(mask, b, tokens);
    // Of more rows than there are slots only the last ones stay.
    for (int64_t i = std::max<int64_t>(0, taken - slots); i < taken; ++i) {
      const int64_t slot = mask.position(b, i) % slots;
      std::copy_n(rows.data() + (b * tokens + i) * width, width,
                  cache.data() + (b * slots + slot) * width);
    }
  });
}

}  // namespace lengthwise
