// Tokens are drawn as often as the options say.
#include "generation/sampling.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include "base/check.h"
#include "tests/chi_square.h"

namespace lengthwise {
namespace {

// Probabilities 0.5, 0.3, 0.15 and 0.05, not in order and off by a constant.
const std::vector<double> kProbabilities = {0.15, 0.5, 0.05, 0.3};
std::vector<float> logits() {
  std::vector<float> result;
  for (const double p : kProbabilities) result.push_back(static_cast<float>(std::log(p) + 7));
  return result;
}

std::vector<int32_t> kept(const SamplingOptions& options) {
  std::vector<int32_t> tokens;
  for (const TokenShare& share : token_shares(logits(), options)) tokens.push_back(share.token);
  return tokens;
}

using testing::ElementsAre;

TEST(Sampling, KeepsTheLikeliest) {
  EXPECT_THAT(kept({}), ElementsAre(1, 3, 0, 2));
  EXPECT_THAT(kept({.top_k = 2}), ElementsAre(1, 3));
  EXPECT_THAT(kept({.top_k = 4}), ElementsAre(1, 3, 0, 2));
  EXPECT_THAT(kept({.top_p = 0.01}), ElementsAre(1));
  EXPECT_THAT(kept({.top_p = 0.49}), ElementsAre(1));
  EXPECT_THAT(kept({.top_p = 0.51}), ElementsAre(1, 3));
  EXPECT_THAT(kept({.top_p = 0.79}), ElementsAre(1, 3));
  EXPECT_THAT(kept({.top_p = 0.81}), ElementsAre(1, 3, 0));
  // Of what top_k leaves: 0.5 / 0.8 is 0.625.
  EXPECT_THAT(kept({.top_k = 2, .top_p = 0.6}), ElementsAre(1));
  EXPECT_THAT(kept({.top_k = 2, .top_p = 0.65}), ElementsAre(1, 3));
  // Squared: 0.25, 0.09, 0.0225 and 0.0025 of 0.365.
  EXPECT_THAT(kept({.temperature = 0.5, .top_p = 0.68}), ElementsAre(1));
}

struct Drawn {
  SamplingOptions options;
  std::vector<double> expected;  // weights, by token
};

void expect_drawn(const Drawn& drawn) {
  constexpr int64_t kDraws = 20'000;
  std::vector<double> found(kProbabilities.size());
  for (int64_t i = 0; i < kDraws; ++i) {
    RandomStream random(11, Purpose::generation, 0, static_cast<uint64_t>(i));
    ++found[static_cast<size_t>(sample_token(logits(), drawn.options, random))];
  }
  const double sum = std::accumulate(drawn.expected.begin(), drawn.expected.end(), 0.0);
  std::vector<double> possible, expected;
  for (size_t token = 0; token < found.size(); ++token) {
    if (drawn.expected[token] == 0) {
      EXPECT_EQ(found[token], 0) << token;
      continue;
    }
    possible.push_back(found[token]);
    expected.push_back(kDraws * drawn.expected[token] / sum);
  }
  EXPECT_LT(chi_square(possible, expected), chi_square_limit(possible.size() - 1))
      << testing::PrintToString(found);
}

TEST(Sampling, DrawsWithTheseProbabilities) {
  const auto power = [](double exponent) {
    std::vector<double> weights;
    for (const double p : kProbabilities) weights.push_back(std::pow(p, exponent));
    return weights;
  };
  expect_drawn({{}, kProbabilities});
  expect_drawn({{.temperature = 0.5}, power(2)});
  expect_drawn({{.temperature = 4}, power(0.25)});
  expect_drawn({{.top_k = 3}, {0.15, 0.5, 0, 0.3}});
  expect_drawn({{.top_p = 0.7}, {0, 0.5, 0, 0.3}});
  expect_drawn({{.temperature = 2, .top_k = 3, .top_p = 0.99},
                {std::sqrt(0.15), std::sqrt(0.5), 0, std::sqrt(0.3)}});
}

TEST(Sampling, AColdOrHotTemperatureOverflowsNothing) {
  RandomStream random(1, Purpose::generation);
  EXPECT_EQ(sample_token(logits(), {.temperature = 1e-300}, random), 1);
  const std::vector<TokenShare> flat = token_shares(logits(), {.temperature = 1e300});
  for (const TokenShare& share : flat) EXPECT_NEAR(share.probability, 0.25, 1e-9);
}

TEST(Sampling, TakesTheFirstOfEqualsAndRefusesWhatIsNoNumber) {
  EXPECT_EQ(likeliest_token(std::vector<float>{1, 3, 3, 2}), 1);
  const std::vector<float> broken = {1, std::nanf(""), 2};
  RandomStream random(1, Purpose::generation);
  EXPECT_THROW(likeliest_token(broken), UserError);
  EXPECT_THROW(sample_token(broken, {}, random), UserError);
}

TEST(Sampling, LogProbabilitiesAreThoseOfTheSoftmax) {
  const std::vector<double> logs = log_probabilities(logits());
  for (size_t token = 0; token < logs.size(); ++token) {
    EXPECT_NEAR(std::exp(logs[token]), kProbabilities[token], 1e-6);
  }
}

}  // namespace
}  // namespace lengthwise
