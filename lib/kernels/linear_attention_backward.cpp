#include "kernels/linear_chunks.h"

namespace lengthwise {
namespace {

using namespace linear_chunks;  // NOLINT(google-build-using-namespace): the words of these files

// What the backward pass reads.
struct Saved {
  Rows queries, keys, values, out, gradient;
  const float* denominators;
};

// out = N / n with numerators N and a denominator n: slab.slope [rows,D] <- slopes of N,
// out_gradient / n; slab.sums <- that of n, -(out_gradient . out) / n.
void load_slopes(const LinearSizes& s, const Saved& saved, int64_t b, int64_t h, Range chunk,
                 const Slab& slab) {
  for (int64_t i = chunk.begin; i < chunk.end; ++i) {
    const float sum = saved.denominators[(b * s.queries + i) * s.heads + h];
    const float inverse = sum > 0 ? 1.0F / sum : 0.0F;
    const float* from = saved.gradient.at(b, i, h);
    saved.gradient.fetch_ahead(b, i, h);
    saved.out.fetch_ahead(b, i, h);
    float* to = slab.slope + (i - chunk.begin) * s.width;
    for (int64_t d = 0; d < s.width; ++d) to[d] = from[d] * inverse;
    slab.sums[i - chunk.begin] = -inverse * dot_row(from, saved.out.at(b, i, h), s.width);
  }
}

// scores [n,n] <- the lower part of slopes [v, 1]^T; slab.turned holds v turned.
void slopes_of_scores(const LinearSizes& s, const Slab& slab, int64_t n) {
  product(n, n, s.width, {slab.slope, s.width}, {slab.turned, n}, 0, slab.scores);
  count_flops(2 * n * n);
  for (int64_t i = 0; i < n; ++i) {
    float* row = slab.scores + i * n;
    for (int64_t j = 0; j <= i; ++j) row[j] += slab.sums[i];
  }
  keep_lower(slab.scores, n);
}

// Adds the features' slopes, times the features' own, to a gradient [B,length,heads,D]. The slope
// of elu(x) + 1 is 1 where that is above 1, and itself below.
void add_through_features(const float* features, const float* slopes, Range chunk, int64_t width,
                          int64_t stride, float* to) {
  for (int64_t i = 0; i < chunk.size(); ++i) {
    const float *feature = features + i * width, *slope = slopes + i * width;
    float* row = to + i * stride;
    for (int64_t d = 0; d < width; ++d) row[d] += std::min(feature[d], 1.0F) * slope[d];
  }
}

// Features' slopes of a chunk of queries from the keys before it: slopes [S, z]^T, with the state
// turned in slab.turned_state.
void query_slopes(const LinearSizes& s, const Slab& slab, int64_t n) {
  const int64_t D = s.width;
  transpose(slab.state, D, D, D, slab.turned_state, D);
  product(n, D, D, {slab.slope, D}, {slab.turned_state, D}, 0, slab.result);
  count_flops(2 * n * D);
  for (int64_t i = 0; i < n; ++i) {
    float* row = slab.result + i * D;
    add_scaled_row(row, slab.sums[i], slab.state + D * D, row, D);
  }
}

// What a chunk of keys and values gets from the queries after it: slab.result <- [v, 1] state^T,
// slab.other <- phi(k) state.
void key_value_slopes(const LinearSizes& s, const Slab& slab, int64_t n) {
  const int64_t D = s.width;
  transpose(slab.state, D, D, D, slab.turned_state, D);
  for (int64_t j = 0; j < n; ++j) std::copy_n(slab.state + D * D, D, slab.result + j * D);
  product(n, D, D, {slab.value, D}, {slab.turned_state, D}, 1, slab.result);
  count_flops(2 * n * D);
  product(n, D, D, {slab.key, D}, {slab.state, D}, 0, slab.other);
}

// Adds slab.result and slab.other to the gradients of a chunk of keys and values.
void write_key_value_slopes(const LinearSizes& s, const Saved& saved, const Slab& slab, int64_t b,
                            int64_t g, Range chunk, float* to_k, float* to_v) {
  const int64_t at = saved.keys.at(b, chunk.begin, g) - saved.keys.x;
  if (to_k != nullptr) {
    add_through_features(slab.key, slab.result, chunk, s.width, saved.keys.stride(), to_k + at);
  }
  for (int64_t j = 0; to_v != nullptr && j < chunk.size(); ++j) {
    float* row = to_v + at + j * saved.values.stride();
    add_scaled_row(row, 1.0F, slab.other + j * s.width, row, s.width);
  }
}

// Each segment's sum over queries of phi(q) [slope of N, slope of n]^T.
void sum_queries(const LinearSizes& s, const Saved& saved, int64_t segments, float* slabs,
                 float* states) {
  over_segments(s, s.queries, segments, slabs, [&](const Segment& own) {
    begin_total(s, own.slab, nullptr);
    each_chunk(s, own.tokens, Order::forward, [&](Range chunk) {
      each_head(s, own.g, [&](int64_t h) {
        load_features(saved.queries, own.b, h, chunk, s.queries, own.slab.query);
        load_slopes(s, saved, own.b, h, chunk, own.slab);
        add_to_total(s, own.slab, chunk.size(), own.slab.query, own.slab.slope, own.slab.sums);
      });
    });
    store_total(s, own.slab.total, state_of(s, states, segments, own.b, own.g, own.index));
  });
}

// Adds slab.result to the gradient of a chunk of queries.
void write_query_slopes(const LinearSizes& s, const Saved& saved, const Slab& slab, int64_t b,
                        int64_t h, Range chunk, float* to_q) {
  add_through_features(slab.query, slab.result, chunk, s.width, saved.queries.stride(),
                       to_q + (saved.queries.at(b, chunk.begin, h) - saved.queries.x));
}

// N = phi(q) state + lower(phi(q) phi(k)^T) [v, 1]: slopes of queries, first chunk to last.
void causal_query_backward(const LinearSizes& s, const Saved& saved, float* states, float* slabs,
                           float* to_q) {
  const int64_t D = s.width, segments = s.segments(s.keys);
  if (segments > 1) {
    sum_keys(s, saved.keys.x, saved.values.x, segments, slabs, states);
    sum_segments(s, Sum::before, segments, states);
  }
  over_segments(s, s.keys, segments, slabs, [&](const Segment& own) {
    const int64_t b = own.b, g = own.g;
    const Slab& slab = own.slab;
    begin_total(s, slab, segments > 1 ? state_of(s, states, segments, b, g, own.index) : nullptr);
    each_chunk(s, own.tokens, Order::forward, [&](Range chunk) {
      const int64_t n = chunk.size();
      load_features(saved.keys, b, g, chunk, s.real(b), slab.key);
      load_rows(saved.values, b, g, chunk, s.real(b), slab.value);
      transpose(slab.value, D, n, D, slab.turned, n);
      each_head(s, g, [&](int64_t h) {
        load_features(saved.queries, b, h, chunk, s.queries, slab.query);
        load_slopes(s, saved, b, h, chunk, slab);
        query_slopes(s, slab, n);
        slopes_of_scores(s, slab, n);
        product(n, D, n, {slab.scores, n}, {slab.key, D}, 1, slab.result);
        write_query_slopes(s, saved, slab, b, h, chunk, to_q);
      });
      add_to_total(s, slab, n, slab.key, slab.value, nullptr);
    });
  });
}

// The same line's slopes of keys and values, last chunk to first.
void causal_key_value_backward(const LinearSizes& s, const Saved& saved, float* states,
                               float* slabs, float* to_k, float* to_v) {
  const int64_t D = s.width, segments = s.segments(s.keys);
  if (segments > 1) {
    sum_queries(s, saved, segments, slabs, states);
    sum_segments(s, Sum::after, segments, states);
  }
  over_segments(s, s.keys, segments, slabs, [&](const Segment& own) {
    const int64_t b = own.b, g = own.g;
    const Slab& slab = own.slab;
    begin_total(s, slab, segments > 1 ? state_of(s, states, segments, b, g, own.index) : nullptr);
    each_chunk(s, own.tokens, Order::backward, [&](Range chunk) {
      const int64_t n = chunk.size();
      load_features(saved.keys, b, g, chunk, s.real(b), slab.key);
      load_rows(saved.values, b, g, chunk, s.real(b), slab.value);
      key_value_slopes(s, slab, n);
      each_head(s, g, [&](int64_t h) {
        load_features(saved.queries, b, h, chunk, s.queries, slab.query);
        load_slopes(s, saved, b, h, chunk, slab);
        transpose(slab.value, D, n, D, slab.turned, n);
        slopes_of_scores(s, slab, n);
        product(n, D, n, {slab.scores, n, true}, {slab.query, D}, 1, slab.result);
        transpose(slab.key, D, n, D, slab.turned, n);
        product(n, n, D, {slab.query, D}, {slab.turned, n}, 0, slab.scores);
        keep_lower(slab.scores, n);
        product(n, D, n, {slab.scores, n, true}, {slab.slope, D}, 1, slab.other);
        add_to_total(s, slab, n, slab.query, slab.slope, slab.sums);
      });
      write_key_value_slopes(s, saved, slab, b, g, chunk, to_k, to_v);
    });
  });
}

// N = phi(q) state over all keys
void query_backward(const LinearSizes& s, const Saved& saved, float* states, float* slabs,
                    float* to_q) {
  const int64_t segments = s.segments(s.keys);
  sum_keys(s, saved.keys.x, saved.values.x, segments, slabs, states);
  sum_segments(s, Sum::all, segments, states);
  over_chunks(s, s.queries, s.heads, slabs, [&](int64_t b, int64_t h, Range chunk, Slab slab) {
    slab.state = state_of(s, states, segments, b, h / s.heads_per_group(), 0);
    load_features(saved.queries, b, h, chunk, s.queries, slab.query);
    load_slopes(s, saved, b, h, chunk, slab);
    query_slopes(s, slab, chunk.size());
    write_query_slopes(s, saved, slab, b, h, chunk, to_q);
  });
}

void key_value_backward(const LinearSizes& s, const Saved& saved, float* states, float* slabs,
                        float* to_k, float* to_v) {
  const int64_t segments = s.segments(s.queries);
  sum_queries(s, saved, segments, slabs, states);
  sum_segments(s, Sum::all, segments, states);
  over_chunks(s, s.keys, s.groups, slabs, [&](int64_t b, int64_t g, Range chunk, Slab slab) {
    slab.state = state_of(s, states, segments, b, g, 0);
    load_features(saved.keys, b, g, chunk, s.real(b), slab.key);
    load_rows(saved.values, b, g, chunk, s.real(b), slab.value);
    key_value_slopes(s, slab, chunk.size());
    write_key_value_slopes(s, saved, slab, b, g, chunk, to_k, to_v);
  });
}

}  // namespace

void linear_attention_backward(const LinearSizes& s, const float* q, const float* k, const float* v,
                               const float* out, const float* denominators,
                               const float* out_gradient, float* states, float* slabs, float* to_q,
                               float* to_k, float* to_v) {
  const auto going = [&](int64_t ahead) -> Saved {
    const auto of_queries = [&](const float* x) {
      return Rows{x, s.queries, s.heads, s.width, ahead};
    };
    const auto of_keys = [&](const float* x) { return Rows{x, s.keys, s.groups, s.width, ahead}; };
    return {of_queries(q), of_keys(k), of_keys(v), of_queries(out), of_queries(out_gradient),
            denominators};
  };
  if (to_q != nullptr) {
    (s.causal ? causal_query_backward : query_backward)(s, going(s.chunk), states, slabs, to_q);
  }
  if (to_k != nullptr || to_v != nullptr) {
    (s.causal ? causal_key_value_backward : key_value_backward)(s, going(-s.chunk), states, slabs,
                                                                to_k, to_v);
  }
}

}  // namespace lengthwise
