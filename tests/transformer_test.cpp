#include "nn/transformer.h"

#include <gmock/gmock.h>

#include <map>

#include "base/counters.h"
#include "tests/gradient_check.h"
#include "train/trainer.h"

namespace lengthwise {
namespace {

constexpr int64_t kBatch = 2, kLength = 5, kVocabulary = 7;
const std::vector<int32_t> kTokens = {1, 4, 0, 6, 1, 2, 2, 5, 3, 0};
const std::vector<int64_t> kLabelled = {1, 4, 7};
const std::vector<int32_t> kTargets = {3, 0, 6};

ModelSetup tiny(const std::string& norm = "pre", const std::string& head = "tied") {
  ModelSetup setup;
  setup.model.layers = 2;
  setup.model.width = 4;
  setup.model.heads = 2;
  setup.model.feed_forward = 1.5;
  setup.model.norm = norm;
  setup.model.head = head;
  setup.model.initial_deviation = 0.4;
  setup.vocabulary = kVocabulary;
  setup.attention = "full";
  setup.position = "learned";
  setup.position_options = {{"longest", "6"}, {"standard_deviation", "0.5"}};
  setup.seed = 3;
  return setup;
}

// The whole model and its loss, written naively in any scalar; weights by name.
template <class S>
struct Reference {
  ModelSetup setup;
  std::map<std::string, Array<S>> weights;
  using Rows = std::vector<std::vector<S>>;

  Array<S>& weight(const std::string& name) { return weights.at(name); }

  std::vector<S> norm(const std::vector<S>& x, const std::string& name) {
    using std::sqrt;
    S mean(0), variance(0);
    const S n(static_cast<double>(x.size()));
    for (const S& v : x) mean += v / n;
    for (const S& v : x) variance += (v - mean) * (v - mean) / n;
    std::vector<S> out;
    for (size_t c = 0; c < x.size(); ++c) {
      out.push_back((x[c] - mean) / sqrt(variance + S(1e-5)) * weight(name + ".gain").data[c] +
                    weight(name + ".bias").data[c]);
    }
    return out;
  }

  std::vector<S> map(const std::vector<S>& x, const std::string& name) {
    if (!weights.contains(name + ".bias")) return x;
    std::vector<S> out = weight(name + ".bias").data;
    for (size_t i = 0; i < x.size(); ++i) {
      for (size_t j = 0; j < out.size(); ++j) {
        out[j] += x[i] * weight(name + ".weight").data[i * out.size() + j];
      }
    }
    return out;
  }

  std::vector<S> attention(const Rows& in, size_t i, const std::string& layer) {
    using std::exp;
    const auto heads = static_cast<size_t>(setup.model.heads);
    const size_t width = in[0].size() / heads;
    const std::vector<S> q = map(in[i], layer + "query");
    std::vector<S> mixed(in[0].size(), S(0));
    for (size_t h = 0; h < heads; ++h) {
      std::vector<S> weights_of;
      S total(0);
      for (size_t j = 0; j <= i; ++j) {
        const std::vector<S> k = map(in[j], layer + "key");
        S score(0);
        for (size_t d = h * width; d < (h + 1) * width; ++d) score += q[d] * k[d];
        weights_of.push_back(exp(score / S(std::sqrt(static_cast<double>(width)))));
        total += weights_of.back();
      }
      for (size_t j = 0; j <= i; ++j) {
        const std::vector<S> v = map(in[j], layer + "value");
        for (size_t d = h * width; d < (h + 1) * width; ++d)
          mixed[d] += weights_of[j] / total * v[d];
      }
    }
    return map(mixed, layer + "output");
  }

  std::vector<S> feed_forward(const std::vector<S>& in, const std::string& layer) {
    std::vector<S> wide = map(in, layer + "widen");
    for (S& v : wide) v = bent(setup.model.gelu_form(), v);
    return map(wide, layer + "narrow");
  }

