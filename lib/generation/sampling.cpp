#include "generation/sampling.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace lengthwise {
namespace {

void check_finite(std::span<const float> logits) {
  if (std::ranges::all_of(logits, [](float logit) { return std::isfinite(logit); })) return;
  user_error("generation: found logits that are not finite, expected a model that gives numbers");
}

// So that the probabilities of what is left sum to 1.
void normalise(std::vector<TokenShare>& shares) {
  double sum = 0;
  for (const TokenShare& share : shares) sum += share.probability;
  for (TokenShare& share : shares) share.probability /= sum;
}

}  // namespace

std::vector<TokenShare> token_shares(std::span<const float> logits,
                                     const SamplingOptions& options) {
  check_finite(logits);
  const double largest = *std::ranges::max_element(logits);
  std::vector<TokenShare> shares;
  for (size_t token = 0; token < logits.size(); ++token) {
    shares.push_back({static_cast<int32_t>(token),
                      std::exp((double{logits[token]} - largest) / options.temperature)});
  }
  std::ranges::stable_sort(shares, [](const TokenShare& a, const TokenShare& b) {
    return a.probability > b.probability;
  });
  if (options.top_k > 0) {
    shares.resize(std::min(shares.size(), static_cast<size_t>(options.top_k)));
  }
  normalise(shares);
  if (options.top_p >= 1) return shares;
  double sum = 0;
  size_t kept = 0;
  while (kept < shares.size() && sum < options.top_p) sum += shares[kept++].probability;
  shares.resize(kept);
  normalise(shares);
  return shares;
}

int32_t sample_token(std::span<const float> logits, const SamplingOptions& options,
                     RandomStream& random) {
  const std::vector<TokenShare> shares = token_shares(logits, options);
  double left = random.uniform();
  for (const TokenShare& share : shares) {
    left -= share.probability;
    if (left < 0) return share.token;
  }
  return shares.front().token;  // rounding: the probabilities sum to a little less than 1
}

int32_t likeliest_token(std::span<const float> logits) {
  check_finite(logits);
  return static_cast<int32_t>(std::ranges::max_element(logits) - logits.begin());
}

std::vector<double> log_probabilities(std::span<const float> logits) {
  check_finite(logits);
  const double largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit} - largest);
  const double log_sum = largest + std::log(sum);
  std::vector<double> logs;
  for (const float logit : logits) logs.push_back(double{logit} - log_sum);
  return logs;
}

}  // namespace lengthwise
