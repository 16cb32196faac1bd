#include "generation/generate.h"

#include <numeric>

#include "base/check.h"

namespace lengthwise {
namespace {

// A token is a function of the seed, its row's stream and its place, never of what others drew.
int32_t pick(std::span<const float> logits, const GenerationOptions& options, size_t row,
             const Tokens& before) {
  if (!options.sampling) return likeliest_token(logits);
  RandomStream random(options.seed, Purpose::generation, before.size(), options.first_stream + row);
  return sample_token(logits, *options.sampling, random);
}

}  // namespace

std::vector<Generated> generate(const Transformer& model, const Prompts& prompts,
                                const GenerationOptions& options, const GenerationHooks& hooks) {
  check(options.most_tokens > 0, "generation of no token");
  std::vector<Generated> all(prompts.rows.size());
  std::vector<size_t> going(all.size());  // the rows of the state
  std::iota(going.begin(), going.end(), size_t{0});
  auto [state, logits] = start_decoding(model, prompts, options.most_tokens);
  for (;;) {
    std::vector<int64_t> stay;
    std::vector<size_t> still_going;
    Tokens next;
    for (size_t i = 0; i < going.size(); ++i) {
      const size_t row = going[i];
      Generated& of_row = all[row];
      const std::span<const float> of_next = logits_of_row(logits, i);
      const int32_t token = pick(of_next, options, row, of_row.tokens);
      of_row.log_probability += log_probabilities(of_next)[static_cast<size_t>(token)];
      of_row.ended = token == options.end;
      if (!of_row.ended) {
        of_row.tokens.push_back(token);
        if (hooks.token_came) hooks.token_came(row, token);
      }
      if (of_row.ended || std::ssize(of_row.tokens) == options.most_tokens) {
        if (hooks.row_is_over) hooks.row_is_over(row, of_row);
        continue;
      }
      stay.push_back(static_cast<int64_t>(i));
      still_going.push_back(row);
      next.push_back(token);
    }
    if (stay.empty()) return all;
    if (stay.size() < going.size()) state = state.select(stay);
    going = std::move(still_going);
    logits = take_tokens(model, state, next);
  }
}

}  // namespace lengthwise
