#include <algorithm>

#include "autograd/operations.h"
#include "base/check.h"
#include "base/counters.h"
#include "base/parallel.h"
#include "kernels/multiply.h"
#include "kernels/rows.h"

namespace lengthwise {
namespace {

/// One call's sizes. A value row is extended by a 1, so that one product gives numerator and
/// denominator: extended = D + 1.
struct Sizes {
  int64_t batch, length, keys, heads, groups, width, chunk;
  bool causal;
  std::span<const int64_t> real;  // keys of each row that are real; empty: all

  int64_t extended() const { return width + 1; }
  int64_t state() const { return width * extended(); }
  int64_t query_chunks() const { return pieces(length, chunk); }
  int64_t key_chunks() const { return pieces(keys, chunk); }
  int64_t heads_per_group() const { return heads / groups; }
  int64_t real_keys(int64_t b) const {
    return real.empty() ? keys : std::min(keys, real[static_cast<size_t>(b)]);
  }
  /// Where chunk c's state of group g stands in [B,G,chunks,D,D+1].
  int64_t state_at(int64_t b, int64_t g, int64_t c) const {
    return ((b * groups + g) * key_chunks() + c) * state();
  }
};

// One worker's scratch: two chunks of features, two of extended rows, two of chunk-by-chunk
// products.
struct Slab {
  float *query_features, *key_features, *values, *slopes, *scores, *products;

  static int64_t size(const Sizes& s) {
    return s.chunk * (2 * s.width + 2 * s.extended() + s.chunk + std::max(s.chunk, s.extended()));
  }
  Slab(const Sizes& s, float* at)
      : query_features(at),
        key_features(query_features + s.chunk * s.width),
        values(key_features + s.chunk * s.width),
        slopes(values + s.chunk * s.extended()),
        scores(slopes + s.chunk * s.extended()),
        products(scores + s.chunk * s.chunk) {}
};

// rows [begin, end) of x [B,T,H,D], head h: features elu(x) + 1, contiguous.
void load_features(const float* x, int64_t length, int64_t heads, int64_t width, int64_t b,
                   int64_t h, int64_t begin, int64_t end, float* features) {
  for (int64_t i = begin; i < end; ++i) {
    elu_plus_one_row(x + ((b * length + i) * heads + h) * width, features + (i - begin) * width,
                     width);
  }
  count_exponentials((end - begin) * width);
}

void load_key_features(const Sizes& s, const float* k, int64_t b, int64_t g, int64_t begin,
                       int64_t end, float* features) {
  load_features(k, s.keys, s.groups, s.width, b, g, begin, end, features);
}

void load_query_features(const Sizes& s, const float* q, int64_t b, int64_t h, int64_t begin,
                         int64_t end, float* features) {
  load_features(q, s.length, s.heads, s.width, b, h, begin, end, features);
}

// Value rows extended by 1; rows that are not real become 0, and with them all that they would add.
void load_values(const Sizes& s, const float* v, int64_t b, int64_t g, int64_t begin, int64_t end,
                 float* values) {
  const int64_t real = s.real_keys(b);
  for (int64_t j = begin; j < end; ++j) {
    float* to = values + (j - begin) * s.extended();
    if (j < real) {
      std::copy_n(v + ((b * s.keys + j) * s.groups + g) * s.width, s.width, to);
      to[s.width] = 1;
    } else {
      std::fill_n(to, s.extended(), 0.0F);
    }
  }
}

// With out = N[:D] / N[D]: slopes of N are out_gradient / N[D] and -(out_gradient . out) / N[D].
void load_slopes(const Sizes& s, const float* from, const float* out, const float* denominators,
                 int64_t b, int64_t h, int64_t begin, int64_t end, float* slopes) {
  for (int64_t i = begin; i < end; ++i) {
    const int64_t row = (b * s.length + i) * s.heads + h;
    const float inverse = denominators[row] > 0 ? 1.0F / denominators[row] : 0.0F;
    float* to = slopes + (i - begin) * s.extended();
    for (int64_t d = 0; d < s.width; ++d) to[d] = from[row * s.width + d] * inverse;
    to[s.width] = -inverse * dot_row(from + row * s.width, out + row * s.width, s.width);
  }
}

// Zeros what a causal chunk must not see: scores [rows, columns] above the diagonal.
void keep_lower(float* scores, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = i + 1; j < columns; ++j) scores[i * columns + j] = 0;
  }
}

