#include <algorithm>
#include <cmath>

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

constexpr int64_t kBlock = 64;  // queries, and in the backward keys, of one task

/// One call's sizes. Weights are kept as a band [B,H,T,width]: column e of query i is the key at
/// first_key(b, i) + e, whether or not there is one.
struct Band {
  int64_t batch, queries, keys, heads, groups, head_width;
  int64_t window;  // no longer than the keys: more would only be empty columns
  int64_t ahead;   // keys after its own position that a query sees: 0 when causal
  AttentionMask mask;

  int64_t width() const { return window + ahead; }
  int64_t band_size() const { return batch * heads * queries * width(); }
  /// Floats of one worker's slab: a block against all that any of its rows can meet.
  int64_t slab() const { return kBlock * (kBlock + width() - 1); }
  int64_t query_stride() const { return heads * head_width; }
  int64_t key_stride() const { return groups * head_width; }
  int64_t query(int64_t b, int64_t i, int64_t h) const {
    return ((b * queries + i) * heads + h) * head_width;
  }
  int64_t key(int64_t b, int64_t j, int64_t g) const {
    return ((b * keys + j) * groups + g) * head_width;
  }
  int64_t row(int64_t b, int64_t h, int64_t i) const { return (b * heads + h) * queries + i; }
  int64_t real_keys(int64_t b) const {
    return mask.keys.empty() ? keys : std::min(keys, mask.keys[static_cast<size_t>(b)]);
  }
  int64_t first_key(int64_t b, int64_t i) const { return mask.position(b, i) - window + 1; }
  /// The keys that query i sees: [begin_key, end_key).
  int64_t begin_key(int64_t b, int64_t i) const {
    return std::clamp<int64_t>(first_key(b, i), 0, real_keys(b));
  }
  int64_t end_key(int64_t b, int64_t i) const {
    return std::clamp(mask.position(b, i) + ahead + 1, begin_key(b, i), real_keys(b));
  }
};

struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

// One task of a pass over queries: a block of them, and the keys that any of them sees.
struct QueryBlock {
  int64_t b, h, g;
  Range queries, keys;
};

QueryBlock query_block(const Band& s, int64_t task) {
  const int64_t blocks = pieces(s.queries, kBlock), block = task % blocks, head = task / blocks;
  const int64_t b = head / s.heads, h = head % s.heads;
  const Range queries{block * kBlock, piece_end(block, kBlock, s.queries)};
  const Range keys{s.begin_key(b, queries.begin), s.end_key(b, queries.end - 1)};
  return {b, h, h / (s.heads / s.groups), queries, keys};
}

int64_t query_tasks(const Band& s) { return s.batch * s.heads * pieces(s.queries, kBlock); }

// Zeros a row but for [inside.begin, inside.end).
void clear_outside(float* row, int64_t n, Range inside) {
  std::fill_n(row, inside.begin, 0.0F);
  std::fill(row + inside.end, row + n, 0.0F);
}

void forward(const Band& s, double scale, const ScoreBias* bias, const Dropout& dropout,
             const float* q, const float* k, const float* v, float* weights, float* out) {
  Tensor slabs({thread_count(), s.slab()}, Tag::workspace);
  parallel_for(query_tasks(s), [&](int64_t task, int worker) {
    const auto [b, h, g, queries, keys] = query_block(s, task);
    const int64_t n = keys.size();
    float* block = slabs.data() + worker * s.slab();
    multiply(queries.size(), n, s.head_width, static_cast<float>(scale),
             {q + s.query(b, queries.begin, h), s.query_stride()},
             {k + s.key(b, keys.begin, g), s.key_stride(), true}, 0, block, n);
    int64_t exponentials = 0;
    for (int64_t i = queries.begin; i < queries.end; ++i) {
      const Range seen{s.begin_key(b, i), s.end_key(b, i)};
      float* row = block + (i - queries.begin) * n;
      float* inside = row + (seen.begin - keys.begin);
      if (bias != nullptr) {
        const Tensor& by_distance = bias->by_distance.value();
        const int64_t nearest = bias->zero + seen.begin - s.mask.position(b, i);
        check_in_range(nearest, 0, by_distance.extent(1) - seen.size() + 1,
                       "score bias: the first distance");
        add_scaled_row(inside, 1.0F, by_distance.data() + h * by_distance.extent(1) + nearest,
                       inside, seen.size());
      }
      softmax_row(inside, seen.size());
      exponentials += seen.size();
      float* band = weights + s.row(b, h, i) * s.width();
      const int64_t column = seen.begin - s.first_key(b, i);
      std::fill_n(band, s.width(), 0.0F);
      if (seen.size() > 0) std::copy_n(inside, seen.size(), band + column);
      if (dropout.rate > 0) {
        dropout_row(dropout, s.row(b, h, i), seen.begin, inside, inside, seen.size());
      }
      clear_outside(row, n, {seen.begin - keys.begin, seen.end - keys.begin});
    }
    count_exponentials(exponentials);
    multiply(queries.size(), s.head_width, n, 1, {block, n},
             {v + s.key(b, keys.begin, g), s.key_stride()}, 0, out + s.query(b, queries.begin, h),
             s.query_stride());
  });
}

