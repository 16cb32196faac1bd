#include <cmath>

#include "nn/attention.h"
#include "nn/definition.h"
#include "nn/dense_attention.h"

namespace lengthwise {
namespace {

/// Scaled dot-product attention in its textbook form: softmax(q k^T / sqrt(D)) v. It keeps the
/// [T,S] weights of every head: time and memory grow with the square of the length.
class Full final : public Attention {
 public:
  struct Options {
    void visit(OptionVisitor&) {}
  };

  static AttentionInfo info() {
    return {.name = "full",
            .summary = "scaled dot-product softmax over all keys, weights kept",
            .paper = "arXiv:1706.03762",
            .cross = true,
            .score_bias = true,
            .decodable = true};
  }

  Full(const AttentionSetup& setup, const Options&) : sizes_(setup.sizes) {}

  Var attend(const AttentionInput& in) const override {
    return dense_attention(in.q, in.k, in.v, rule(in));
  }

  DecodeState begin_decode(int64_t batch, int64_t max_tokens) const override {
    return begin_dense_decode(sizes_, batch, max_tokens);
  }
  Var extend(DecodeState& state, const AttentionInput& in) const override {
    return extend_dense(state, in, rule(in));
  }

  template <class Scalar>
  static void define(Definition<Scalar>& a, const Options&) {
    const double scale = scale_of(a.D);
    a.each_output([&](int64_t b, int64_t i, int64_t h) {
      a.mix_normalised(b, i, h, [&](int64_t j) {
        using std::exp;
        return exp(a.dot(b, i, j, h) * Scalar(scale) + a.bias(b, h, i, j));
      });
    });
  }

  static AttentionCost cost(const AttentionSizes& s, const Options&) {
    return dense_attention_cost(s, true);
  }

 private:
  static double scale_of(int64_t width) { return 1.0 / std::sqrt(static_cast<double>(width)); }
  DenseAttentionRule rule(const AttentionInput& in) const {
    return {.mask = in.mask,
            .bias = in.bias,
            .dropout = in.dropout,
            .scale = scale_of(sizes_.head_width)};
  }
  AttentionSizes sizes_;
};

const bool registered = register_attention<Full>();

}  // namespace
}  // namespace lengthwise