enum class Sum { before, after, all };

// states[b,g,c] <- the sum of the chunks before c, after c, or of all of them (then in c = 0 only).
// Accumulates in double: over 65,536 tokens a float sum would lose what later chunks add.
// carried [B,G,2,D,D+1], if any, is added before the first chunk and takes the whole sum after the
// last: a double as two floats, the second what the first has lost.
void sum_states(const Sizes& s, Sum sum, float* states, float* carried = nullptr) {
  constexpr int64_t kElements = 64;
  const int64_t parts = pieces(s.state(), kElements), chunks = s.key_chunks();
  parallel_for(s.batch * s.groups * parts, [&](int64_t task, int) {
    const int64_t begin = task % parts * kElements, n = std::min(kElements, s.state() - begin);
    float* first = states + task / parts * chunks * s.state() + begin;
    float* high = carried == nullptr ? nullptr : carried + task / parts * 2 * s.state() + begin;
    float* low = high == nullptr ? nullptr : high + s.state();
    double total[kElements] = {};
    for (int64_t e = 0; high != nullptr && e < n; ++e) {
      total[e] = static_cast<double>(high[e]) + static_cast<double>(low[e]);
    }
    for (int64_t step = 0; step < chunks; ++step) {
      const int64_t c = sum == Sum::after ? chunks - 1 - step : step;
      float* state = first + c * s.state();
      for (int64_t e = 0; e < n; ++e) {
        const float added = state[e];
        state[e] = static_cast<float>(total[e]);
        total[e] += static_cast<double>(added);
      }
    }
    if (sum == Sum::all) {
      for (int64_t e = 0; e < n; ++e) first[e] = static_cast<float>(total[e]);
    }
    for (int64_t e = 0; high != nullptr && e < n; ++e) {
      high[e] = static_cast<float>(total[e]);
      low[e] = static_cast<float>(total[e] - static_cast<double>(high[e]));
    }
  });
}

// states [B,G,chunks,D,D+1]: what the keys before each chunk (all keys, when not causal) hold:
// the sum of features(k_j) [v_j, 1]^T.
void key_states(const Sizes& s, const float* k, const float* v, float* slabs, float* states,
                float* carried) {
  parallel_for(s.batch * s.groups * s.key_chunks(), [&](int64_t task, int worker) {
    const int64_t c = task % s.key_chunks(), g = task / s.key_chunks() % s.groups,
                  b = task / s.key_chunks() / s.groups;
    const int64_t begin = c * s.chunk, end = piece_end(c, s.chunk, s.keys);
    const Slab slab(s, slabs + worker * Slab::size(s));
    load_key_features(s, k, b, g, begin, end, slab.key_features);
    load_values(s, v, b, g, begin, end, slab.values);
    multiply(s.width, s.extended(), end - begin, 1, {slab.key_features, s.width, true},
             {slab.values, s.extended()}, 0, states + s.state_at(b, g, c), s.extended());
  });
  sum_states(s, s.causal ? Sum::before : Sum::all, states, carried);
}

