// The differentiable operations. Each is a pair of plain functions, foo_forward and foo_backward,
// in the .cpp file of its name; what stands here runs the forward and records the backward.
#pragma once
#include <functional>
#include <span>

#include "autograd/attention_terms.h"
#include "autograd/tape.h"
#include "kernels/rows.h"

namespace lengthwise {

/// [B,T,C]: scale * table[tokens[b,t]]; tokens [B,T], table [V,C].
Var embedding(std::span<const int32_t> tokens, int64_t batch, int64_t length, const Var& table,
              double scale);

/// [B,T,C]: x + table[first(b) + t]; x [B,T,C], table [at least first + T, C]; first empty: 0.
Var add_position_rows(const Var& x, const Var& table, std::span<const int64_t> first);

/// [..., N] = x weight + bias; x [..., K], weight [K,N], bias [N] or undefined.
Var linear(const Var& x, const Var& weight, const Var& bias);

/// gelu(linear(x, weight, bias)), each tile of the product bent while it is in the cache.
Var linear_gelu(const Var& x, const Var& weight, const Var& bias, Gelu form = Gelu::erf);

/// [..., V] = x table^T: the output head that is tied to the embedding; x [..., C], table [V,C].
Var linear_transposed(const Var& x, const Var& table);

/// (x - mean) / sqrt(variance + 1e-5) * gain + bias over the last axis; x [..., C], gain, bias [C].
/// Ba, Kiros, Hinton 2016, arXiv:1607.06450.
Var layer_norm(const Var& x, const Var& gain, const Var& bias);

struct SumAndNorm {
  Var sum, normed;
};

/// a + b and its layer_norm, in one pass over the rows; a, b [..., C], gain, bias [C].
SumAndNorm add_layer_norm(const Var& a, const Var& b, const Var& gain, const Var& bias);

/// x (1 + erf(x / sqrt 2)) / 2, or its form with tanh. Hendrycks, Gimpel 2016, arXiv:1606.08415.
Var gelu(const Var& x, Gelu form = Gelu::erf);

/// a + b, of one shape.
Var add(const Var& a, const Var& b);
/// What add records of a sum that is already there.
Var record_sum(Tensor sum, const Var& a, const Var& b);

/// x itself at rate 0.
Var dropout(const Var& x, const Dropout& dropout);

/// [N,C]: the rows of x [..., C] that `rows` [N] names, counted over all leading axes.
Var gather_rows(const Var& x, std::span<const int64_t> rows);

/// Mean over rows of -sum(q log softmax(logits)), in nats: [1]; logits [N,V], targets [N];
/// q = (1 - smoothing) one_hot(target) + smoothing / V. Szegedy et al. 2016, arXiv:1512.00567.
Var cross_entropy(const Var& logits, std::span<const int32_t> targets, double smoothing = 0);

/// Rotates each pair (2d, 2d+1) of the last axis by the angle whose cosine and sine stand in
/// table [positions, D/2, 2] at row first(b) + i; x [B,T,H,D], D even.
/// Su et al. 2021, arXiv:2104.09864.
Var rotate_pairs(const Var& x, const Var& table, std::span<const int64_t> first);

/// body(x), of which nothing is kept but x and the result: the backward pass runs it again, this
/// time recorded. `body` gives the same whenever it runs, and what it refers to outlives the
/// backward pass. Chen et al. 2016, arXiv:1604.06174.
Var checkpointed(const Var& x, const std::function<Var(const Var&)>& body);

/// Of a causal depth-wise convolution over K tokens, and of the gate on it, if there is one.
struct ConvolutionWeights {
  Var kernel, bias;         // [K,C], [C]: kernel[k] meets the token k back
  Var gate{}, gate_bias{};  // [C,C], [C], or undefined
};

/// [B,T,C]: y[t] = bias + sum over k < K of kernel[k] x[t-k], channel by channel, as far back as
/// there are tokens; with a gate y * (x gate + gate_bias) + x (Arora et al. 2023,
/// arXiv:2312.04927). Of row b only the first taken[b] tokens are there (empty: all); what is past
/// them gives 0.
Var short_convolution(const Var& x, const ConvolutionWeights& weights,
                      std::span<const int64_t> taken);
/// The same of T new tokens whose first stands at first[b], after those in state [B,slots,C], that
/// of position p in slot p % slots; at least K - 1 slots, or one for each position. Inference only.
Var extend_short_convolution(const Var& x, const ConvolutionWeights& weights,
                             std::span<const int64_t> first, std::span<const int64_t> taken,
                             const Tensor& state);

/// Of a gated recurrence: in each the columns of the reset, the update and the candidate, C each.
struct RecurrenceWeights {
  Var input, input_bias;    // [C,3C], [3C]: of x
  Var hidden, hidden_bias;  // [C,3C], [3C]: of the state
};

/// [B,T,C]: h[t] = (1 - z) n + z h[t-1], h before the first token 0, and with (a_r, a_z, a_n) =
/// x[t] input + input_bias and (s_r, s_z, s_n) = h[t-1] hidden + hidden_bias: r = sigmoid(a_r +
/// s_r), z = sigmoid(a_z + s_z), n = tanh(a_n + r s_n). Cho et al. 2014, arXiv:1406.1078, with the
/// reset after the product. Of row b only the first taken[b] tokens are there (empty: all); what is
/// past them gives 0.
Var gated_recurrence(const Var& x, const RecurrenceWeights& weights,
                     std::span<const int64_t> taken);
/// The same of T new tokens after those that left state [B,C]; inference only.
Var extend_gated_recurrence(const Var& x, const RecurrenceWeights& weights,
                            std::span<const int64_t> taken, Tensor& state);

/// How dense_attention turns scores into weights.
struct DenseAttentionRule {
  enum class Normalise { softmax, sum };
  AttentionMask mask;
  const ScoreBias* bias = nullptr;
  Dropout dropout;
  double scale = 1;  // of the dot product; the bias is added after it
  Normalise normalise = Normalise::softmax;
  bool exclude_self = false;  // the key at the query's own position has weight 0
  int64_t keys = 0;           // only the first so many rows of k and v take part; 0: all
};

/// [B,T,H,D] = weights v, weights = softmax(scale q k^T + bias) or scores / sum |scores| over the
/// keys seen; q [B,T,H,D], k, v [B,S,G,D], H % G == 0. The textbook form: it keeps the weights
/// [B,H,T,S] for the backward pass. A query that sees no key gets 0. The bias gets no gradient.
Var dense_attention(const Var& q, const Var& k, const Var& v, const DenseAttentionRule& rule);

/// What tiled_attention is told beside its tensors.
struct TiledAttentionRule {
  AttentionMask mask;
  const ScoreBias* bias = nullptr;
  Dropout dropout;
  double scale = 1;           // of the dot product; the bias is added after it
  int64_t window = 0;         // keys a query sees, its own included: i-W+1..i causal, |i-j| < W not
  bool exclude_self = false;  // the key at the query's own position has weight 0
  int64_t keys = 0;           // only the first so many rows of k and v take part; 0: all
  // Score (b,h,i,j) gains row_term[b,h,i] + column_term[b,h,j], as gates need; undefined: nothing.
  Var row_term = {};     // [B,H,T]
  Var column_term = {};  // [B,H, at least the keys that take part]
};

struct AttentionOutput {
  Var out;          // [B,T,H,D]
  Tensor log_sums;  // [B,H,T]: log of the sum of exp(score); -inf where no key is seen
};

/// dense_attention with softmax, in tiles: the same weights, the same dropped ones, and memory
/// O(T). Dao et al. 2022, arXiv:2205.14135. Both terms get gradients; the row term moves log_sums
/// alone, so that its gradient is 0 but for rounding.
AttentionOutput tiled_attention(const Var& q, const Var& k, const Var& v,
                                const TiledAttentionRule& rule);

/// [B,T,H,D] = phi(q) sum phi(k) v^T / (phi(q) . sum phi(k)) over the keys seen, phi(x) = elu(x)+1;
/// q [B,T,H,D], k, v [B,S,G,D], H % G == 0. In chunks of so many tokens: within one by scores,
/// between them by sums of phi(k) [v, 1]^T, kept in double; time and memory O(T). Causal rows begin
/// at position 0. A query that sees no key gets 0. Katharopoulos et al. 2020, arXiv:2006.16236.
Var linear_attention(const Var& q, const Var& k, const Var& v, const AttentionMask& mask,
                     int64_t chunk);

/// What linear attention remembers of the tokens so far, whatever their number: the sum of
/// phi(k) [v, 1]^T as doubles, each in two floats. Zeros before the first token.
Shape linear_attention_state(int64_t batch, int64_t groups, int64_t width);
/// Takes T new tokens, of which row b's first taken[b] are real; inference only.
Var extend_linear_attention(const Var& q, const Var& k, const Var& v,
                            std::span<const int64_t> taken, int64_t chunk, Tensor& state);

}  // namespace lengthwise
