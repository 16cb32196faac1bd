// A query kept from a key: held to variants that never see it.
#include "insight/edge_cuts.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "insight/attention_maps.h"
#include "tests/gradient_check.h"

namespace lengthwise {
namespace {

constexpr int64_t kBatch = 2, kLength = 6;
const std::vector<int32_t> kTokens = {4, 1, 7, 7, 0, 2, 9, 9, 3, 10, 5, 1};
const std::vector<int64_t> kLabelled = {2, 5, 7, 10};
const std::vector<int32_t> kTargets = {7, 2, 3, 1};
const LabelledTokens kRows = {kTokens, kBatch, kLength, kLabelled, kTargets};

ModelSetup model_of(const std::string& attention, OptionValues options = {}) {
  ModelSetup setup;
  setup.model.width = 16;
  setup.model.heads = 4;
  setup.model.key_value_heads = 2;
  setup.model.initial_deviation = 0.6;
  setup.vocabulary = 11;
  setup.attention = attention;
  setup.attention_options = {std::move(options)};
  setup.position = "none";
  setup.seed = 3;
  return setup;
}

std::vector<double> logits_of(const ModelSetup& setup) {
  const Transformer model(setup, ParameterSet(3));
  return as_doubles(model.logits(kTokens, kBatch, kLength, kLabelled, {}).value().values());
}

std::vector<double> cut_logits(const ModelSetup& setup, const std::vector<Edge>& edges,
                               int64_t layer = kEvery, int64_t head = kEvery) {
  const Transformer model(setup, ParameterSet(3));
  return as_doubles(logits_without(model, kRows, edges, layer, head).value().values());
}

std::vector<Edge> every_edge(int64_t back) {
  std::vector<Edge> edges;
  for (int64_t query = 0; query < kBatch * kLength; ++query) {
    if (query % kLength >= back) edges.push_back({query, query - back});
  }
  return edges;
}

TEST(EdgeCuts, OfATokenFromItselfAreThoseOfAVariantThatLeavesItOut) {
  ModelSetup with = model_of("no_weights", {{"exclude_self", "false"}});
  ModelSetup without = model_of("no_weights", {{"exclude_self", "true"}});
  // Larger inputs leave the others weights that are no floats any more.
  with.model.initial_deviation = without.model.initial_deviation = 0.2;
  EXPECT_LE(relative_error(cut_logits(with, every_edge(0)), logits_of(without)), 1e-5);
  EXPECT_GT(relative_error(logits_of(with), logits_of(without)), 1e-2);
}

TEST(EdgeCuts, OfTheFarEndOfAWindowAreThoseOfANarrowerOne) {
  const ModelSetup wide = model_of("windowed", {{"window", "3"}});
  const ModelSetup narrow = model_of("windowed", {{"window", "2"}});
  EXPECT_LE(relative_error(cut_logits(wide, every_edge(2)), logits_of(narrow)), 1e-5);
  EXPECT_GT(relative_error(logits_of(wide), logits_of(narrow)), 1e-2);
}

TEST(EdgeCuts, OfOneHeadLeaveTheOthers) {
  const ModelSetup setup = model_of("flash");
  const std::vector<double> whole = logits_of(setup);
  EXPECT_EQ(cut_logits(setup, {}), whole);
  const std::vector<Edge> edges = {{5, 1}, {10, 7}};
  const std::vector<double> of_one = cut_logits(setup, edges, 1, 2);
  EXPECT_NE(of_one, whole);
  EXPECT_NE(of_one, cut_logits(setup, edges, 1, 3));
  EXPECT_NE(of_one, cut_logits(setup, edges, 0, 2));
  // Logits of queries whose edges stay are what they were: in the last layer nothing passes on.
  EXPECT_EQ(std::vector(of_one.begin(), of_one.begin() + 11),
            std::vector(whole.begin(), whole.begin() + 11));
}

TEST(Evidence, IsTheWeightThatAHeadGivesItAndWhatIsLostWithoutIt) {
  const ModelSetup setup = model_of("flash");
  const Transformer model(setup, ParameterSet(3));
  const std::vector<int64_t> evidence = {1, 3, 6, 9}, distractors = {0, 4, 7, 8};
  const Evidence found = evidence_of(model, kRows, evidence, distractors);
  ASSERT_EQ(found.heads.size(), 8U);
  std::vector<AttentionMap> maps;
  map_attention(model, kTokens, kBatch, kLength, {}, {},
                [&](AttentionMap map) { maps.push_back(std::move(map)); });
  for (const HeadEvidence& head : found.heads) {
    const AttentionMap& map = maps.at(static_cast<size_t>(head.layer));
    double weight = 0, other = 0;
    for (size_t n = 0; n < evidence.size(); ++n) {
      const auto weights = map.head(kLabelled[n] / kLength, head.head).weights;
      const auto row = static_cast<size_t>(kLabelled[n] % kLength * kLength);
      weight += weights[row + static_cast<size_t>(evidence[n] % kLength)] / 4;
      other += weights[row + static_cast<size_t>(distractors[n] % kLength)] / 4;
    }
    EXPECT_NEAR(head.weight, weight, 1e-12);
    EXPECT_NEAR(head.distractor_weight, other, 1e-12);
  }
}

std::vector<int32_t> answers_of(const std::vector<double>& logits) {
  std::vector<int32_t> answers;
  for (auto row = logits.begin(); row != logits.end(); row += 11) {
    answers.push_back(static_cast<int32_t>(std::max_element(row, row + 11) - row));
  }
  return answers;
}

TEST(Evidence, IsWhatIsAnsweredWithoutIt) {
  ModelSetup setup = model_of("flash");
  setup.model.residual = false;  // else every token answers with itself
  const std::vector<int32_t> answers = answers_of(logits_of(setup));
  const auto share_kept = [&](const std::vector<double>& logits) {
    const std::vector<int32_t> now = answers_of(logits);
    return std::inner_product(now.begin(), now.end(), answers.begin(), 0.0, std::plus(),
                              [](int32_t a, int32_t b) { return a == b ? 0.25 : 0.0; });
  };
  const LabelledTokens rows = {kTokens, kBatch, kLength, kLabelled, answers};
  const std::vector<int64_t> evidence = {1, 3, 6, 9}, distractors = {0, 4, 7, 8};
  std::vector<Edge> to_evidence, to_distractors;
  for (size_t n = 0; n < kLabelled.size(); ++n) {
    to_evidence.push_back({kLabelled[n], evidence[n]});
    to_distractors.push_back({kLabelled[n], distractors[n]});
  }
  const Evidence found =
      evidence_of(Transformer(setup, ParameterSet(3)), rows, evidence, distractors);
  EXPECT_EQ(found.accuracy, 1);
  EXPECT_EQ(found.accuracy_without, share_kept(cut_logits(setup, to_evidence)));
  EXPECT_LT(found.accuracy_without, 1);
  bool differ = false;
  for (const HeadEvidence& head : found.heads) {
    const auto kept = [&](const std::vector<Edge>& edges) {
      return share_kept(cut_logits(setup, edges, head.layer, head.head));
    };
    EXPECT_EQ(head.accuracy_without, kept(to_evidence));
    EXPECT_EQ(head.accuracy_without_distractor, kept(to_distractors));
    differ |= head.accuracy_without != head.accuracy_without_distractor;
  }
  EXPECT_TRUE(differ) << "else one could stand for the other";
}

double loss_of(const std::vector<double>& logits, size_t n) {
  double sum = 0;
  for (size_t v = 0; v < 11; ++v) sum += std::exp(logits[n * 11 + v]);
  return std::log(sum) - logits[n * 11 + static_cast<size_t>(kTargets[n])];
}

TEST(Removal, IsTheChangeOfALabelsLossByWeight) {
  const ModelSetup setup = model_of("flash");
  const Transformer model(setup, ParameterSet(3));
  const std::vector<HeadRemoval> found = removal_of(model, kRows);
  ASSERT_EQ(found.size(), 8U);
  std::vector<AttentionMap> maps;
  map_attention(model, kTokens, kBatch, kLength, {}, {},
                [&](AttentionMap map) { maps.push_back(std::move(map)); });
  const std::vector<double> whole = logits_of(setup);
  for (const HeadRemoval& head : {found[1], found[6]}) {
    std::array<double, 10> effects{}, counts{};
    for (const size_t n : {size_t{1}, size_t{3}}) {  // the last of each row
      const int64_t query = kLabelled[n], row = query / kLength;
      for (int64_t key = row * kLength; key <= query; ++key) {
        const auto cut = cut_logits(setup, {{query, key}}, head.layer, head.head);
        const double weight =
            maps[static_cast<size_t>(head.layer)]
                .head(row, head.head)
                .weights[static_cast<size_t>(query % kLength * kLength + key % kLength)];
        const auto bin = static_cast<size_t>(std::min(9.0, std::floor(10 * weight)));
        effects[bin] += std::abs(loss_of(cut, n) - loss_of(whole, n));
        ++counts[bin];
      }
    }
    for (size_t bin = 0; bin < 10; ++bin) {
      if (counts[bin] == 0) {
        EXPECT_TRUE(std::isnan(head.effect[bin]));
      } else {
        EXPECT_NEAR(head.effect[bin], effects[bin] / counts[bin], 1e-5) << bin;
      }
    }
    EXPECT_GT(head.rank_correlation, 0) << "who gives a value much weight loses by it";
    EXPECT_LE(head.rank_correlation, 1);
  }
}

}  // namespace
}  // namespace lengthwise
