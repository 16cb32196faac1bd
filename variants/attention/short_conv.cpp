#include <algorithm>
#include <cmath>

#include "nn/attention.h"
#include "nn/definition.h"
#include "nn/key_cache.h"

namespace lengthwise {
namespace {

/// Causal depth-wise convolution over the last few tokens; gated, conv(u) * (u W + b) + u, the
/// BaseConv of HazyResearch/zoology. Nothing is compared: it brings what stands side by side
/// together, for another layer to find.
class ShortConv final : public Attention {
 public:
  struct Options {
    int64_t width = 3;
    bool gated = false;
    void visit(OptionVisitor& v) {
      v.integer("width", width, {1, 4096}, "tokens that an output depends on, its own included");
      v.flag("gated", gated, "conv(u) * (u W + b) + u in place of conv(u)");
    }
  };

  static AttentionInfo info() {
    return {.name = "short_conv",
            .summary = "causal depth-wise convolution over a few tokens, O(T K)",
            .paper = "arXiv:2312.04927",
            .projection = Projection::none,
            .bidirectional = false,
            .decodable = true,
            .dot_product = false,
            .forms_weights = false,
            .linear_in_v = false,
            .order_free = false,
            .takes_positions = false};
  }

  ShortConv(const AttentionSetup& setup, const Options& options)
      : channels_(setup.sizes.model_width), width_(options.width) {
    const auto taps = static_cast<double>(width_);
    weights_.kernel =
        setup.parameters.add("kernel", {width_, channels_}, 1.0 / std::sqrt(3.0 * taps));
    weights_.bias = setup.parameters.add_constant("bias", {channels_}, 0);
    if (!options.gated) return;
    weights_.gate =
        setup.parameters.add("gate.weight", {channels_, channels_}, setup.initial_deviation);
    weights_.gate_bias = setup.parameters.add_constant("gate.bias", {channels_}, 0);
  }

  Var attend(const AttentionInput& in) const override {
    return short_convolution(in.x, weights_, in.mask.keys).reshaped(in.q.shape());
  }

  /// The last tokens but one: that of position p in slot p % slots.
  DecodeState begin_decode(int64_t batch, int64_t max_tokens) const override {
    return {Tensor({batch, std::min(width_ - 1, max_tokens), channels_}, Tag::state)};
  }

  Var extend(DecodeState& state, const AttentionInput& in) const override {
    const int64_t batch = in.x.extent(0), tokens = in.x.extent(1);
    std::vector<int64_t> first, taken;
    for (int64_t b = 0; b < batch; ++b) {
      first.push_back(in.mask.position(b, 0));
      taken.push_back(tokens_taken(in.mask, b, tokens));
    }
    const Var out = extend_short_convolution(in.x, weights_, first, taken, state[0]);
    store_rows(in.x.reshaped({batch, tokens, 1, channels_}), in.mask, state[0]);
    return out.reshaped(in.q.shape());
  }

  template <class Scalar>
  static void define(Definition<Scalar>& a, const Options& options) {
    a.each_output([&](int64_t b, int64_t i, int64_t h) {
      for (int64_t c = 0; c < a.C; ++c) {
        Scalar sum = a.parameter("bias")(c);
        for (int64_t k = 0; k < options.width && k <= i; ++k) {
          sum += a.parameter("kernel")(k, c) * a.x(b, i - k, c);
        }
        if (options.gated) {
          Scalar gate = a.parameter("gate.bias")(c);
          for (int64_t e = 0; e < a.C; ++e) gate += a.x(b, i, e) * a.parameter("gate.weight")(e, c);
          sum = sum * gate + a.x(b, i, c);
        }
        a.o(b, i, h, c) = a.sees(b, i, i) ? sum : Scalar(0);
      }
    });
  }

  static int64_t reach(const Options& options) { return options.width - 1; }

  static AttentionCost cost(const AttentionSizes& s, const Options& options) {
    const int64_t width = options.width, channels = s.model_width, rows = s.batch * s.queries;
    const int64_t bytes = ledger_bytes(4 * rows * channels);
    const int64_t of_gate = options.gated ? 2 * rows * channels * channels : 0;
    AttentionCost cost;
    cost.forward.flops = cost.extend.flops = 2 * rows * channels * width + of_gate;
    cost.backward.flops = 2 * cost.forward.flops;
    if (options.gated) {
      cost.saved_bytes = cost.backward.workspace_bytes = cost.extend.workspace_bytes = 2 * bytes;
    }
    cost.state_bytes = ledger_bytes(4 * s.batch * std::min(width - 1, s.keys) * channels);
    int64_t pairs = 0;
    for (int64_t i = 0; i < s.queries; ++i) pairs += std::min(i + 1, width);
    cost.useful_forward_flops = 2 * s.batch * channels * pairs + of_gate;
    return cost;
  }

 private:
  int64_t channels_, width_;
  ConvolutionWeights weights_;
};

const bool registered = register_attention<ShortConv>();

}  // namespace
}  // namespace lengthwise
