// The contract between the transformer core and one attention variant. The core projects, rotates
// and splits into heads; a variant mixes. B batch, T queries, S keys, H heads, G key/value heads
// (H % G == 0), D head width, C model width. All calls are pure: a re-run or another thread count
// gives the same bits.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/operations.h"
#include "base/dual.h"
#include "base/options.h"
#include "nn/parameters.h"

namespace lengthwise {

/// One call. What the mask points to outlives the backward pass; the bias does not: a backward that
/// needs it keeps a copy. In self-attention S == T and memory is x. Cross-attention (info.cross) is
/// the same call with keys of another sequence: S != T, mask.keys the source's lengths, neither
/// causal nor biased, and any part of the queries may come in a call of its own, then without
/// memory. Widths may be odd.
struct AttentionInput {
  Var q, k, v;  // [B,T,H,D], [B,S,G,D], [B,S,G,D]; with Projection::none H = G = 1 and D = C
  Var x,
      memory;  // [B,T,C], [B,S,C]: the layer's input on the query's and the key's side, for gates
  AttentionMask mask;
  const ScoreBias* bias = nullptr;
  Dropout dropout;  // of the weights
};

/// What decoding remembers: tensors [B, ...] under the ledger's tag `state`. The core counts,
/// copies, reorders and saves them; only the variant knows what they mean.
using DecodeState = std::vector<Tensor>;

/// One layer's attention; immutable once made. Only attend is compulsory.
class Attention {
 public:
  virtual ~Attention() = default;
  /// o: [B,T,H,D], differentiable, every element written; a query that sees no key gets 0.
  virtual Var attend(const AttentionInput& in) const = 0;
  /// True: in a pre-norm model its input is the residual stream before the norm.
  virtual bool reads_before_norm() const { return false; }
  /// The state before the first token, for rows of at most max_tokens.
  virtual DecodeState begin_decode(int64_t batch, int64_t max_tokens) const;
  /// Takes T >= 1 new tokens (k, v, memory hold only them; the mask already counts them: row b
  /// takes keys[b] - first[b] real ones) and returns what attend gives them.
  virtual Var extend(DecodeState& state, const AttentionInput& in) const;
};

enum class Projection { none, query_key_value };  // none: no output projection either

struct AttentionInfo {
  std::string_view name, summary, paper;
  Projection projection = Projection::query_key_value;
  bool causal = true, bidirectional = true;
  bool cross = false;  // its keys may be those of another sequence
  bool score_bias = false, decodable = false;
  bool dot_product = true;            // q and k enter only as q.k: rotary stays relative
  bool forms_weights = true;          // weights of each pair, so that dropout has something to drop
  bool linear_in_v = true;            // its weights can be probed with unit values
  bool order_free = true;             // permuting tokens permutes outputs
  bool takes_positions = true;        // false: schemes that turn or bias leave its layers alone
  std::string_view size_option = {};  // what it grows with, to compare it at equal budgets
};

struct AttentionSizes {
  int64_t batch = 0, queries = 0, keys = 0, heads = 0, key_value_heads = 0, head_width = 0,
          model_width = 0;  // with Projection::none one head of the model's width
  bool causal = true;
  int threads = 1;  // only workspace_bytes depends on it
};

/// Predicted from sizes alone, without dropout or padding. flops: 2 per multiply-add of every
/// contraction, as executed, masked tiles included.
struct AttentionCost {
  struct Pass {
    int64_t flops = 0, exponentials = 0, workspace_bytes = 0;
  };
  Pass forward, backward;
  Pass extend;                // the T queries are the last of S tokens; 0 where not decodable
  int64_t saved_bytes = 0;    // kept for the backward beside q, k, v and o
  bool saves_output = false;  // the backward reads o: it stays as long as q, k and v
  bool saves_bias = false;    // and so does the score bias, where there is one
  int64_t state_bytes = 0;    // of rows of at most S tokens
  int64_t useful_forward_flops = 0;  // of the definition: pairs that are seen
};

/// What one layer is made of. With parameters.is_counting(), add() allocates nothing.
struct AttentionSetup {
  AttentionSizes sizes;  // batch, queries, keys: 0
  const OptionValues& options;
  ParameterSet parameters;          // scoped to this layer
  uint64_t random_key = 0;          // for what a variant draws once (random features)
  double initial_deviation = 0.02;  // of its matrices, as of the model's
};

template <class Scalar>
struct Definition;  // nn/definition.h

struct AttentionVariant {
  AttentionInfo info;
  std::function<void(OptionVisitor&)> options;  // defaults, ranges, help
  std::function<std::unique_ptr<Attention>(const AttentionSetup&)> make;
  std::function<AttentionCost(const AttentionSizes&, const OptionValues&)> cost;  // empty: unknown
  /// How many tokens back an output depends on; empty: on all.
  std::function<int64_t(const OptionValues&)> reach;
  std::function<void(Definition<double>&, const OptionValues&)> define;
  std::function<void(Definition<Dual>&, const OptionValues&)> define_with_slope;
};

/// All that are linked in, by name.
std::span<const AttentionVariant> attention_variants();
/// UserError with the nearest name.
const AttentionVariant& attention_variant(std::string_view name);

/// V has info() and Options, is made from (const AttentionSetup&, const Options&); static cost,
/// reach and define are taken if there.
template <class V>
AttentionVariant describe_attention();
/// describe_attention into the registry, before main: `const bool registered = ...` in the file.
template <class V>
bool register_attention();

}  // namespace lengthwise
#include "nn/attention_registration.h"  // IWYU pragma: export