  void add_part(std::vector<S>& x, const std::vector<S>& y) {
    for (size_t c = 0; c < x.size(); ++c) x[c] = setup.model.residual ? x[c] + y[c] : y[c];
  }

  Rows stream(size_t b) {
    const auto width = static_cast<size_t>(setup.model.width);
    const bool pre = setup.model.norm == "pre", post = setup.model.norm == "post";
    const bool scales = setup.model.embedding_scale == "root_width";
    Rows x;
    for (size_t t = 0; t < kLength; ++t) {
      const auto token = static_cast<size_t>(kTokens[b * kLength + t]);
      x.emplace_back();
      for (size_t c = 0; c < width; ++c) {
        x[t].push_back(weight("embedding").data[token * width + c] *
                           S(scales ? std::sqrt(static_cast<double>(width)) : 1.0) +
                       weight("position.table").data[t * width + c]);
      }
    }
    for (int64_t l = 0; l < setup.model.layers; ++l) {
      const std::string layer = "layers." + std::to_string(l) + ".";
      Rows in = x, out = x;
      for (size_t t = 0; pre && t < kLength; ++t) in[t] = norm(x[t], layer + "attention_norm");
      for (size_t t = 0; t < kLength; ++t) {
        add_part(out[t], attention(in, t, layer));
        if (post) out[t] = norm(out[t], layer + "attention_norm");
        if (setup.model.feed_forward == 0) continue;
        add_part(out[t],
                 feed_forward(pre ? norm(out[t], layer + "feed_forward_norm") : out[t], layer));
        if (post) out[t] = norm(out[t], layer + "feed_forward_norm");
      }
      x = out;
    }
    return x;
  }

  S loss() {
    using std::exp;
    using std::log;
    const Rows streams[] = {stream(0), stream(1)};
    const auto width = static_cast<size_t>(setup.model.width);
    S sum(0);
    for (size_t n = 0; n < kLabelled.size(); ++n) {
      const auto at = static_cast<size_t>(kLabelled[n]);
      std::vector<S> x = streams[at / kLength][at % kLength];
      if (setup.model.norm == "pre") x = norm(x, "final_norm");
      std::vector<S> logits;
      if (setup.model.head == "free") logits = map(x, "head");
      for (size_t v = 0; setup.model.head == "tied" && v < kVocabulary; ++v) {
        logits.emplace_back(0);
        for (size_t c = 0; c < width; ++c)
          logits[v] += x[c] * weight("embedding").data[v * width + c];
      }
      S total(0);
      for (const S& logit : logits) total += exp(logit);
      sum += log(total) - logits[static_cast<size_t>(kTargets[n])];
    }
    return sum / S(static_cast<double>(kLabelled.size()));
  }
};

template <class S>
Reference<S> reference_of(const ModelSetup& setup, const Transformer& model) {
  Reference<S> reference{setup, {}};
  for (const Parameter& p : model.parameters()) {
    reference.weights[p.name] = lifted<S>(p.variable.value());
  }
  return reference;
}

Batch labelled_batch() {
  Batch batch{.batch = kBatch, .length = kLength, .tokens = {}, .labelled = {}, .targets = {}};
  batch.tokens.assign(kTokens.begin(), kTokens.end());
  batch.labelled.assign(kLabelled.begin(), kLabelled.end());
  batch.targets.assign(kTargets.begin(), kTargets.end());
  return batch;
}

struct Shaped {
  std::string norm, head;
  double feed_forward = 1.5;
  bool residual = true;
  std::string projections = "qkv";

