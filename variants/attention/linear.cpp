#include <algorithm>

#include "base/check.h"
#include "base/counters.h"
#include "base/parallel.h"
#include "kernels/multiply.h"
#include "kernels/rows.h"
#include "nn/attention.h"
#include "nn/definition.h"
#include "nn/key_cache.h"

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

/// Linear attention: features phi(x) = elu(x) + 1 in place of the softmax,
/// o_i = phi(q_i) sum_j phi(k_j) v_j^T / (phi(q_i) . sum_j phi(k_j)) over the keys seen. The causal
/// form goes in chunks: within one by scores, between them by a [D,D+1] state. Time and memory
/// O(T).
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
    check(!in.mask.causal || in.mask.first.empty(), "linear: causal rows start at position 0");
    const Sizes s = sizes_of(in, in.mask.keys);
    check(!s.causal || s.length == s.keys, "linear: causal, with other keys than queries");
    Tensor out(in.q.shape(), result_tag());
    Tensor denominators({s.batch, s.length, s.heads}, result_tag());
    forward(s, in.q.data(), in.k.data(), in.v.data(), nullptr, denominators.data(), out.data());
    const Saved saved{in.q.value(), in.k.value(), in.v.value(), out, denominators};
    return record(std::move(out), {in.q, in.k, in.v},
                  [s, saved, to_q = in.q.gradient(), to_k = in.k.gradient(),
                   to_v = in.v.gradient()](std::span<const float> from) {
                    backward(s, saved, from.data(), to_q ? to_q->data() : nullptr,
                             to_k ? to_k->data() : nullptr, to_v ? to_v->data() : nullptr);
                  });
  }

  /// The sum of features(k_j) [v_j, 1]^T over the tokens so far, whatever their number.
  DecodeState begin_decode(int64_t batch, int64_t) const override {
    const int64_t width = sizes_.head_width;
    return {Tensor::zeros({batch, sizes_.key_value_heads, 2, width, width + 1}, Tag::state)};
  }

  Var extend(DecodeState& state, const AttentionInput& in) const override {
    check_input(in);
    std::vector<int64_t> taken;
    for (int64_t b = 0; b < in.q.extent(0); ++b) {
      taken.push_back(tokens_taken(in.mask, b, in.q.extent(1)));
    }
    const Sizes s = sizes_of(in, taken);
    Tensor out(in.q.shape(), Tag::workspace);
    Tensor denominators({s.batch, s.length, s.heads}, Tag::workspace);
    forward(s, in.q.data(), in.k.data(), in.v.data(), state[0].data(), denominators.data(),
            out.data());
    return Var(out);
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

  static AttentionCost cost(const AttentionSizes& sizes, const Options& options) {
    AttentionCost cost = attend_cost(sizes, options);
    // New tokens cost what a causal sequence of their own costs, in inference.
    AttentionSizes fresh = sizes;
    fresh.keys = fresh.queries;
    fresh.causal = true;
    const AttentionCost of_fresh = attend_cost(fresh, options);
    cost.extend = of_fresh.forward;
    cost.extend.workspace_bytes += of_fresh.saved_bytes;
    return cost;
  }

 private:
  static AttentionCost attend_cost(const AttentionSizes& n, const Options& options) {
    const int64_t D = n.head_width, E = D + 1, T = n.queries, S = n.keys, chunk = options.chunk;
    const int64_t by_query = n.batch * n.heads, by_key = n.batch * n.key_value_heads;
    const int64_t state = 2 * D * E;  // FLOPs of one token against a state
    int64_t squares = 0;              // pairs within chunks
    for (int64_t i = 0; n.causal && i < T; i += chunk) {
      squares += std::min(chunk, T - i) * std::min(chunk, T - i);
    }
    const int64_t chunks = (S + chunk - 1) / chunk;
    const int64_t slabs = chunk * (2 * D + 2 * E + chunk + std::max(chunk, E));
    AttentionCost cost;
    // Forward: key states; queries against states; scores and their product with [v, 1].
    cost.forward.flops = by_key * S * state + by_query * (T * state + squares * 2 * (D + E));
    cost.forward.exponentials =
        by_key * S * D + by_query * T * D + (n.causal ? by_query * T * D : 0);
    // Backward: both states again, then slopes of queries, keys and values.
    cost.backward.flops = by_key * S * state + by_query * T * state + by_query * T * state +
                          by_key * S * 2 * state + by_query * squares * 2 * 3 * (D + E);
    cost.backward.exponentials =
        by_key * S * D + by_query * T * D +                          // states
        by_query * T * D + (n.causal ? by_query * T * D : 0) +       // slopes of queries
        2 * by_key * S * D + (n.causal ? 2 * by_query * T * D : 0);  // slopes of keys and values
    cost.forward.workspace_bytes =
        ledger_bytes(4 * n.threads * slabs) + ledger_bytes(4 * by_key * chunks * D * E);
    cost.backward.workspace_bytes =
        ledger_bytes(4 * n.threads * slabs) + 2 * ledger_bytes(4 * by_key * chunks * D * E);
    cost.saved_bytes = ledger_bytes(4 * by_query * T);
    cost.saves_output = true;
    cost.state_bytes = ledger_bytes(4 * by_key * 2 * D * E);
    cost.useful_forward_flops = by_key * S * state + by_query * T * state;
    return cost;
  }

  static void check_input(const AttentionInput& in) {
    check(in.bias == nullptr, "linear: a score bias, but there are no scores");
    check_equal(in.dropout.rate, 0.0, "linear: dropout of weights that are never formed");
    check_equal(in.q.extent(2) % in.k.extent(2), 0,
                "linear: query heads over key/value heads, remainder");
  }

  Sizes sizes_of(const AttentionInput& in, std::span<const int64_t> real) const {
    return {in.q.extent(0), in.q.extent(1), in.k.extent(1),
            in.q.extent(2), in.k.extent(2), in.q.extent(3),
            chunk_,         in.mask.causal, real};
  }

  static void backward(const Sizes& s, const Saved& saved, const float* from, float* to_q,
                       float* to_k, float* to_v) {
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

  AttentionSizes sizes_;
  int64_t chunk_;
};

const bool registered = register_attention<Linear>();

}  // namespace
}  // namespace lengthwise
