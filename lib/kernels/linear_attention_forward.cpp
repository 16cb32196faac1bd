#include "kernels/linear_chunks.h"

namespace lengthwise {
namespace {

using namespace linear_chunks;  // NOLINT(google-build-using-namespace): the words of these files

// slab.result [n,D] <- phi(q) state, slab.sums [n] <- phi(q) . the state's sum of phi(k).
void meet_state(const LinearSizes& s, const Slab& slab, int64_t n) {
  const int64_t D = s.width;
  product(n, D, D, {slab.query, D}, {slab.state, D}, 0, slab.result);
  count_flops(2 * n * D);
  for (int64_t i = 0; i < n; ++i) {
    slab.sums[i] = dot_row(slab.query + i * D, slab.state + D * D, D);
  }
}

// out and denominators <- slab.result / slab.sums
void write_rows(const LinearSizes& s, const Slab& slab, int64_t b, int64_t h, Range chunk,
                float* denominators, float* out) {
  for (int64_t i = chunk.begin; i < chunk.end; ++i) {
    const int64_t row = (b * s.queries + i) * s.heads + h;
    const float sum = slab.sums[i - chunk.begin];
    const float inverse = sum > 0 ? 1.0F / sum : 0.0F;
    const float* numerators = slab.result + (i - chunk.begin) * s.width;
    denominators[row] = sum;
    for (int64_t d = 0; d < s.width; ++d) out[row * s.width + d] = numerators[d] * inverse;
  }
}

}  // namespace

void linear_attention_forward(const LinearSizes& s, const float* q, const float* k, const float* v,
                              float* carried, float* states, float* slabs, float* denominators,
                              float* out) {
  const int64_t D = s.width, segments = carried == nullptr ? s.segments(s.keys) : 1;
  const Rows queries{q, s.queries, s.heads, D, s.chunk}, keys{k, s.keys, s.groups, D, s.chunk},
      values{v, s.keys, s.groups, D, s.chunk};
  if (!s.causal) {
    sum_keys(s, k, v, segments, slabs, states);
    sum_segments(s, Sum::all, segments, states);
    over_chunks(s, s.queries, s.heads, slabs, [&](int64_t b, int64_t h, Range chunk, Slab slab) {
      slab.state = state_of(s, states, segments, b, h / s.heads_per_group(), 0);
      load_features(queries, b, h, chunk, s.queries, slab.query);
      meet_state(s, slab, chunk.size());
      write_rows(s, slab, b, h, chunk, denominators, out);
    });
    return;
  }
  if (segments > 1) {
    sum_keys(s, k, v, segments, slabs, states);
    sum_segments(s, Sum::before, segments, states);
  }
  over_segments(s, s.keys, segments, slabs, [&](const Segment& own) {
    const int64_t b = own.b, g = own.g;
    const Slab& slab = own.slab;
    float* before = carried != nullptr ? carried + (b * s.groups + g) * 2 * s.state_floats()
                    : segments > 1     ? state_of(s, states, segments, b, g, own.index)
                                       : nullptr;
    begin_total(s, slab, before);
    each_chunk(s, own.tokens, Order::forward, [&](Range chunk) {
      const int64_t n = chunk.size();
      load_features(keys, b, g, chunk, s.real(b), slab.key);
      load_rows(values, b, g, chunk, s.real(b), slab.value);
      transpose(slab.key, D, n, D, slab.turned, n);
      each_head(s, g, [&](int64_t h) {
        load_features(queries, b, h, chunk, s.queries, slab.query);
        meet_state(s, slab, n);
        product(n, n, D, {slab.query, D}, {slab.turned, n}, 0, slab.scores);
        keep_lower(slab.scores, n);
        product(n, D, n, {slab.scores, n}, {slab.value, D}, 1, slab.result);
        count_flops(2 * n * n);
        for (int64_t i = 0; i < n; ++i) slab.sums[i] += sum_row(slab.scores + i * n, n);
        write_rows(s, slab, b, h, chunk, denominators, out);
      });
      add_to_total(s, slab, n, slab.key, slab.value, nullptr);
    });
    if (carried != nullptr) store_total(s, slab.total, before);
  });
}

}  // namespace lengthwise
