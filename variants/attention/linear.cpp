#include <algorithm>

#include "base/check.h"
#include "nn/attention.h"
#include "nn/definition.h"
#include "nn/key_cache.h"

namespace lengthwise {
namespace {

/// Linear attention: features phi(x) = elu(x) + 1 in place of the softmax,
/// o_i = phi(q_i) sum_j phi(k_j) v_j^T / (phi(q_i) . sum_j phi(k_j)) over the keys seen. The causal
/// form goes in chunks: within one by scores, between them by a [D,D+1] state. Time and memory
/// O(T).
class Linear final : public Attention {
 public:
  struct Options {
    int64_t chunk = 64;
    void visit(OptionVisitor& v) {
      v.integer("chunk", chunk, {1, 4096}, "tokens of a chunk: changes the cost, not the result");
    }
  };

  static AttentionInfo info() {
    return {.name = "linear",
            .summary = "elu(x)+1 features in place of softmax, O(T)",
            .paper = "arXiv:2006.16236",
            .cross = true,
            .decodable = true,
            .dot_product = false,
            .forms_weights = false};
  }

  Linear(const AttentionSetup& setup, const Options& options)
      : sizes_(setup.sizes), chunk_(options.chunk) {}

  Var attend(const AttentionInput& in) const override {
    check_input(in);
    return linear_attention(in.q, in.k, in.v, in.mask, chunk_);
  }

  DecodeState begin_decode(int64_t batch, int64_t) const override {
    return {Tensor::zeros(linear_attention_state(batch, sizes_.key_value_heads, sizes_.head_width),
                          Tag::state)};
  }

  Var extend(DecodeState& state, const AttentionInput& in) const override {
    check_input(in);
    std::vector<int64_t> taken;
    for (int64_t b = 0; b < in.q.extent(0); ++b) {
      taken.push_back(tokens_taken(in.mask, b, in.q.extent(1)));
    }
    return extend_linear_attention(in.q, in.k, in.v, taken, chunk_, state[0]);
  }

  template <class Scalar>
  static void define(Definition<Scalar>& a, const Options&) {
    const auto feature = [](const Scalar& x) {
      using std::exp;
      return value_of(x) > 0 ? x + Scalar(1) : exp(x);
    };
    a.each_output([&](int64_t b, int64_t i, int64_t h) {
      a.mix_normalised(b, i, h, [&](int64_t j) {
        Scalar sum(0);
        for (int64_t d = 0; d < a.D; ++d)
          sum += feature(a.q(b, i, h, d)) * feature(a.k(b, j, h, d));
        return sum;
      });
    });
  }

  static AttentionCost cost(const AttentionSizes& sizes, const Options& options) {
    AttentionCost cost = attend_cost(sizes, options);
    // New tokens cost what a causal sequence of their own costs, in inference.
    AttentionSizes fresh = sizes;
    fresh.keys = fresh.queries;
    fresh.causal = true;
    const AttentionCost of_fresh = attend_cost(fresh, options);
    cost.extend = of_fresh.forward;
    cost.extend.workspace_bytes += of_fresh.saved_bytes;
    return cost;
  }

 private:
  static AttentionCost attend_cost(const AttentionSizes& n, const Options& options) {
    const int64_t D = n.head_width, E = D + 1, T = n.queries, S = n.keys, chunk = options.chunk;
    const int64_t by_query = n.batch * n.heads, by_key = n.batch * n.key_value_heads;
    const int64_t state = 2 * D * E;  // FLOPs of one token against a state
    int64_t squares = 0;              // pairs within chunks
    for (int64_t i = 0; n.causal && i < T; i += chunk) {
      squares += std::min(chunk, T - i) * std::min(chunk, T - i);
    }
    const int64_t chunks = (S + chunk - 1) / chunk;
    const int64_t slabs = chunk * (2 * D + 2 * E + chunk + std::max(chunk, E));
    AttentionCost cost;
    // Forward: key states; queries against states; scores and their product with [v, 1].
    cost.forward.flops = by_key * S * state + by_query * (T * state + squares * 2 * (D + E));
    cost.forward.exponentials =
        by_key * S * D + by_query * T * D + (n.causal ? by_query * T * D : 0);
    // Backward: both states again, then slopes of queries, keys and values.
    cost.backward.flops = by_key * S * state + by_query * T * state + by_query * T * state +
                          by_key * S * 2 * state + by_query * squares * 2 * 3 * (D + E);
    cost.backward.exponentials =
        by_key * S * D + by_query * T * D +                          // states
        by_query * T * D + (n.causal ? by_query * T * D : 0) +       // slopes of queries
        2 * by_key * S * D + (n.causal ? 2 * by_query * T * D : 0);  // slopes of keys and values
    cost.forward.workspace_bytes =
        ledger_bytes(4 * n.threads * slabs) + ledger_bytes(4 * by_key * chunks * D * E);
    cost.backward.workspace_bytes =
        ledger_bytes(4 * n.threads * slabs) + 2 * ledger_bytes(4 * by_key * chunks * D * E);
    cost.saved_bytes = ledger_bytes(4 * by_query * T);
    cost.saves_output = true;
    cost.state_bytes = ledger_bytes(4 * by_key * 2 * D * E);
    cost.useful_forward_flops = by_key * S * state + by_query * T * state;
    return cost;
  }

  static void check_input(const AttentionInput& in) {
    check(in.bias == nullptr, "linear: a score bias, but there are no scores");
    check_equal(in.dropout.rate, 0.0, "linear: dropout of weights that are never formed");
  }

  AttentionSizes sizes_;
  int64_t chunk_;
};

const bool registered = register_attention<Linear>();

}  // namespace
}  // namespace lengthwise