// slopes [B,H,T,width] of the scaled scores; to_q += scale slopes k.
// out = weights v, weights = softmax(scores): slope w (g - g.w), with g = out_gradient v^T.
void score_backward(const Band& s, double scale, const Dropout& dropout, const float* k,
                    const float* v, const float* weights, const float* from, float* slopes,
                    float* to_q) {
  Tensor slabs({thread_count(), s.slab()}, Tag::workspace);
  parallel_for(query_tasks(s), [&](int64_t task, int worker) {
    const auto [b, h, g, queries, keys] = query_block(s, task);
    const int64_t n = keys.size();
    float* block = slabs.data() + worker * s.slab();
    multiply(queries.size(), n, s.head_width, 1,
             {from + s.query(b, queries.begin, h), s.query_stride()},
             {v + s.key(b, keys.begin, g), s.key_stride(), true}, 0, block, n);
    for (int64_t i = queries.begin; i < queries.end; ++i) {
      const Range seen{s.begin_key(b, i), s.end_key(b, i)};
      const int64_t column = seen.begin - s.first_key(b, i);
      float* row = block + (i - queries.begin) * n;
      float* inside = row + (seen.begin - keys.begin);
      const float* w = weights + s.row(b, h, i) * s.width() + column;
      if (dropout.rate > 0) {
        dropout_row(dropout, s.row(b, h, i), seen.begin, inside, inside, seen.size());
      }
      const float mean = dot_row(inside, w, seen.size());
      for (int64_t e = 0; e < seen.size(); ++e) inside[e] = w[e] * (inside[e] - mean);
      float* band = slopes + s.row(b, h, i) * s.width();
      std::fill_n(band, s.width(), 0.0F);
      if (seen.size() > 0) std::copy_n(inside, seen.size(), band + column);
      clear_outside(row, n, {seen.begin - keys.begin, seen.end - keys.begin});
    }
    if (to_q == nullptr) return;
    multiply(queries.size(), s.head_width, n, static_cast<float>(scale), {block, n},
             {k + s.key(b, keys.begin, g), s.key_stride()}, 1, to_q + s.query(b, queries.begin, h),
             s.query_stride());
  });
}

// block [queries, keys] <- the part of the band that lies there, 0 elsewhere.
void expand_band(const Band& s, const float* band, int64_t b, int64_t h, Range queries, Range keys,
                 const Dropout& dropout, float* block) {
  for (int64_t i = queries.begin; i < queries.end; ++i) {
    float* row = block + (i - queries.begin) * keys.size();
    const int64_t begin = std::clamp(s.begin_key(b, i), keys.begin, keys.end);
    const int64_t end = std::clamp(s.end_key(b, i), begin, keys.end);
    clear_outside(row, keys.size(), {begin - keys.begin, end - keys.begin});
    const float* inside = band + s.row(b, h, i) * s.width() + (begin - s.first_key(b, i));
    float* to = row + (begin - keys.begin);
    if (dropout.rate > 0) {
      dropout_row(dropout, s.row(b, h, i), begin, inside, to, end - begin);
    } else if (end > begin) {
      std::copy_n(inside, end - begin, to);
    }
  }
}

// scores = scale q k^T: to_k += scale slopes^T q; out = weights v: to_v += weights^T from.
void key_value_backward(const Band& s, double scale, const Dropout& dropout, const float* q,
                        const float* weights, const float* slopes, const float* from, float* to_k,
                        float* to_v) {
  Tensor slabs({thread_count(), s.slab()}, Tag::workspace);
  const int64_t blocks = pieces(s.keys, kBlock);
  parallel_for(s.batch * s.groups * blocks, [&](int64_t task, int worker) {
    const int64_t b = task / blocks / s.groups, g = task / blocks % s.groups;
    const Range keys{task % blocks * kBlock, piece_end(task % blocks, kBlock, s.keys)};
    // Query i stands at first + i and sees the keys from window - 1 before to `ahead` after it.
    const int64_t first = s.mask.position(b, 0);
    const int64_t begin = std::clamp<int64_t>(keys.begin - s.ahead - first, 0, s.queries);
    const Range queries{begin, std::clamp(keys.end - 1 + s.window - first, begin, s.queries)};
    if (queries.size() == 0) return;
    float* block = slabs.data() + worker * s.slab();
    const int64_t heads = s.heads / s.groups;
    for (int64_t h = g * heads; h < (g + 1) * heads; ++h) {
      if (to_k != nullptr) {
        expand_band(s, slopes, b, h, queries, keys, {}, block);
        multiply(keys.size(), s.head_width, queries.size(), static_cast<float>(scale),
                 {block, keys.size(), true}, {q + s.query(b, queries.begin, h), s.query_stride()},
                 1, to_k + s.key(b, keys.begin, g), s.key_stride());
      }
      if (to_v != nullptr) {
        expand_band(s, weights, b, h, queries, keys, dropout, block);
        multiply(keys.size(), s.head_width, queries.size(), 1, {block, keys.size(), true},
                 {from + s.query(b, queries.begin, h), s.query_stride()}, 1,
                 to_v + s.key(b, keys.begin, g), s.key_stride());
      }
    }
  });
}

