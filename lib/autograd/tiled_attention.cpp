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
  terms.row_term = rule.row_term.data();
  terms.column_term = rule.column_term.data();
  if (terms.column_term != nullptr) terms.column_stride = rule.column_term.extent(2);
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

void check_terms(const TiledSizes& s, const TiledAttentionRule& rule) {
  if (rule.row_term.value().defined()) {
    check_equal(to_string(rule.row_term.shape()), to_string({s.batch, s.heads, s.queries}),
                "tiled_attention: shape of the row term");
  }
  if (rule.column_term.value().defined()) {
    const Shape& shape = rule.column_term.shape();
    const int64_t columns = shape.empty() ? 0 : shape.back();
    check_equal(to_string(shape), to_string({s.batch, s.heads, std::max(columns, s.keys)}),
                "tiled_attention: shape of the column term");
  }
}

float* gradient_data(const std::shared_ptr<Gradient>& gradient) {
  return gradient ? gradient->data() : nullptr;
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
  check_terms(s, rule);
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
  Var recorded = record(
      std::move(out), {q, k, v, rule.row_term, rule.column_term},
      [s, rule, bias, out_value, log_sums, q_value = q.value(), k_value = k.value(),
       v_value = v.value(), to_q = q.gradient(), to_k = k.gradient(),
       to_v = v.gradient()](std::span<const float> from) {
        const TiledGradients to{gradient_data(to_q), gradient_data(to_k), gradient_data(to_v),
                                gradient_data(rule.row_term.gradient()),
                                gradient_data(rule.column_term.gradient())};
        const int64_t parts = tiled_query_parts(s) > 1 ? tiled_query_parts(s) : 0;
        Tensor deltas({s.batch, s.heads, s.queries}, Tag::workspace);
        Tensor query_parts({parts, out_value.size()}, Tag::workspace);
        Tensor row_parts({to.row_term != nullptr ? parts : 0, deltas.size()}, Tag::workspace);
        Tensor slabs({thread_count(), tiled_backward_slab(s)}, Tag::workspace);
        tiled_attention_backward(s, terms_of(rule, bias ? &*bias : nullptr), q_value.data(),
                                 k_value.data(), v_value.data(), out_value.data(), log_sums.data(),
                                 from.data(), deltas.data(), query_parts.data(), row_parts.data(),
                                 slabs.data(), to);
      });
  return {std::move(recorded), std::move(log_sums)};
}

}  // namespace lengthwise