// carried: the sum over the tokens before these, which takes in these; null without any.
void forward(const Sizes& s, const float* q, const float* k, const float* v, float* carried,
             float* denominators, float* out) {
  Tensor slabs({thread_count(), Slab::size(s)}, Tag::workspace);
  Tensor states({s.batch, s.groups, s.key_chunks(), s.state()}, Tag::workspace);
  key_states(s, k, v, slabs.data(), states.data(), carried);
  parallel_for(s.batch * s.heads * s.query_chunks(), [&](int64_t task, int worker) {
    const int64_t c = task % s.query_chunks(), h = task / s.query_chunks() % s.heads,
                  b = task / s.query_chunks() / s.heads, g = h / s.heads_per_group();
    const int64_t begin = c * s.chunk, end = piece_end(c, s.chunk, s.length), n = end - begin;
    const Slab slab(s, slabs.data() + worker * Slab::size(s));
    load_query_features(s, q, b, h, begin, end, slab.query_features);
    float* extended = slab.products;
    multiply(n, s.extended(), s.width, 1, {slab.query_features, s.width},
             {states.data() + s.state_at(b, g, s.causal ? c : 0), s.extended()}, 0, extended,
             s.extended());
    if (s.causal) {
      load_key_features(s, k, b, g, begin, end, slab.key_features);
      load_values(s, v, b, g, begin, end, slab.values);
      multiply(n, n, s.width, 1, {slab.query_features, s.width}, {slab.key_features, s.width, true},
               0, slab.scores, n);
      keep_lower(slab.scores, n, n);
      multiply(n, s.extended(), n, 1, {slab.scores, n}, {slab.values, s.extended()}, 1, extended,
               s.extended());
    }
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = (b * s.length + i) * s.heads + h;
      const float* sums = extended + (i - begin) * s.extended();
      denominators[row] = sums[s.width];
      const float inverse = sums[s.width] > 0 ? 1.0F / sums[s.width] : 0.0F;
      for (int64_t d = 0; d < s.width; ++d) out[row * s.width + d] = sums[d] * inverse;
    }
  });
}

struct Saved {
  Tensor q, k, v, out, denominators;
};

// states <- what the queries after each chunk (all, when not causal) pass back to its keys: the sum
// of features(q_i) slopes_i^T. The queries' chunks are the keys' when causal.
void query_states(const Sizes& s, const Saved& saved, const float* from, float* slabs,
                  float* states) {
  parallel_for(s.batch * s.groups * s.key_chunks(), [&](int64_t task, int worker) {
    const int64_t c = task % s.key_chunks(), g = task / s.key_chunks() % s.groups,
                  b = task / s.key_chunks() / s.groups;
    const int64_t begin = std::min(c * s.chunk, s.length);
    // The last chunk takes what is left where there are more queries than keys.
    const int64_t end = c + 1 == s.key_chunks() ? s.length : std::min(begin + s.chunk, s.length);
    float* state = states + s.state_at(b, g, c);
    std::fill_n(state, s.state(), 0.0F);
    const Slab slab(s, slabs + worker * Slab::size(s));
    for (int64_t h = g * s.heads_per_group(); h < (g + 1) * s.heads_per_group(); ++h) {
      for (int64_t i = begin; i < end; i += s.chunk) {
        const int64_t last = std::min(i + s.chunk, end);
        load_query_features(s, saved.q.data(), b, h, i, last, slab.query_features);
        load_slopes(s, from, saved.out.data(), saved.denominators.data(), b, h, i, last,
                    slab.slopes);
        multiply(s.width, s.extended(), last - i, 1, {slab.query_features, s.width, true},
                 {slab.slopes, s.extended()}, 1, state, s.extended());
      }
    }
  });
  sum_states(s, s.causal ? Sum::after : Sum::all, states);
}

