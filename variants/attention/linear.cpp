#include <algorithm>

#include "base/check.h"
#include "nn/attention.h"
#include "nn/definition.h"
#include "nn/key_cache.h"

namespace lengthwise {
namespace {

/// Linear attention: features phi(x) = elu(x) + 1 in place of the softmax,
/// o_i = phi(q_i) sum_j phi(k_j) v_j^T / (phi(q_i) . sum_j phi(k_j)) over the keys seen. The causal
/// form goes in chunks: within one by scores, between them by a sum of D (D+1) numbers. Time and
/// memory O(T).
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

  static AttentionCost cost(const AttentionSizes& n, const Options& options) {
    const Work work(n, options.chunk);
    const int64_t D = n.head_width, E = D + 1, T = n.queries, S = n.keys;
    const int64_t of_queries = work.rows * T, of_keys = work.groups * S;
    // Segments find the sums before (or after) them in a pass of its own, which all keys need.
    const int64_t key_passes = n.causal && work.key_segments > 1 ? 2 : 1;
    AttentionCost cost;
    cost.forward.flops =
        (of_keys * key_passes + of_queries) * 2 * D * E + work.rows * work.squares * 2 * (D + E);
    cost.forward.exponentials = (of_keys * key_passes + of_queries) * D;
    cost.forward.workspace_bytes = work.slab_bytes + work.state_bytes(work.key_segments);
    // Slopes of queries: the keys' sums again. Slopes of keys and values: the queries' sums.
    cost.backward.flops = (of_keys * key_passes + of_queries) * 2 * D * E +
                          of_queries * key_passes * 2 * D * E + of_keys * 2 * D * (E + D) +
                          work.rows * work.squares * 2 * (2 * E + 4 * D);
    cost.backward.exponentials = (of_keys + of_queries) * (key_passes + 1) * D;
    cost.backward.workspace_bytes =
        work.slab_bytes + work.state_bytes(std::max(work.key_segments, work.query_segments));
    cost.saved_bytes = ledger_bytes(4 * of_queries);
    cost.saves_output = true;
    cost.state_bytes = ledger_bytes(4 * work.groups * 2 * D * E);
    cost.useful_forward_flops = (of_keys + of_queries) * 2 * D * E;

    // New tokens cost what a causal sequence of their own costs, in one segment.
    AttentionSizes fresh = n;
    fresh.keys = T;
    fresh.causal = true;
    const Work added(fresh, options.chunk);
    cost.extend = {
        (work.groups + work.rows) * T * 2 * D * E + work.rows * added.squares * 2 * (D + E),
        (work.groups + work.rows) * T * D, added.slab_bytes + ledger_bytes(4 * of_queries)};
    return cost;
  }

 private:
  // How the work is cut.
  struct Work {
    int64_t rows, groups;  // of queries, of keys
    int64_t squares = 0;   // pairs within a sequence's chunks
    int64_t key_segments, query_segments, slab_bytes, sum_floats;

    Work(const AttentionSizes& n, int64_t chunk)
        : rows(n.batch * n.heads), groups(n.batch * n.key_value_heads) {
      const int64_t D = n.head_width;
      for (int64_t i = 0; n.causal && i < n.queries; i += chunk) {
        squares += std::min(chunk, n.queries - i) * std::min(chunk, n.queries - i);
      }
      const auto segments = [&](int64_t tokens) {
        return std::clamp<int64_t>(8 / groups, 1,
                                   std::max<int64_t>(1, (tokens + chunk - 1) / chunk));
      };
      key_segments = segments(n.keys);
      query_segments = segments(n.queries);
      sum_floats = D * (D + 1);
      const int64_t c = std::min(chunk, std::max<int64_t>({1, n.queries, n.keys}));
      const auto lines = [](int64_t floats) { return (floats + 15) / 16 * 16; };
      slab_bytes = ledger_bytes(4 * n.threads *
                                (7 * lines(c * D) + lines(c * c) + lines(c) +
                                 3 * lines(sum_floats) + lines(2 * sum_floats)));
    }
    int64_t state_bytes(int64_t segments) const {
      return ledger_bytes(4 * groups * segments * 2 * sum_floats);
    }
  };

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
