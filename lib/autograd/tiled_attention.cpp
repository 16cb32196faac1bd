#include "kernels/tiled_attention.h"

#include <optional>

#include "autograd/operations.h"
#include "base/check.h"
#include "base/parallel.h"

namespace lengthwise {
namespace {

TiledTerms terms_of(const TiledAttentionRule& rule, const ScoreBias* bias) {
  TiledTerms terms;
  terms.scale = rule.scale;
  if (rule.window > 0) terms.behind = rule.window - 1;
  if (rule.mask.causal) {
    terms.ahead = 0;
  } else if (rule.window > 0) {
    terms.ahead = rule.window - 1;
  }
  terms.first = rule.mask.first;
  terms.real_keys = rule.mask.keys;
  if (bias != nullptr) {
    terms.bias = bias->by_distance.data();
    terms.distances = bias->by_distance.extent(1);
    terms.zero = bias->zero;
  }
  terms.exclude_self = rule.exclude_self;
  terms.dropout = rule.dropout;
  return terms;
}

// The score bias has a column for every distance that a query can meet.
void check_bias(const TiledSizes& s, const TiledTerms& t) {
  if (t.bias == nullptr) return;
  for (int64_t b = 0; b < s.batch; ++b) {
    for (const int64_t i : {int64_t{0}, s.queries - 1}) {
      const int64_t begin = t.begin(b, i, s.keys), end = t.end(b, i, s.keys);
      if (begin >= end) continue;
      const int64_t nearest = t.zero + begin - t.position(b, i);
      check_in_range(nearest, 0, t.distances - (end - begin) + 1, "score bias: the first distance");
    }
  }
}

}  // namespace

AttentionOutput tiled_attention(const Var& q, const Var& k, const Var& v,
                                const TiledAttentionRule& rule) {
  const int64_t key_rows = k.extent(1), keys = rule.keys > 0 ? rule.keys : key_rows;
  const TiledSizes s{q.extent(0), q.extent(1), keys,    q.extent(2),
                     k.extent(2), q.extent(3), key_rows};
  check_equal(s.heads % s.groups, 0,
              "tiled_attention: query heads over key/value heads, remainder");
  check_equal(to_string(k.shape()), to_string(v.shape()), "tiled_attention: key and value shapes");
  check_equal(k.extent(3), s.width, "tiled_attention: width of a key");
  check_in_range(keys, 0, key_rows + 1, "tiled_attention: keys that take part");
  check(rule.bias == nullptr || !rule.bias->by_distance.needs_gradient(),
        "tiled_attention: the score bias wants a gradient, which it does not give");
  check_bias(s, terms_of(rule, rule.bias));
  Tensor out(q.shape(), result_tag());
  Tensor log_sums({s.batch, s.heads, s.queries}, result_tag());
  {
    Tensor slabs({thread_count(), tiled_forward_slab(s)}, Tag::workspace);
    tiled_attention_forward(s, terms_of(rule, rule.bias), q.data(), k.data(), v.data(),
                            log_sums.data(), out.data(), slabs.data());
  }
  const Tensor out_value = out;
  // The bias is held by value: the caller's goes before the backward pass.
  const std::optional<ScoreBias> bias =
      rule.bias == nullptr ? std::nullopt : std::optional(*rule.bias);
  Var recorded =
      record(std::move(out), {q, k, v},
             [s, rule, bias, out_value, log_sums, q_value = q.value(), k_value = k.value(),
              v_value = v.value(), to_q = q.gradient(), to_k = k.gradient(),
              to_v = v.gradient()](std::span<const float> from) {
               const int64_t parts = tiled_query_parts(s);
               Tensor deltas({s.batch, s.heads, s.queries}, Tag::workspace);
               Tensor query_parts({parts > 1 ? parts : 0, out_value.size()}, Tag::workspace);
               Tensor slabs({thread_count(), tiled_backward_slab(s)}, Tag::workspace);
               tiled_attention_backward(
                   s, terms_of(rule, bias ? &*bias : nullptr), q_value.data(), k_value.data(),
                   v_value.data(), out_value.data(), log_sums.data(), from.data(), deltas.data(),
                   query_parts.data(), slabs.data(), to_q ? to_q->data() : nullptr,
                   to_k ? to_k->data() : nullptr, to_v ? to_v->data() : nullptr);
             });
  return {std::move(recorded), std::move(log_sums)};
}

}  // namespace lengthwise
