#include "kernels/linear_attention.h"

#include "autograd/operations.h"
#include "base/check.h"
#include "base/parallel.h"

namespace lengthwise {
namespace {

LinearSizes sizes_of(const Var& q, const Var& k, const Var& v, bool causal,
                     std::span<const int64_t> real_keys, int64_t chunk) {
  const LinearSizes s{q.extent(0), q.extent(1), k.extent(1), q.extent(2), k.extent(2),
                      q.extent(3), chunk,       causal,      real_keys};
  check_equal(s.heads % s.groups, 0,
              "linear_attention: query heads over key/value heads, remainder");
  check_equal(to_string(k.shape()), to_string(v.shape()), "linear_attention: key and value shapes");
  check(!causal || s.queries == s.keys, "linear_attention: causal, with other keys than queries");
  return s;
}

Tensor make_slabs(const LinearSizes& s) {
  return Tensor({thread_count(), linear_slab(s)}, Tag::workspace);
}

}  // namespace

Var linear_attention(const Var& q, const Var& k, const Var& v, const AttentionMask& mask,
                     int64_t chunk) {
  check(!mask.causal || mask.first.empty(), "linear_attention: causal rows start at position 0");
  const LinearSizes s = sizes_of(q, k, v, mask.causal, mask.keys, chunk);
  Tensor out(q.shape(), result_tag());
  Tensor denominators({s.batch, s.queries, s.heads}, result_tag());
  {
    Tensor slabs = make_slabs(s), states({linear_states(s, s.keys)}, Tag::workspace);
    linear_attention_forward(s, q.data(), k.data(), v.data(), nullptr, states.data(), slabs.data(),
                             denominators.data(), out.data());
  }
  const Tensor saved_out = out;
  return record(
      std::move(out), {q, k, v},
      [s, q_value = q.value(), k_value = k.value(), v_value = v.value(), saved_out, denominators,
       to_q = q.gradient(), to_k = k.gradient(), to_v = v.gradient()](std::span<const float> from) {
        Tensor slabs = make_slabs(s);
        Tensor states({std::max(linear_states(s, s.keys), linear_states(s, s.queries))},
                      Tag::workspace);
        linear_attention_backward(s, q_value.data(), k_value.data(), v_value.data(),
                                  saved_out.data(), denominators.data(), from.data(), states.data(),
                                  slabs.data(), to_q ? to_q->data() : nullptr,
                                  to_k ? to_k->data() : nullptr, to_v ? to_v->data() : nullptr);
      });
}

Shape linear_attention_state(int64_t batch, int64_t groups, int64_t width) {
  return {batch, groups, 2, width * (width + 1)};
}

Var extend_linear_attention(const Var& q, const Var& k, const Var& v,
                            std::span<const int64_t> taken, int64_t chunk, Tensor& state) {
  const LinearSizes s = sizes_of(q, k, v, true, taken, chunk);
  check_equal(to_string(state.shape()),
              to_string(linear_attention_state(s.batch, s.groups, s.width)),
              "extend_linear_attention: shape of the state");
  Tensor out(q.shape(), Tag::workspace);
  Tensor denominators({s.batch, s.queries, s.heads}, Tag::workspace), slabs = make_slabs(s);
  linear_attention_forward(s, q.data(), k.data(), v.data(), state.data(), nullptr, slabs.data(),
                           denominators.data(), out.data());
  return Var(out);
}

}  // namespace lengthwise
