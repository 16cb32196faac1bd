#include <cmath>

#include "nn/attention.h"
#include "nn/definition.h"
#include "nn/dense_attention.h"
#include "nn/tiled_attention_cost.h"

namespace lengthwise {
namespace {

/// Reweighing without weights: nothing is learned or projected. The dot products of the inputs
/// themselves, normalised over the tokens that i sees, reweigh the inputs:
/// softmax(x x^T / sqrt(C)) x, or with `sum` x x^T x divided by the sum of absolute scores, which
/// is the plain normalisation where scores are not negative. On layer-normed inputs |x|^2 = C, so
/// that a token's score with itself is sqrt(C) and nearly all softmax weight falls on it: `raw`
/// reads the residual stream before the norm, and exclude_self leaves the token itself out.
class NoWeights final : public Attention {
 public:
  struct Options {
    std::string inputs = "raw";
    std::string normalise = "softmax";
    bool exclude_self = false;
    void visit(OptionVisitor& v) {
      v.choice(
          "inputs", inputs, {"raw", "normed"},
          "what is reweighed in a pre-norm model: the residual stream before or after the norm");
      v.choice("normalise", normalise, {"softmax", "sum"},
               "softmax of the scores over sqrt(C), or score / sum |scores|");
      v.flag("exclude_self", exclude_self, "a token gives itself no weight");
    }
  };

  static AttentionInfo info() {
    return {.name = "no_weights",
            .summary = "tokens reweighed by their own dot products, nothing learned",
            .paper = "",
            .projection = Projection::none,
            .score_bias = true,
            .decodable = true};
  }

  NoWeights(const AttentionSetup& setup, const Options& options)
      : sizes_(setup.sizes), options_(options) {}

  bool reads_before_norm() const override { return options_.inputs == "raw"; }

  Var attend(const AttentionInput& in) const override {
    return softmax() ? tiled_attention(in.q, in.k, in.v, softmax_rule(in)).out
                     : dense_attention(in.q, in.k, in.v, sum_rule(in));
  }

  // Keys and values apart: a scheme may have turned the keys.
  DecodeState begin_decode(int64_t batch, int64_t max_tokens) const override {
    return begin_dense_decode(sizes_, batch, max_tokens);
  }
  Var extend(DecodeState& state, const AttentionInput& in) const override {
    return softmax() ? extend_tiled(state, in, softmax_rule(in))
                     : extend_dense(state, in, sum_rule(in));
  }

  template <class Scalar>
  static void define(Definition<Scalar>& a, const Options& options) {
    const bool softmax = options.normalise == "softmax";
    a.each_output([&](int64_t b, int64_t i, int64_t h) {
      a.mix_normalised(b, i, h, [&](int64_t j) {
        using std::exp;
        if (options.exclude_self && j == a.position(b, i)) return Scalar(0);
        const Scalar score = a.dot(b, i, j, h) * Scalar(scale(a.D, softmax)) + a.bias(b, h, i, j);
        return softmax ? exp(score) : score;
      });
    });
  }

  static AttentionCost cost(const AttentionSizes& s, const Options& options) {
    return options.normalise == "softmax" ? tiled_attention_cost(s, /*window=*/0)
                                          : dense_attention_cost(s, /*softmax=*/false);
  }

 private:
  static double scale(int64_t width, bool softmax) {
    return softmax ? 1.0 / std::sqrt(static_cast<double>(width)) : 1.0;
  }
  bool softmax() const { return options_.normalise == "softmax"; }

  TiledAttentionRule softmax_rule(const AttentionInput& in) const {
    return {.mask = in.mask,
            .bias = in.bias,
            .dropout = in.dropout,
            .scale = scale(sizes_.head_width, true),
            .exclude_self = options_.exclude_self};
  }
  DenseAttentionRule sum_rule(const AttentionInput& in) const {
    return {.mask = in.mask,
            .bias = in.bias,
            .dropout = in.dropout,
            .scale = scale(sizes_.head_width, false),
            .normalise = DenseAttentionRule::Normalise::sum,
            .exclude_self = options_.exclude_self};
  }
  AttentionSizes sizes_;
  Options options_;
};

const bool registered = register_attention<NoWeights>();

}  // namespace
}  // namespace lengthwise