/// Softmax attention over a window of W keys, the query's own included: i-W+1..i when causal,
/// |i-j| < W otherwise. Blocks of queries meet only the keys near them: time and memory O(T W).
class Windowed final : public Attention {
 public:
  struct Options {
    int64_t window = 128;
    void visit(OptionVisitor& v) {
      v.integer("window", window, {1, kLargestSize}, "keys a query sees, itself included");
    }
  };

  static AttentionInfo info() {
    return {.name = "windowed",
            .summary = "softmax over the nearest keys only, O(T W)",
            .paper = "arXiv:2004.05150",
            .score_bias = true,
            .decodable = true,
            .order_free = false};
  }

  Windowed(const AttentionSetup& setup, const Options& options)
      : sizes_(setup.sizes),
        scale_(1.0 / std::sqrt(static_cast<double>(setup.sizes.head_width))),
        window_(options.window) {}

  Var attend(const AttentionInput& in) const override {
    const Band s = band(in);
    check_equal(s.heads % s.groups, 0, "windowed: query heads over key/value heads, remainder");
    check(in.bias == nullptr || !in.bias->by_distance.needs_gradient(),
          "windowed: the score bias wants a gradient, which it does not give");
    Tensor out(in.q.shape(), result_tag());
    Tensor weights({s.band_size()}, result_tag());
    forward(s, scale_, in.bias, in.dropout, in.q.data(), in.k.data(), in.v.data(), weights.data(),
            out.data());
    return record(std::move(out), {in.q, in.k, in.v},
                  [s, scale = scale_, dropout = in.dropout, weights, q = in.q.value(),
                   k = in.k.value(), v = in.v.value(), to_q = in.q.gradient(),
                   to_k = in.k.gradient(), to_v = in.v.gradient()](std::span<const float> from) {
                    Tensor slopes({s.band_size()}, Tag::workspace);
                    score_backward(s, scale, dropout, k.data(), v.data(), weights.data(),
                                   from.data(), slopes.data(), to_q ? to_q->data() : nullptr);
                    key_value_backward(s, scale, dropout, q.data(), weights.data(), slopes.data(),
                                       from.data(), to_k ? to_k->data() : nullptr,
                                       to_v ? to_v->data() : nullptr);
                  });
  }

  /// The keys and values that a next token sees: position p in slot p % slots.
  DecodeState begin_decode(int64_t batch, int64_t max_tokens) const override {
    const int64_t slots = std::min(window_ - 1, max_tokens);
    const Shape shape = {batch, slots, sizes_.key_value_heads, sizes_.head_width};
    return {Tensor(shape, Tag::state), Tensor(shape, Tag::state)};
  }

  // What is remembered of each row, then its new tokens, are a sequence of their own: only
  // distances matter.
  Var extend(DecodeState& state, const AttentionInput& in) const override {
    const int64_t batch = in.q.extent(0), tokens = in.q.extent(1), slots = state[0].extent(1);
    std::vector<int64_t> remembered, keys;
    for (int64_t b = 0; b < batch; ++b) {
      remembered.push_back(std::min(in.mask.position(b, 0), slots));
      keys.push_back(remembered.back() + tokens_taken(in.mask, b, tokens));
    }
    AttentionInput local = in;
    local.k = Var(recent_rows(state[0], in.k, in.mask, remembered));
    local.v = Var(recent_rows(state[1], in.v, in.mask, remembered));
    local.mask = {true, remembered, keys};
    store_rows(in.k, in.mask, state[0]);
    store_rows(in.v, in.mask, state[1]);
    return attend(local);
  }

  template <class Scalar>
  static void define(Definition<Scalar>& a, const Options& options) {
    const double scale = 1.0 / std::sqrt(static_cast<double>(a.D));
    a.each_output([&](int64_t b, int64_t i, int64_t h) {
      a.mix_normalised(b, i, h, [&](int64_t j) {
        using std::exp;
        if (std::abs(a.position(b, i) - j) >= options.window) return Scalar(0);
        return exp(a.dot(b, i, j, h) * Scalar(scale) + a.bias(b, h, i, j));
      });
    });
  }

