#include "generation/prompt_batch.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace lengthwise {

PaddedRows padded(std::span<const Tokens> rows) {
  PaddedRows result;
  for (const Tokens& row : rows) {
    check(!row.empty(), "a prompt without a token");
    result.row_lengths.push_back(std::ssize(row));
    result.length = std::max(result.length, std::ssize(row));
  }
  for (const Tokens& row : rows) {
    result.tokens.insert(result.tokens.end(), row.begin(), row.end());
    result.tokens.resize(result.tokens.size() + static_cast<size_t>(result.length) - row.size());
  }
  return result;
}

DecodingStart start_decoding(const Transformer& model, const Prompts& prompts, int64_t new_tokens) {
  const PaddedRows rows = padded(prompts.rows);
  const int64_t batch = std::ssize(prompts.rows);
  if (prompts.begin >= 0) {
    DecodingStart start{
        model.begin_decode(batch, new_tokens, {rows.tokens, rows.length, rows.row_lengths}), {}};
    start.logits = take_tokens(model, start.state, Tokens(prompts.rows.size(), prompts.begin));
    return start;
  }
  // The last of the new tokens is never read.
  DecodingStart start{model.begin_decode(batch, rows.length + new_tokens - 1), {}};
  std::vector<int64_t> last;
  for (int64_t b = 0; b < batch; ++b) {
    last.push_back(b * rows.length + rows.row_lengths[static_cast<size_t>(b)] - 1);
  }
  start.logits = model.extend(start.state, rows.tokens, rows.length, last, rows.row_lengths);
  return start;
}

Var take_tokens(const Transformer& model, ModelState& state, std::span<const int32_t> tokens) {
  std::vector<int64_t> every(tokens.size());
  std::iota(every.begin(), every.end(), 0);
  return model.extend(state, tokens, 1, every);
}

std::span<const float> logits_of_row(const Var& logits, size_t row) {
  const auto vocabulary = static_cast<size_t>(logits.extent(1));
  return logits.value().values().subspan(row * vocabulary, vocabulary);
}

}  // namespace lengthwise
