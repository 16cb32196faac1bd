// Small models that write, and what a full forward pass says of what they wrote.
#pragma once
#include <gtest/gtest.h>

#include "generation/generate.h"

namespace lengthwise {

inline constexpr int64_t kWritingVocabulary = 11;

/// Weights so large that the likeliest tokens differ from place to place.
inline ModelSetup writing_model(const std::string& kind, const std::string& attention,
                                const std::string& position) {
  ModelSetup setup;
  setup.model.kind = kind;
  setup.model.width = 16;
  setup.model.initial_deviation = 0.9;
  setup.model.head = "free";  // a tied one says again what it has read
  setup.vocabulary = kWritingVocabulary;
  setup.attention = attention;
  setup.position = position;
  setup.seed = 5;
  return setup;
}

inline Prompts writing_prompts(const ModelOptions& model) {
  Prompts prompts{{{4, 1, 7, 7, 0, 2, 9}, {3}, {5, 6, 2}}, -1};
  if (model.has_source()) prompts.begin = 9;
  return prompts;
}

inline Prompts one_of(const Prompts& prompts, size_t row) {
  return {{prompts.rows[row]}, prompts.begin};
}

/// Log-probabilities of the next token after `written`, from one pass over all of it.
inline std::vector<double> next_by_full_pass(const Transformer& model, const Prompts& prompts,
                                             size_t row, const Tokens& written) {
  ForwardPass pass;
  Tokens tokens = prompts.rows[row];
  if (prompts.begin >= 0) {
    pass.source = {prompts.rows[row], std::ssize(prompts.rows[row])};
    tokens = {prompts.begin};
  }
  tokens.insert(tokens.end(), written.begin(), written.end());
  const std::vector<int64_t> last = {std::ssize(tokens) - 1};
  const Var logits = model.logits(tokens, 1, std::ssize(tokens), last, pass);
  return log_probabilities(logits_of_row(logits, 0));
}

}  // namespace lengthwise