  static AttentionCost cost(const AttentionSizes& sizes, const Options& options) {
    const int64_t T = sizes.queries, S = sizes.keys, W = std::min(options.window, S);
    const int64_t ahead = sizes.causal ? 0 : W - 1, heads = sizes.batch * sizes.heads;
    int64_t seen = 0, by_queries = 0, by_keys = 0;
    for (int64_t i = 0; i < T; ++i)
      seen += std::min(i + ahead + 1, S) - std::max(i - W + 1, int64_t{0});
    for (int64_t i = 0; i < T; i += kBlock) {
      const int64_t last = std::min(i + kBlock, T) - 1;
      by_queries +=
          (last + 1 - i) * (std::min(last + ahead + 1, S) - std::max(i - W + 1, int64_t{0}));
    }
    for (int64_t j = 0; j < S; j += kBlock) {
      const int64_t last = std::min(j + kBlock, S) - 1;
      by_keys += (last + 1 - j) * (std::min(last + W, T) - std::max(j - ahead, int64_t{0}));
    }
    const int64_t band_bytes = ledger_bytes(4 * heads * T * (W + ahead));
    const int64_t slab_bytes = ledger_bytes(4 * sizes.threads * kBlock * (kBlock + W + ahead - 1));
    const int64_t row = sizes.batch * sizes.key_value_heads * sizes.head_width;
    AttentionCost cost;
    cost.forward = {heads * 4 * sizes.head_width * by_queries, heads * seen, slab_bytes};
    cost.backward = {heads * 4 * sizes.head_width * (by_queries + by_keys), 0,
                     band_bytes + slab_bytes};
    cost.saved_bytes = band_bytes;
    cost.extend = extend_cost(sizes, options.window);
    cost.state_bytes = 2 * ledger_bytes(4 * std::min(options.window - 1, S) * row);
    cost.useful_forward_flops = heads * 4 * sizes.head_width * seen;
    return cost;
  }

 private:
  // [B, most remembered + T, G, D]: the remembered rows in order, then the new ones.
  static Tensor recent_rows(const Tensor& ring, const Var& rows, const AttentionMask& mask,
                            std::span<const int64_t> remembered) {
    const int64_t batch = rows.extent(0), tokens = rows.extent(1), slots = ring.extent(1);
    const int64_t width = rows.extent(2) * rows.extent(3);
    const int64_t length = *std::max_element(remembered.begin(), remembered.end()) + tokens;
    Tensor recent({batch, length, rows.extent(2), rows.extent(3)}, Tag::workspace);
    parallel_for(batch, [&](int64_t b, int) {
      const int64_t kept = remembered[static_cast<size_t>(b)];
      float* to = recent.data() + b * length * width;
      for (int64_t i = 0; i < kept; ++i) {
        const int64_t slot = (mask.position(b, 0) - kept + i) % slots;
        std::copy_n(ring.data() + (b * slots + slot) * width, width, to + i * width);
      }
      std::copy_n(rows.data() + b * tokens * width, tokens * width, to + kept * width);
      std::fill(to + (kept + tokens) * width, to + length * width, 0.0F);
    });
    return recent;
  }

  static AttentionCost::Pass extend_cost(const AttentionSizes& sizes, int64_t window) {
    const int64_t T = sizes.queries, past = std::min(window - 1, sizes.keys - T);
    const int64_t length = past + T, W = std::min(window, length);
    const int64_t heads = sizes.batch * sizes.heads;
    const auto begin_key = [&](int64_t i) { return std::max<int64_t>(past + i - W + 1, 0); };
    int64_t seen = 0, covered = 0;
    for (int64_t i = 0; i < T; ++i) seen += past + i + 1 - begin_key(i);
    for (int64_t i = 0; i < T; i += kBlock) {
      const int64_t end = std::min(i + kBlock, T);
      covered += (end - i) * (past + end - begin_key(i));
    }
    const int64_t rows = sizes.batch * length * sizes.key_value_heads * sizes.head_width;
    return {heads * 4 * sizes.head_width * covered, heads * seen,
            2 * ledger_bytes(4 * rows) + ledger_bytes(4 * heads * T * W) +
                ledger_bytes(4 * sizes.threads * kBlock * (kBlock + W - 1))};
  }

  Band band(const AttentionInput& in) const {
    const int64_t keys = in.k.extent(1), window = std::min(window_, keys);
    return {in.q.extent(0), in.q.extent(1), keys,   in.q.extent(2),
            in.k.extent(2), in.q.extent(3), window, in.mask.causal ? 0 : window - 1,
            in.mask};
  }

  AttentionSizes sizes_;
  double scale_;
  int64_t window_;
};

const bool registered = register_attention<Windowed>();

}  // namespace
}  // namespace lengthwise
