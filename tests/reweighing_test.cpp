// The article's worked example: five words reweigh each other without a weight to learn, every
// number by hand. Their vectors are (1,0), (2,1), (0,1), (1,1) and (1,2).
#include <gmock/gmock.h>

#include "insight/attention_maps.h"
#include "tests/gradient_check.h"

namespace lengthwise {
namespace {

using testing::DoubleNear;
using testing::Pointwise;

// the, cat, chased, its, tail
const std::vector<float> kWords = {1, 0, 2, 1, 0, 1, 1, 1, 1, 2};
const std::vector<int32_t> kSentence = {0, 1, 2, 3, 4};

// Dot products of words, unscaled, over their sum: 5, 15, 5, 10 and 15.
const std::vector<double> kWeights = {1. / 5,  2. / 5,  0. / 5,  1. / 5,  1. / 5,   //
                                      2. / 15, 5. / 15, 1. / 15, 3. / 15, 4. / 15,  //
                                      0. / 5,  1. / 5,  1. / 5,  1. / 5,  2. / 5,   //
                                      1. / 10, 3. / 10, 1. / 10, 2. / 10, 3. / 10,  //
                                      1. / 15, 4. / 15, 2. / 15, 3. / 15, 5. / 15};

// Each word's weights times the vectors of all.
const std::vector<double> kReweighed = {7. / 5,   5. / 5,    //
                                        19. / 15, 17. / 15,  //
                                        5. / 5,   7. / 5,    //
                                        12. / 10, 12. / 10,  //
                                        17. / 15, 19. / 15};

ModelSetup reweighing() {
  ModelSetup setup;
  setup.model.kind = "encoder";
  setup.model.layers = 1;
  setup.model.width = 2;
  setup.model.heads = 1;
  setup.model.feed_forward = 0;
  setup.model.norm = "none";
  setup.model.residual = false;
  setup.model.embedding_scale = "one";
  setup.vocabulary = 5;
  setup.attention = "no_weights";
  setup.attention_options = {{{"normalise", "sum"}}};
  setup.position = "none";
  return setup;
}

TEST(Reweighing, OfFiveWordsIsWhatTheArticleWorksOut) {
  const Transformer model(reweighing(), ParameterSet(1));
  ASSERT_EQ(model.parameters().size(), 1U) << "nothing is learned but the words' vectors";
  Var embedding = model.parameters().front().variable;
  std::copy(kWords.begin(), kWords.end(), embedding.value().data());
  std::vector<double> weights;
  map_attention(model, kSentence, 1, 5, {}, {.against_definition = true}, [&](AttentionMap map) {
    EXPECT_LT(map.exact_error, 1e-6);
    weights = map.weights;
  });
  EXPECT_THAT(weights, Pointwise(DoubleNear(1e-6), kWeights));
  const std::vector<int64_t> every = {0, 1, 2, 3, 4};
  const Var logits = model.logits(kSentence, 1, 5, every, {});
  // The head compares with every word: logits are dot products of what was reweighed.
  std::vector<double> expected;
  for (size_t i = 0; i < 5; ++i) {
    for (size_t j = 0; j < 5; ++j) {
      expected.push_back(kReweighed[2 * i] * kWords[2 * j] +
                         kReweighed[2 * i + 1] * kWords[2 * j + 1]);
    }
  }
  EXPECT_THAT(as_doubles(logits.value().values()), Pointwise(DoubleNear(1e-6), expected));
}

}  // namespace
}  // namespace lengthwise
