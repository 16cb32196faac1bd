// Prompts of different lengths in one decoding state.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "nn/transformer.h"

namespace lengthwise {

using Tokens = std::vector<int32_t>;

/// What a model reads before it goes on, a row each; none is empty.
struct Prompts {
  std::vector<Tokens> rows;  // of an encoder_decoder the sources, of a decoder what comes first
  int32_t begin = -1;        // of an encoder_decoder: the token that begins every target
};

/// Rows in one rectangle, each filled up on the right with tokens that nothing hangs on.
struct PaddedRows {
  Tokens tokens;                     // [B,T]
  int64_t length = 0;                // T, of the longest row
  std::vector<int64_t> row_lengths;  // [B]
};
PaddedRows padded(std::span<const Tokens> rows);

/// After every row of the prompts was read: the state, with room for `new_tokens` tokens more than
/// the longest, and the logits [B,V] of what comes next in each row.
struct DecodingStart {
  ModelState state;
  Var logits;
};
DecodingStart start_decoding(const Transformer& model, const Prompts& prompts, int64_t new_tokens);

/// Every row takes one token, and the logits [B,V] of its next one come back.
Var take_tokens(const Transformer& model, ModelState& state, std::span<const int32_t> tokens);

/// The logits [V] of one row of [B,V].
std::span<const float> logits_of_row(const Var& logits, size_t row);

}  // namespace lengthwise
