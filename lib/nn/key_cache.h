// What decoding variants that remember rows have in common.
#pragma once
#include "nn/attention.h"

namespace lengthwise {

/// How many of the T new tokens of row b are real.
int64_t tokens_taken(const AttentionMask& mask, int64_t b, int64_t new_tokens);

/// The keys of the longest row once the T new tokens are in.
int64_t most_keys(const AttentionMask& mask, int64_t batch, int64_t new_tokens);

/// The real ones of the new rows [B,T,G,D] go into cache [B,slots,G,D]: the row of position p into
/// slot p % slots, so that the last `slots` positions stay.
void store_rows(const Var& rows, const AttentionMask& mask, Tensor& cache);

}  // namespace lengthwise