  friend void PrintTo(const Shaped& shaped, std::ostream* out) {
    *out << shaped.norm << " " << shaped.head << " feed_forward=" << shaped.feed_forward
         << " residual=" << shaped.residual << " " << shaped.projections;
  }
};

class WholeModel : public testing::TestWithParam<Shaped> {};

TEST_P(WholeModel, EqualsANaiveOneInLossAndInEveryGradient) {
  const PoisonedBuffers poisoned;
  ModelSetup setup = tiny(GetParam().norm, GetParam().head);
  setup.model.feed_forward = GetParam().feed_forward;
  setup.model.residual = GetParam().residual;
  setup.model.projections = GetParam().projections;
  if (setup.model.head == "free") setup.model.gelu = "tanh";
  if (setup.model.norm == "post") setup.model.embedding_scale = "one";
  const Transformer model(setup, ParameterSet(setup.seed));
  const double loss = forward_backward(model, labelled_batch(), {});
  EXPECT_NEAR(loss, reference_of<double>(setup, model).loss(), 2e-5);
  for (const Parameter& parameter : model.parameters()) {
    std::vector<double> slopes;
    for (int64_t i = 0; i < parameter.variable.value().size(); ++i) {
      Reference<Dual> reference = reference_of<Dual>(setup, model);
      reference.weight(parameter.name).data[static_cast<size_t>(i)].slope = 1;
      slopes.push_back(reference.loss().slope);
    }
    // A key's bias moves every score of a query alike: its slope is 0, up to rounding.
    if (parameter.name.ends_with("key.bias")) continue;
    EXPECT_LE(relative_error(as_doubles(parameter.variable.gradient()->values()), slopes),
              kGradientTolerance)
        << parameter.name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, WholeModel,
    testing::Values(Shaped{"pre", "tied"}, Shaped{"post", "free"}, Shaped{"pre", "free", 0},
                    Shaped{"post", "tied", 0}, Shaped{"none", "tied"}, Shaped{"none", "free", 0},
                    Shaped{"pre", "tied", 1.5, false}, Shaped{"post", "tied", 1.5, false},
                    Shaped{"none", "tied", 0, false}, Shaped{"pre", "tied", 1.5, true, "qk"},
                    Shaped{"pre", "tied", 0, true, "v"},
                    Shaped{"post", "tied", 1.5, true, "none"}));

Tensor logits_of(const Transformer& model, std::vector<int32_t> tokens,
                 std::vector<int64_t> labelled) {
  const auto length = static_cast<int64_t>(tokens.size());
  return model.logits(tokens, 1, length, labelled, {}).value();
}

TEST(Transformer, DoesNotLookAhead) {
  for (const AttentionVariant& variant : attention_variants()) {
    ModelSetup setup = tiny();
    setup.attention = std::string(variant.info.name);
    const Transformer model(setup, ParameterSet(1));
    const Tensor a = logits_of(model, {1, 2, 3, 4, 5}, {0, 1, 2});
    const Tensor b = logits_of(model, {1, 2, 3, 0, 6}, {0, 1, 2});
    EXPECT_TRUE(std::ranges::equal(a.values(), b.values())) << setup.attention;
    const Tensor c = logits_of(model, {6, 2, 3, 4, 5}, {2});
    EXPECT_FALSE(std::ranges::equal(std::span(a.values()).last(kVocabulary), c.values()))
        << setup.attention << " does not look back";
  }
}

TEST(Transformer, CountsWithoutAllocating) {
  for (const AttentionVariant& variant : attention_variants()) {
    ModelSetup setup = tiny();
    setup.attention = std::string(variant.info.name);
    const int64_t before = MemoryLedger::instance().use().live_bytes;
    const Transformer counted(setup, ParameterSet::counting());
    EXPECT_EQ(MemoryLedger::instance().use().live_bytes, before);
    EXPECT_EQ(counted.parameter_count(), Transformer(setup, ParameterSet(1)).parameter_count());
  }
}

TEST(Transformer, ParametersAreDrawnByNameWhateverElseThereIs) {
  ModelSetup a = tiny(), b = tiny();
  b.attention = "linear";
  b.position = "none";
  b.position_options = {};
  const Transformer whole(a, ParameterSet(9)), part(b, ParameterSet(9));
  for (const Parameter& p : part.parameters()) {
    const auto same = std::find_if(whole.parameters().begin(), whole.parameters().end(),
                                   [&](const Parameter& other) { return other.name == p.name; });
    ASSERT_NE(same, whole.parameters().end()) << p.name;
    EXPECT_TRUE(std::ranges::equal(p.variable.value().values(), same->variable.value().values()));
  }
}

TEST(Transformer, ProjectsOnlyLabelledPositionsToTheVocabulary) {
  const Transformer model(tiny(), ParameterSet(1));
  const auto head_flops = [&](const std::vector<int64_t>& labelled) {
    reset_counters();
    logits_of(model, {1, 2, 3, 4, 5}, labelled);
    return read_counters().flops[static_cast<size_t>(Scope::head)];
  };
  EXPECT_EQ(head_flops({4}), 2 * 4 * kVocabulary);
  EXPECT_EQ(head_flops({0, 1, 4}), 3 * head_flops({4}));
}

TEST(Transformer, DropsOutInTrainingOnlyAndAsTheStepSays) {
  ModelSetup setup = tiny();
  setup.model.dropout = setup.model.attention_dropout = 0.3;
  const Transformer model(setup, ParameterSet(1));
  const auto logits = [&](const ForwardPass& pass) {
    const Var out = model.logits(kTokens, kBatch, kLength, kLabelled, pass);
    return std::vector<float>(out.value().values().begin(), out.value().values().end());
  };
  EXPECT_EQ(logits({true, 1, 5}), logits({true, 1, 5}));
  EXPECT_NE(logits({true, 1, 5}), logits({true, 1, 6}));
  EXPECT_NE(logits({true, 1, 5}), logits({true, 2, 5}));
  setup.model.dropout = setup.model.attention_dropout = 0;
  const Transformer undropped(setup, ParameterSet(1));
  const Var out = undropped.logits(kTokens, kBatch, kLength, kLabelled, {true, 1, 5});
  EXPECT_TRUE(std::ranges::equal(logits({}), out.value().values()));
}

// Pre-norm, every part reads the stream through a norm: a direction of ones never shows.
TEST(Transformer, PositionsAlongOnesAreInvisibleToAPreNormModel) {
  ModelSetup setup = tiny();
  setup.position = "linear_incremental";
  const auto logits = [&](const std::string& direction, const std::string& step) {
    setup.position_options = {{"direction", direction}, {"step", step}};
    const Tensor out = logits_of(Transformer(setup, ParameterSet(1)), {1, 2, 3, 4, 5}, {2, 4});
    return as_doubles(out.values());
  };
  EXPECT_LE(relative_error(logits("ones", "1"), logits("ones", "1e-6")), 1e-5);
  EXPECT_GT(relative_error(logits("alternating", "1"), logits("alternating", "1e-6")), 1e-2);
}

std::string refusal(const ModelSetup& setup) {
  try {
    check_model(setup);
  } catch (const UserError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Transformer, RefusesWhatCannotWork) {
  EXPECT_EQ(refusal(tiny()), "accepted");
  ModelSetup setup = tiny();
  setup.model.heads = 3;
  EXPECT_EQ(refusal(setup), "model.heads: found 3, expected a divisor of model.width = 4");
  setup = tiny();
  setup.model.projections = "v";
  setup.model.key_value_heads = 1;
  EXPECT_EQ(refusal(setup),
            "model.key_value_heads: found 1, expected 0 or model.heads = 2 with model.projections "
            "= v: heads split the layer's input");
  setup = tiny();
  setup.attention = "linear";
  setup.model.attention_dropout = 0.1;
  EXPECT_EQ(refusal(setup),
            "model.attention_dropout: linear forms no weights to drop; found 0.1, expected 0");
  EXPECT_THAT(why_refused(attention_variant("linear").info, position_scheme("alibi").info),
              testing::HasSubstr("linear forms no scores"));
  EXPECT_EQ(why_refused(attention_variant("full").info, position_scheme("alibi").info), "");
}

}  // namespace
}  // namespace lengthwise
