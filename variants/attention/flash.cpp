#include <cmath>

#include "nn/attention.h"
#include "nn/definition.h"
#include "nn/dense_attention.h"
#include "nn/tiled_attention_cost.h"

namespace lengthwise {
namespace {

/// What `full` computes, without ever holding the [T,S] weights: tiles of scores with a running
/// softmax, recomputed in the backward pass. Time is quadratic, memory O(T).
class Flash final : public Attention {
 public:
  struct Options {
    void visit(OptionVisitor&) {}
  };

  static AttentionInfo info() {
    return {.name = "flash",
            .summary = "full in tiles: exact, and memory O(T)",
            .paper = "arXiv:2205.14135",
            .cross = true,
            .score_bias = true,
            .decodable = true};
  }

  Flash(const AttentionSetup& setup, const Options&) : sizes_(setup.sizes) {}

  Var attend(const AttentionInput& in) const override {
    return tiled_attention(in.q, in.k, in.v, rule(in)).out;
  }

  DecodeState begin_decode(int64_t batch, int64_t max_tokens) const override {
    return begin_dense_decode(sizes_, batch, max_tokens);
  }
  Var extend(DecodeState& state, const AttentionInput& in) const override {
    return extend_tiled(state, in, rule(in));
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

  static AttentionCost cost(const AttentionSizes& sizes, const Options&) {
    return tiled_attention_cost(sizes, /*window=*/0);
  }

 private:
  static double scale_of(int64_t width) { return 1.0 / std::sqrt(static_cast<double>(width)); }
  TiledAttentionRule rule(const AttentionInput& in) const {
    return {.mask = in.mask,
            .bias = in.bias,
            .dropout = in.dropout,
            .scale = scale_of(sizes_.head_width)};
  }
  AttentionSizes sizes_;
};

const bool registered = register_attention<Flash>();

}  // namespace
}  // namespace lengthwise
