// A search is held to every answer that there is.
#include "generation/beam_search.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/generation_cases.h"

namespace lengthwise {
namespace {

constexpr int32_t kBegin = 2, kEnd = 3;
constexpr int64_t kMost = 4;
const Tokens kSource = {0, 1, 1, 0, 1, kEnd};

Transformer small_model(uint64_t seed) {
  ModelSetup setup = writing_model("encoder_decoder", "full", "sinusoidal");
  setup.vocabulary = 4;
  setup.model.initial_deviation = 0.2;  // nearly equal probabilities
  return Transformer(setup, ParameterSet(seed));
}

// Every answer of at most kMost tokens, by full passes alone.
void enumerate(const Transformer& model, const Hypothesis& before, std::vector<Hypothesis>& all) {
  const std::vector<double> next = next_by_full_pass(model, {{kSource}, kBegin}, 0, before.tokens);
  for (int32_t token = 0; token < 4; ++token) {
    Hypothesis answer = before;
    answer.log_probability += next[static_cast<size_t>(token)];
    answer.ended = token == kEnd;
    if (!answer.ended) answer.tokens.push_back(token);
    if (answer.ended || std::ssize(answer.tokens) == kMost) {
      all.push_back(answer);
    } else {
      enumerate(model, answer, all);
    }
  }
}

double score(const Hypothesis& answer, double exponent) {
  const auto tokens = static_cast<double>(answer.tokens.size() + (answer.ended ? 1 : 0));
  return answer.log_probability / std::pow(tokens, exponent);
}

std::vector<Hypothesis> search(const Transformer& model, int64_t width, double exponent) {
  return beam_search(
      model, kSource, kBegin,
      {.width = width, .length_exponent = exponent, .most_tokens = kMost, .end = kEnd});
}

TEST(BeamSearch, WidthOneIsGreedy) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    const Transformer model = small_model(seed);
    const Generated greedy =
        generate(model, {{kSource}, kBegin}, {.most_tokens = 9, .end = kEnd}).front();
    const std::vector<Hypothesis> beams =
        beam_search(model, kSource, kBegin, {.width = 1, .most_tokens = 9, .end = kEnd});
    ASSERT_EQ(beams.size(), 1U);
    EXPECT_EQ(beams[0].tokens, greedy.tokens);
    EXPECT_EQ(beams[0].ended, greedy.ended);
    EXPECT_DOUBLE_EQ(beams[0].log_probability, greedy.log_probability);
  }
}

TEST(BeamSearch, FindsTheBestOfAllAnswersWhereItIsWideEnough) {
  int improved = 0;
  for (const double exponent : {0.0, 1.0}) {
    for (uint64_t seed = 0; seed < 10; ++seed) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << ", exponent " << exponent);
      const Transformer model = small_model(seed);
      std::vector<Hypothesis> all;
      enumerate(model, {}, all);
      ASSERT_EQ(all.size(), 1U + 3 + 9 + 27 + 81);
      const auto best = std::ranges::max_element(
          all, {}, [&](const Hypothesis& answer) { return score(answer, exponent); });
      const std::vector<Hypothesis> widest =
          search(model, static_cast<int64_t>(all.size()), exponent);
      EXPECT_EQ(widest.size(), all.size());
      EXPECT_EQ(widest.front().tokens, best->tokens);
      EXPECT_EQ(widest.front().ended, best->ended);
      EXPECT_NEAR(widest.front().score, score(*best, exponent), 1e-4);
      const double greedy = search(model, 1, exponent).front().score;
      for (const int64_t width : {2, 4, 8, 32}) {
        const std::vector<Hypothesis> beams = search(model, width, exponent);
        EXPECT_EQ(std::ssize(beams), width);
        EXPECT_GE(beams.front().score, greedy - 1e-9) << width;
        EXPECT_LE(beams.front().score, widest.front().score + 1e-4) << width;
      }
      improved += widest.front().score > greedy + 1e-3 ? 1 : 0;
    }
  }
  EXPECT_GT(improved, 0) << "greedy was the best everywhere: nothing was searched";
}

TEST(BeamSearch, ScoresAreLogProbabilitiesOverLengths) {
  const Transformer model = small_model(3);
  double before = 0;  // no score is above it
  for (const Hypothesis& answer : search(model, 40, 0.6)) {
    double log_probability = 0;
    Tokens tokens = answer.tokens;
    if (answer.ended) tokens.push_back(kEnd);
    for (size_t i = 0; i < tokens.size(); ++i) {
      const Tokens written(tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(i));
      log_probability +=
          next_by_full_pass(model, {{kSource}, kBegin}, 0, written)[static_cast<size_t>(tokens[i])];
    }
    EXPECT_NEAR(answer.log_probability, log_probability, 1e-4);
    EXPECT_NEAR(answer.score, score(answer, 0.6), 1e-12);
    EXPECT_LE(answer.score, before);
    before = answer.score;
  }
}

}  // namespace
}  // namespace lengthwise