// N = features(q) state + lower(features(q) features(k)^T) [v, 1]
void query_backward(const Sizes& s, const Saved& saved, const float* from, const float* states,
                    float* slabs, float* to_q) {
  parallel_for(s.batch * s.heads * s.query_chunks(), [&](int64_t task, int worker) {
    const int64_t c = task % s.query_chunks(), h = task / s.query_chunks() % s.heads,
                  b = task / s.query_chunks() / s.heads, g = h / s.heads_per_group();
    const int64_t begin = c * s.chunk, end = piece_end(c, s.chunk, s.length), n = end - begin;
    const Slab slab(s, slabs + worker * Slab::size(s));
    load_slopes(s, from, saved.out.data(), saved.denominators.data(), b, h, begin, end,
                slab.slopes);
    float* features = slab.products;
    multiply(n, s.width, s.extended(), 1, {slab.slopes, s.extended()},
             {states + s.state_at(b, g, s.causal ? c : 0), s.extended(), true}, 0, features,
             s.width);
    if (s.causal) {
      load_key_features(s, saved.k.data(), b, g, begin, end, slab.key_features);
      load_values(s, saved.v.data(), b, g, begin, end, slab.values);
      multiply(n, n, s.extended(), 1, {slab.slopes, s.extended()},
               {slab.values, s.extended(), true}, 0, slab.scores, n);
      keep_lower(slab.scores, n, n);
      multiply(n, s.width, n, 1, {slab.scores, n}, {slab.key_features, s.width}, 1, features,
               s.width);
    }
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = ((b * s.length + i) * s.heads + h) * s.width;
      elu_plus_one_backward_row(saved.q.data() + at, features + (i - begin) * s.width, to_q + at,
                                s.width);
    }
    count_exponentials(n * s.width);
  });
}

void key_value_backward(const Sizes& s, const Saved& saved, const float* from, const float* states,
                        float* slabs, float* to_k, float* to_v) {
  parallel_for(s.batch * s.groups * s.key_chunks(), [&](int64_t task, int worker) {
    const int64_t c = task % s.key_chunks(), g = task / s.key_chunks() % s.groups,
                  b = task / s.key_chunks() / s.groups;
    const int64_t begin = c * s.chunk, end = piece_end(c, s.chunk, s.keys), n = end - begin;
    const float* state = states + s.state_at(b, g, s.causal ? c : 0);
    const Slab slab(s, slabs + worker * Slab::size(s));
    load_key_features(s, saved.k.data(), b, g, begin, end, slab.key_features);
    load_values(s, saved.v.data(), b, g, begin, end, slab.values);
    // Two passes, so that one slab of products serves the features' slopes and then the values'.
    const auto each_head = [&](auto body) {
      if (!s.causal) return;
      for (int64_t h = g * s.heads_per_group(); h < (g + 1) * s.heads_per_group(); ++h) {
        load_query_features(s, saved.q.data(), b, h, begin, end, slab.query_features);
        load_slopes(s, from, saved.out.data(), saved.denominators.data(), b, h, begin, end,
                    slab.slopes);
        body();
      }
    };
    if (to_k != nullptr) {
      float* features = slab.products;
      multiply(n, s.width, s.extended(), 1, {slab.values, s.extended()},
               {state, s.extended(), true}, 0, features, s.width);
      each_head([&] {
        multiply(n, n, s.extended(), 1, {slab.slopes, s.extended()},
                 {slab.values, s.extended(), true}, 0, slab.scores, n);
        keep_lower(slab.scores, n, n);
        multiply(n, s.width, n, 1, {slab.scores, n, true}, {slab.query_features, s.width}, 1,
                 features, s.width);
      });
      for (int64_t j = begin; j < end; ++j) {
        const int64_t at = ((b * s.keys + j) * s.groups + g) * s.width;
        elu_plus_one_backward_row(saved.k.data() + at, features + (j - begin) * s.width, to_k + at,
                                  s.width);
      }
      count_exponentials(n * s.width);
    }
    if (to_v != nullptr) {
      float* values = slab.products;
      multiply(n, s.extended(), s.width, 1, {slab.key_features, s.width}, {state, s.extended()}, 0,
               values, s.extended());
      each_head([&] {
        multiply(n, n, s.width, 1, {slab.query_features, s.width},
                 {slab.key_features, s.width, true}, 0, slab.scores, n);
        keep_lower(slab.scores, n, n);
        multiply(n, s.extended(), n, 1, {slab.scores, n, true}, {slab.slopes, s.extended()}, 1,
                 values, s.extended());
      });
      for (int64_t j = begin; j < std::min(end, s.real_keys(b)); ++j) {
        float* to = to_v + ((b * s.keys + j) * s.groups + g) * s.width;
        add_scaled_row(to, 1.0F, values + (j - begin) * s.extended(), to, s.width);
      }
    }
  });
}

