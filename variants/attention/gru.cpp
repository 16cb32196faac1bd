#include <cmath>

#include "nn/attention.h"
#include "nn/definition.h"
#include "nn/key_cache.h"

namespace lengthwise {
namespace {

/// A gated recurrent unit, as PyTorch's nn.GRU has it: one state of C numbers, which every token
/// rewrites in part. The recurrent baseline: time O(T), and no step before the one that it follows.
class Gru final : public Attention {
 public:
  struct Options {
    void visit(OptionVisitor& /*visitor*/) {}
  };

  static AttentionInfo info() {
    return {.name = "gru",
            .summary = "gated recurrence, token after token, O(T)",
            .paper = "arXiv:1406.1078",
            .projection = Projection::none,
            .bidirectional = false,
            .decodable = true,
            .dot_product = false,
            .forms_weights = false,
            .linear_in_v = false,
            .order_free = false,
            .takes_positions = false};
  }

  Gru(const AttentionSetup& setup, const Options& /*options*/)
      : channels_(setup.sizes.model_width) {
    // The variance of PyTorch's draws, which are uniform in +-1 / sqrt(C).
    const double deviation = 1.0 / std::sqrt(3.0 * static_cast<double>(channels_));
    const Shape shape = {channels_, 3 * channels_};
    weights_.input = setup.parameters.add("input.weight", shape, deviation);
    weights_.input_bias = setup.parameters.add_constant("input.bias", {3 * channels_}, 0);
    weights_.hidden = setup.parameters.add("hidden.weight", shape, deviation);
    weights_.hidden_bias = setup.parameters.add_constant("hidden.bias", {3 * channels_}, 0);
  }

  Var attend(const AttentionInput& in) const override {
    return gated_recurrence(in.x, weights_, in.mask.keys).reshaped(in.q.shape());
  }

  DecodeState begin_decode(int64_t batch, int64_t /*max_tokens*/) const override {
    return {Tensor::zeros({batch, channels_}, Tag::state)};
  }

  Var extend(DecodeState& state, const AttentionInput& in) const override {
    std::vector<int64_t> taken;
    for (int64_t b = 0; b < in.x.extent(0); ++b) {
      taken.push_back(tokens_taken(in.mask, b, in.x.extent(1)));
    }
    return extend_gated_recurrence(in.x, weights_, taken, state[0]).reshaped(in.q.shape());
  }

  template <class Scalar>
  static void define(Definition<Scalar>& a, const Options& /*options*/) {
    using std::exp;
    using std::tanh;
    const auto sigmoid = [](const Scalar& s) { return Scalar(1) / (Scalar(1) + exp(-s)); };
    // A row times a weight, and a bias: [3C]
    const auto product = [&](const std::string& name, const auto& row) {
      Array<Scalar>& weight = a.parameter(name + ".weight");
      std::vector<Scalar> sums = a.parameter(name + ".bias").data;
      for (int64_t e = 0; e < a.C; ++e) {
        for (int64_t i = 0; i < 3 * a.C; ++i) sums[static_cast<size_t>(i)] += row(e) * weight(e, i);
      }
      return sums;
    };
    const auto C = static_cast<size_t>(a.C);
    for (int64_t b = 0; b < a.B; ++b) {
      std::vector<Scalar> state(C, Scalar(0));
      for (int64_t t = 0; t < a.T; ++t) {
        const auto of_x = product("input", [&](int64_t e) { return a.x(b, t, e); });
        const auto of_state =
            product("hidden", [&](int64_t e) { return state[static_cast<size_t>(e)]; });
        for (size_t c = 0; c < C; ++c) {
          const Scalar reset = sigmoid(of_x[c] + of_state[c]);
          const Scalar update = sigmoid(of_x[C + c] + of_state[C + c]);
          const Scalar candidate = tanh(of_x[2 * C + c] + reset * of_state[2 * C + c]);
          state[c] = (Scalar(1) - update) * candidate + update * state[c];
          a.o(b, t, 0, static_cast<int64_t>(c)) = a.sees(b, t, t) ? state[c] : Scalar(0);
        }
      }
    }
  }

  static AttentionCost cost(const AttentionSizes& s, const Options& /*options*/) {
    const int64_t C = s.model_width, tokens = s.batch * s.queries;
    const int64_t of_matrix = 2 * C * 3 * C;  // FLOPs of a token and one of the two weights
    const int64_t per_row = ledger_bytes(4 * s.batch * C);
    const int64_t of_state = ledger_bytes(4 * s.batch * 3 * C);
    const int64_t gates = ledger_bytes(4 * tokens * 3 * C);
    AttentionCost cost;
    cost.forward.flops = cost.extend.flops = 2 * tokens * of_matrix;
    cost.forward.exponentials = cost.extend.exponentials = 3 * tokens * C;
    cost.forward.workspace_bytes = per_row + of_state;
    cost.extend.workspace_bytes = gates + of_state;
    // The state before the first token takes no slope, and no weight's slope comes from it.
    cost.backward.flops = of_matrix * (2 * tokens + s.batch * (s.queries - 1) + (tokens - 1));
    cost.backward.workspace_bytes =
        ledger_bytes(4 * C) + per_row + of_state + ledger_bytes(4 * 3 * C * C);
    cost.saved_bytes = gates + ledger_bytes(4 * tokens * C);
    cost.saves_output = true;
    cost.state_bytes = per_row;
    cost.useful_forward_flops = cost.forward.flops;
    return cost;
  }

 private:
  int64_t channels_;
  RecurrenceWeights weights_;
};

const bool registered = register_attention<Gru>();

}  // namespace
}  // namespace lengthwise
