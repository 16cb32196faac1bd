#include <cmath>

#include "nn/attention.h"
#include "nn/definition.h"

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
            .score_bias = true};
  }

  Full(const AttentionSetup& setup, const Options&)
      : scale_(1.0 / std::sqrt(static_cast<double>(setup.sizes.head_width))) {}

  Var attend(const AttentionInput& in) const override {
    return dense_attention(
        in.q, in.k, in.v,
        {.mask = in.mask, .bias = in.bias, .dropout = in.dropout, .scale = scale_});
  }

  template <class Scalar>
  static void define(Definition<Scalar>& a, const Options&) {
    const double scale = 1.0 / std::sqrt(static_cast<double>(a.D));
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
  double scale_;
};

const bool registered = register_attention<Full>();

}  // namespace
}  // namespace lengthwise