void backward(const Sizes& s, const Saved& saved, const float* from, float* to_q, float* to_k,
              float* to_v) {
  Tensor slabs({thread_count(), Slab::size(s)}, Tag::workspace);
  Tensor keys({s.batch, s.groups, s.key_chunks(), s.state()}, Tag::workspace);
  Tensor queries({s.batch, s.groups, s.key_chunks(), s.state()}, Tag::workspace);
  if (to_q != nullptr) {
    key_states(s, saved.k.data(), saved.v.data(), slabs.data(), keys.data(), nullptr);
    query_backward(s, saved, from, keys.data(), slabs.data(), to_q);
  }
  if (to_k != nullptr || to_v != nullptr) {
    query_states(s, saved, from, slabs.data(), queries.data());
    key_value_backward(s, saved, from, queries.data(), slabs.data(), to_k, to_v);
  }
}

Sizes sizes_of(const Var& q, const Var& k, const Var& v, bool causal,
               std::span<const int64_t> real_keys, int64_t chunk) {
  const Sizes s{q.extent(0), q.extent(1), k.extent(1), q.extent(2), k.extent(2),
                q.extent(3), chunk,       causal,      real_keys};
  check_equal(s.heads % s.groups, 0,
              "linear_attention: query heads over key/value heads, remainder");
  check_equal(to_string(k.shape()), to_string(v.shape()), "linear_attention: key and value shapes");
  check(!causal || s.length == s.keys, "linear_attention: causal, with other keys than queries");
  return s;
}

}  // namespace

Var linear_attention(const Var& q, const Var& k, const Var& v, const AttentionMask& mask,
                     int64_t chunk) {
  check(!mask.causal || mask.first.empty(), "linear_attention: causal rows start at position 0");
  const Sizes s = sizes_of(q, k, v, mask.causal, mask.keys, chunk);
  Tensor out(q.shape(), result_tag());
  Tensor denominators({s.batch, s.length, s.heads}, result_tag());
  forward(s, q.data(), k.data(), v.data(), nullptr, denominators.data(), out.data());
  const Saved saved{q.value(), k.value(), v.value(), out, denominators};
  return record(std::move(out), {q, k, v},
                [s, saved, to_q = q.gradient(), to_k = k.gradient(),
                 to_v = v.gradient()](std::span<const float> from) {
                  backward(s, saved, from.data(), to_q ? to_q->data() : nullptr,
                           to_k ? to_k->data() : nullptr, to_v ? to_v->data() : nullptr);
                });
}

Shape linear_attention_state(int64_t batch, int64_t groups, int64_t width) {
  return {batch, groups, 2, width, width + 1};
}

Var extend_linear_attention(const Var& q, const Var& k, const Var& v,
                            std::span<const int64_t> taken, int64_t chunk, Tensor& state) {
  const Sizes s = sizes_of(q, k, v, true, taken, chunk);
  check_equal(to_string(state.shape()),
              to_string(linear_attention_state(s.batch, s.groups, s.width)),
              "extend_linear_attention: shape of the state");
  Tensor out(q.shape(), Tag::workspace);
  Tensor denominators({s.batch, s.length, s.heads}, Tag::workspace);
  forward(s, q.data(), k.data(), v.data(), state.data(), denominators.data(), out.data());
  return Var(out);
}

}  // namespace lengthwise
