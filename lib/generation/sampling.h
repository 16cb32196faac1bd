// Which token comes next, given a model's logits.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"

namespace lengthwise {

struct SamplingOptions {
  double temperature = 1;  // above 0: divides the logits
  int64_t top_k = 0;       // only the likeliest so many; 0: all. Fan et al. 2018, arXiv:1805.04833
  double top_p = 1;  // in (0, 1]: of these the fewest, likeliest first, that make up this share of
                     // their probability. Holtzman et al. 2019, arXiv:1904.09751
};

struct TokenShare {
  int32_t token;
  double probability;
};

/// What a token is drawn from, likeliest first and equals by their ids; probabilities sum to 1.
/// logits: [V]. UserError where one is not finite.
std::vector<TokenShare> token_shares(std::span<const float> logits, const SamplingOptions& options);

/// One of token_shares, by one number of the stream.
int32_t sample_token(std::span<const float> logits, const SamplingOptions& options,
                     RandomStream& random);

/// The token with the largest logit, of equals the first. UserError as token_shares.
int32_t likeliest_token(std::span<const float> logits);

/// Log-probability of every token, at temperature 1: [V]. UserError as token_shares.
std::vector<double> log_probabilities(std::span<const float> logits);

}  // namespace lengthwise
