#include "generation/beam_search.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "generation/sampling.h"

namespace lengthwise {
namespace {

struct Candidate {
  size_t beginning;
  int32_t token;
  double log_probability;
};

// The likeliest `places` of all next tokens; of equals the first.
std::vector<Candidate> best_candidates(const std::vector<Hypothesis>& beginnings, const Var& logits,
                                       int64_t places) {
  std::vector<Candidate> candidates;
  for (size_t i = 0; i < beginnings.size(); ++i) {
    const std::vector<double> logs = log_probabilities(logits_of_row(logits, i));
    for (size_t token = 0; token < logs.size(); ++token) {
      candidates.push_back(
          {i, static_cast<int32_t>(token), beginnings[i].log_probability + logs[token]});
    }
  }
  const auto kept = std::min<int64_t>(places, std::ssize(candidates));
  const auto better = [](const Candidate& a, const Candidate& b) {
    if (a.log_probability != b.log_probability) return a.log_probability > b.log_probability;
    return std::pair(a.beginning, a.token) < std::pair(b.beginning, b.token);
  };
  std::ranges::partial_sort(candidates, candidates.begin() + kept, better);
  candidates.resize(static_cast<size_t>(kept));
  return candidates;
}

double score_of(const Hypothesis& answer, double length_exponent) {
  const auto tokens = static_cast<double>(answer.tokens.size() + (answer.ended ? 1 : 0));
  return answer.log_probability / std::pow(tokens, length_exponent);
}

}  // namespace

std::vector<Hypothesis> beam_search(const Transformer& model, const Tokens& source, int32_t begin,
                                    const BeamOptions& options) {
  check(options.width > 0 && options.most_tokens > 0, "beam search of no width or no token");
  std::vector<Hypothesis> going(1), over;
  auto [state, logits] = start_decoding(model, {{source}, begin}, options.most_tokens);
  for (;;) {
    std::vector<Hypothesis> longer;
    std::vector<int64_t> rows;
    Tokens next;
    for (const auto& [beginning, token, log_probability] :
         best_candidates(going, logits, options.width - std::ssize(over))) {
      Hypothesis answer = going[beginning];
      answer.log_probability = log_probability;
      answer.ended = token == options.end;
      if (!answer.ended) answer.tokens.push_back(token);
      if (answer.ended || std::ssize(answer.tokens) == options.most_tokens) {
        answer.score = score_of(answer, options.length_exponent);
        over.push_back(std::move(answer));
        continue;
      }
      longer.push_back(std::move(answer));
      rows.push_back(static_cast<int64_t>(beginning));
      next.push_back(token);
    }
    if (longer.empty()) break;
    going = std::move(longer);
    state = state.select(rows);
    logits = take_tokens(model, state, next);
  }
  std::ranges::stable_sort(
      over, [](const Hypothesis& a, const Hypothesis& b) { return a.score > b.score; });
  return over;
}

}  // namespace lengthwise
