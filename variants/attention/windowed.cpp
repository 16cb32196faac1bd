#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "nn/attention.h"
#include "nn/definition.h"
#include "nn/dense_attention.h"
#include "nn/key_cache.h"
#include "nn/tiled_attention_cost.h"

namespace lengthwise {
namespace {

/// Softmax attention over a window of W keys, the query's own included: i-W+1..i when causal,
/// |i-j| < W otherwise. Tiles of queries meet only the keys near them: time O(T W), memory O(T).
class Windowed final : public Attention {
 public:
  struct Options {
    int64_t window = 128;
    void visit(OptionVisitor& v) {
      v.integer("window", window, {1, kLargestSize}, "keys a query sees, itself included");
    }
  };

  static AttentionInfo info() {
    return {.name = "windowed",
            .summary = "softmax over the nearest keys only, O(T W)",
            .paper = "arXiv:2004.05150",
            .score_bias = true,
            .decodable = true,
            .order_free = false,
            .size_option = "window"};
  }

  Windowed(const AttentionSetup& setup, const Options& options)
      : sizes_(setup.sizes),
        scale_(1.0 / std::sqrt(static_cast<double>(setup.sizes.head_width))),
        window_(options.window) {}

  Var attend(const AttentionInput& in) const override {
    return tiled_attention(in.q, in.k, in.v, rule(in)).out;
  }

  /// The keys and values that a next token sees: position p in slot p % slots.
  DecodeState begin_decode(int64_t batch, int64_t max_tokens) const override {
    const int64_t slots = std::min(window_ - 1, max_tokens);
    const Shape shape = {batch, slots, sizes_.key_value_heads, sizes_.head_width};
    return {Tensor(shape, Tag::state), Tensor(shape, Tag::state)};
  }

  // What is remembered of each row, then its new tokens, are a sequence of their own: only
  // distances matter.
  Var extend(DecodeState& state, const AttentionInput& in) const override {
    const int64_t batch = in.q.extent(0), tokens = in.q.extent(1), slots = state[0].extent(1);
    std::vector<int64_t> remembered, keys;
    for (int64_t b = 0; b < batch; ++b) {
      remembered.push_back(std::min(in.mask.position(b, 0), slots));
      keys.push_back(remembered.back() + tokens_taken(in.mask, b, tokens));
    }
    AttentionInput local = in;
    local.k = Var(recent_rows(state[0], in.k, in.mask, remembered));
    local.v = Var(recent_rows(state[1], in.v, in.mask, remembered));
    local.mask = {true, remembered, keys};
    store_rows(in.k, in.mask, state[0]);
    store_rows(in.v, in.mask, state[1]);
    if (tokens > 1) return attend(local);
    // One query sees all that is there: a panel of queries would be all but empty.
    return few_queries_attention(local.q, local.k, local.v, rule(local));
  }

  template <class Scalar>
  static void define(Definition<Scalar>& a, const Options& options) {
    const double scale = 1.0 / std::sqrt(static_cast<double>(a.D));
    a.each_output([&](int64_t b, int64_t i, int64_t h) {
      a.mix_normalised(b, i, h, [&](int64_t j) {
        using std::exp;
        if (std::abs(a.position(b, i) - j) >= options.window) return Scalar(0);
        return exp(a.dot(b, i, j, h) * Scalar(scale) + a.bias(b, h, i, j));
      });
    });
  }

  static int64_t reach(const Options& options) { return options.window - 1; }

  static AttentionCost cost(const AttentionSizes& sizes, const Options& options) {
    AttentionCost cost = tiled_attention_cost(sizes, options.window);
    const int64_t row = sizes.batch * sizes.key_value_heads * sizes.head_width;
    cost.state_bytes = 2 * ledger_bytes(4 * std::min(options.window - 1, sizes.keys) * row);
    // Keys and values of the window and the new tokens are copied together.
    AttentionSizes recent = sizes;
    recent.keys = sizes.queries + std::min(options.window - 1, sizes.keys - sizes.queries);
    cost.extend = sizes.queries == 1 ? dense_attention_cost(recent, /*softmax=*/true).extend
                                     : tiled_extend_cost(recent, options.window);
    cost.extend.workspace_bytes += 2 * ledger_bytes(4 * recent.keys * row);
    return cost;
  }

 private:
  TiledAttentionRule rule(const AttentionInput& in) const {
    return {.mask = in.mask,
            .bias = in.bias,
            .dropout = in.dropout,
            .scale = scale_,
            .window = window_};
  }

  // [B, most remembered + T, G, D]: the remembered rows in order, then the new ones.
  static Tensor recent_rows(const Tensor& ring, const Var& rows, const AttentionMask& mask,
                            std::span<const int64_t> remembered) {
    const int64_t batch = rows.extent(0), tokens = rows.extent(1), slots = ring.extent(1);
    const int64_t width = rows.extent(2) * rows.extent(3);
    const int64_t length = *std::max_element(remembered.begin(), remembered.end()) + tokens;
    Tensor recent({batch, length, rows.extent(2), rows.extent(3)}, Tag::workspace);
    parallel_for(batch, [&](int64_t b, int) {
      const int64_t kept = remembered[static_cast<size_t>(b)];
      float* to = recent.data() + b * length * width;
      for (int64_t i = 0; i < kept; ++i) {
        const int64_t slot = (mask.position(b, 0) - kept + i) % slots;
        std::copy_n(ring.data() + (b * slots + slot) * width, width, to + i * width);
      }
      std::copy_n(rows.data() + b * tokens * width, tokens * width, to + kept * width);
      std::fill(to + (kept + tokens) * width, to + length * width, 0.0F);
    });
    return recent;
  }

  AttentionSizes sizes_;
  double scale_;
  int64_t window_;
};

const bool registered = register_attention<Windowed>();

}  // namespace
}  // namespace lengthwise
