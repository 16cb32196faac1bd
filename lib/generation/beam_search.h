// The likeliest whole answer, as far as a few beginnings kept side by side find it.
#pragma once
#include "generation/prompt_batch.h"

namespace lengthwise {

struct BeamOptions {
  int64_t width = 4;
  double length_exponent = 1;  // 0: long answers cost what their tokens cost
  int64_t most_tokens = 128;
  int32_t end = -1;
};

struct Hypothesis {
  Tokens tokens;  // without the end
  bool ended = false;
  double log_probability = 0;  // of the tokens and the end, in nats
  double score = 0;            // log_probability / (tokens, the end included)^length_exponent
};

/// The answers to one source that were kept, best score first. Of all next tokens of all beginnings
/// the likeliest `width` are kept; one that ends keeps its place until the search is over, so that
/// width 1 is the greedy answer. What has most_tokens without an end counts as it is.
/// Sutskever et al. 2014, arXiv:1409.3215; length_exponent: Wu et al. 2016, arXiv:1609.08144.
std::vector<Hypothesis> beam_search(const Transformer& model, const Tokens& source, int32_t begin,
                                    const BeamOptions& options);

}  // namespace lengthwise
