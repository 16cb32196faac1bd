// A model writes on, one token at a time, from the state that it keeps of what it read.
#pragma once
#include <functional>
#include <optional>

#include "generation/prompt_batch.h"
#include "generation/sampling.h"

namespace lengthwise {

struct GenerationOptions {
  int64_t most_tokens = 128;
  int32_t end = -1;                              // after which a row is over; -1: there is none
  std::optional<SamplingOptions> sampling = {};  // empty: always the likeliest token
  uint64_t seed = 0;
  uint64_t first_stream = 0;  // row b draws from stream first_stream + b, whoever is beside it
};

struct Generated {
  Tokens tokens;               // without the end
  bool ended = false;          // by the end, not by most_tokens
  double log_probability = 0;  // of the tokens and the end, at temperature 1, in nats
};

struct GenerationHooks {
  std::function<void(size_t row, int32_t token)> token_came = {};  // not the end
  std::function<void(size_t row, const Generated&)> row_is_over = {};
};

/// What comes after each prompt. Rows go on at speeds of their own and leave the batch when they
/// are over. The model decodes, and its scheme serves the longest prompt and most_tokens - 1 more
/// positions. UserError where logits are not finite.
std::vector<Generated> generate(const Transformer& model, const Prompts& prompts,
                                const GenerationOptions& options,
                                const GenerationHooks& hooks = {});

}  // namespace lengthwise
