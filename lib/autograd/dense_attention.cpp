#include <algorithm>
#include <limits>

#include "autograd/operations.h"
#include "base/check.h"
#include "base/counters.h"
#include "base/parallel.h"
#include "kernels/multiply.h"
#include "kernels/rows.h"

namespace lengthwise {
namespace {

constexpr int64_t kBlock = 64;  // queries, and in the backward keys, of one task

struct Sizes {
  int64_t batch, queries, keys, heads, groups, width;
  int64_t key_rows;  // of k and v in memory, of which the first `keys` take part

  int64_t query_stride() const { return heads * width; }
  int64_t key_stride() const { return groups * width; }
  int64_t query(int64_t b, int64_t i, int64_t h) const {
    return ((b * queries + i) * heads + h) * width;
  }
  int64_t key(int64_t b, int64_t j, int64_t g) const {
    return ((b * key_rows + j) * groups + g) * width;
  }
  int64_t weight(int64_t b, int64_t h, int64_t i) const {
    return ((b * heads + h) * queries + i) * keys;
  }
  int64_t row(int64_t b, int64_t h, int64_t i) const { return (b * heads + h) * queries + i; }
  int64_t heads_per_group() const { return heads / groups; }
};

// One task's queries [begin, end) of head h of row b, and how many keys any of them sees.
struct QueryBlock {
  int64_t b, h, begin, end, keys;
};

QueryBlock query_block(const Sizes& s, const AttentionMask& mask, int64_t task) {
  const int64_t blocks = pieces(s.queries, kBlock), block = task % blocks, head = task / blocks;
  QueryBlock q{head / s.heads, head % s.heads, block * kBlock, piece_end(block, kBlock, s.queries),
               0};
  q.keys = mask.visible(q.b, q.end - 1, s.keys);  // later queries see at least as many
  return q;
}

void add_bias(const ScoreBias& bias, int64_t h, int64_t position, int64_t n, float* scores) {
  const int64_t distances = bias.by_distance.extent(1), first = bias.zero - position;
  check_in_range(first, 0, distances - n + 1, "score bias: the first distance");
  add_scaled_row(scores, 1.0F, bias.by_distance.data() + h * distances + first, scores, n);
}

// The n scores of one query become its weights. Returns sum |scores| where that is the rule.
float weigh_row(const DenseAttentionRule& rule, int64_t position, int64_t n, float* row) {
  const bool self = rule.exclude_self && position < n;
  if (rule.normalise == DenseAttentionRule::Normalise::sum) {
    if (self) row[position] = 0;
    return normalise_sum_row(row, n);
  }
  if (self) row[position] = -std::numeric_limits<float>::infinity();
  softmax_row(row, n);
  return 0;
}

void dense_attention_forward(const Sizes& s, const DenseAttentionRule& rule, const float* q,
                             const float* k, const float* v, float* weights, float* row_sums,
                             float* out) {
  const int64_t tasks = s.batch * s.heads * pieces(s.queries, kBlock);
  const bool drops = rule.dropout.rate > 0;
  const bool softmax = rule.normalise == DenseAttentionRule::Normalise::softmax;
  Tensor dropped({drops ? thread_count() : 0, kBlock, s.keys}, Tag::workspace);
  parallel_for(tasks, [&](int64_t task, int worker) {
    const QueryBlock block = query_block(s, rule.mask, task);
    const auto [b, h, begin, end, n] = block;
    const int64_t rows = end - begin, g = h / s.heads_per_group();
    float* w = weights + s.weight(b, h, begin);
    multiply(rows, n, s.width, static_cast<float>(rule.scale),
             {q + s.query(b, begin, h), s.query_stride()},
             {k + s.key(b, 0, g), s.key_stride(), true}, 0, w, s.keys);
    int64_t exponentials = 0;
    for (int64_t i = begin; i < end; ++i) {
      float* row = weights + s.weight(b, h, i);
      const int64_t position = rule.mask.position(b, i);
      const int64_t seen = rule.mask.visible(b, i, s.keys);
      if (rule.bias != nullptr) add_bias(*rule.bias, h, position, seen, row);
      const float sum = weigh_row(rule, position, seen, row);
      if (!softmax) row_sums[s.row(b, h, i)] = sum;
      std::fill(row + seen, row + s.keys, 0.0F);
      exponentials += softmax ? seen : 0;
    }
    count_exponentials(exponentials);
    MatrixView mixing{w, s.keys};
    if (drops) {
      float* slab = dropped.data() + worker * kBlock * s.keys;
      for (int64_t i = begin; i < end; ++i) {
        dropout_row(rule.dropout, s.row(b, h, i), 0, weights + s.weight(b, h, i),
                    slab + (i - begin) * s.keys, n);
      }
      mixing.data = slab;
    }
    multiply(rows, s.width, n, 1, mixing, {v + s.key(b, 0, g), s.key_stride()}, 0,
             out + s.query(b, begin, h), s.query_stride());
  });
}

// score_slopes [B,H,T,S] <- slopes of the scaled scores; to_q += score_slopes k scale.
// out = weights v; weights = softmax(scores): slope w (g - g.w), with g = out_gradient v^T;
// or weights = scores / sum |scores|: slope (g - sign(w) g.w) / sum.
void score_backward(const Sizes& s, const DenseAttentionRule& rule, const float* k, const float* v,
                    const float* weights, const float* row_sums, const float* from,
                    float* score_slopes, float* to_q) {
  const bool softmax = rule.normalise == DenseAttentionRule::Normalise::softmax;
  parallel_for(s.batch * s.heads * pieces(s.queries, kBlock), [&](int64_t task, int) {
    const QueryBlock block = query_block(s, rule.mask, task);
    const auto [b, h, begin, end, n] = block;
    const int64_t rows = end - begin, g = h / s.heads_per_group();
    float* slopes = score_slopes + s.weight(b, h, begin);
    multiply(rows, n, s.width, 1, {from + s.query(b, begin, h), s.query_stride()},
             {v + s.key(b, 0, g), s.key_stride(), true}, 0, slopes, s.keys);
    // The second pass reads whole blocks of keys.
    const int64_t read = std::min(s.keys, pieces(n, kBlock) * kBlock);
    for (int64_t i = begin; i < end; ++i) {
      float* slope = score_slopes + s.weight(b, h, i);
      const float* w = weights + s.weight(b, h, i);
      const int64_t seen = rule.mask.visible(b, i, s.keys);
      if (rule.dropout.rate > 0) dropout_row(rule.dropout, s.row(b, h, i), 0, slope, slope, seen);
      const float mean = dot_row(slope, w, seen);
      if (softmax) {
        for (int64_t j = 0; j < seen; ++j) slope[j] = w[j] * (slope[j] - mean);
      } else {
        const float sum = row_sums[s.row(b, h, i)], inverse = sum > 0 ? 1.0F / sum : 0.0F;
        for (int64_t j = 0; j < seen; ++j) {
          const float sign = w[j] > 0 ? 1.0F : w[j] < 0 ? -1.0F : 0.0F;
          slope[j] = (slope[j] - sign * mean) * inverse;
        }
        const int64_t position = rule.mask.position(b, i);
        if (rule.exclude_self && position < seen) slope[position] = 0;
      }
      std::fill(slope + seen, slope + read, 0.0F);
    }
    if (to_q != nullptr) {
      multiply(rows, s.width, n, static_cast<float>(rule.scale), {slopes, s.keys},
               {k + s.key(b, 0, g), s.key_stride()}, 1, to_q + s.query(b, begin, h),
               s.query_stride());
    }
  });
}

// scores = scale q k^T: to_k += scale score_slopes^T q; out = weights v: to_v += weights^T from.
void key_value_backward(const Sizes& s, const DenseAttentionRule& rule, const float* q,
                        const float* weights, const float* score_slopes, const float* from,
                        float* to_k, float* to_v) {
  const int64_t blocks = pieces(s.keys, kBlock);
  const bool drops = rule.dropout.rate > 0;
  Tensor dropped({drops ? thread_count() : 0, s.queries, kBlock}, Tag::workspace);
  parallel_for(s.batch * s.groups * blocks, [&](int64_t task, int worker) {
    const int64_t j = task % blocks * kBlock, g = task / blocks % s.groups,
                  b = task / blocks / s.groups;
    const int64_t columns = std::min(kBlock, s.keys - j);
    int64_t begin = 0;  // the first block of queries that sees key j
    while (begin < s.queries &&
           rule.mask.visible(b, std::min(begin + kBlock, s.queries) - 1, s.keys) <= j) {
      begin += kBlock;
    }
    const int64_t rows = s.queries - begin;
    if (rows <= 0) return;
    for (int64_t h = g * s.heads_per_group(); h < (g + 1) * s.heads_per_group(); ++h) {
      if (to_k != nullptr) {
        multiply(columns, s.width, rows, static_cast<float>(rule.scale),
                 {score_slopes + s.weight(b, h, begin) + j, s.keys, true},
                 {q + s.query(b, begin, h), s.query_stride()}, 1, to_k + s.key(b, j, g),
                 s.key_stride());
      }
      if (to_v == nullptr) continue;
      MatrixView mixing{weights + s.weight(b, h, begin) + j, s.keys, true};
      if (drops) {
        float* slab = dropped.data() + worker * s.queries * kBlock;
        for (int64_t i = begin; i < s.queries; ++i) {
          dropout_row(rule.dropout, s.row(b, h, i), j, weights + s.weight(b, h, i) + j,
                      slab + (i - begin) * kBlock, columns);
        }
        mixing = {slab, kBlock, true};
      }
      multiply(columns, s.width, rows, 1, mixing, {from + s.query(b, begin, h), s.query_stride()},
               1, to_v + s.key(b, j, g), s.key_stride());
    }
  });
}

}  // namespace

Var dense_attention(const Var& q, const Var& k, const Var& v, const DenseAttentionRule& rule) {
  const int64_t key_rows = k.extent(1), keys = rule.keys > 0 ? rule.keys : key_rows;
  const Sizes s{q.extent(0), q.extent(1), keys, q.extent(2), k.extent(2), q.extent(3), key_rows};
  check_in_range(keys, 0, key_rows + 1, "dense_attention: keys that take part");
  check_equal(s.heads % s.groups, 0,
              "dense_attention: query heads over key/value heads, remainder");
  check_equal(to_string(k.shape()), to_string(v.shape()), "dense_attention: key and value shapes");
  check_equal(k.extent(3), s.width, "dense_attention: width of a key");
  check(rule.bias == nullptr || !rule.bias->by_distance.needs_gradient(),
        "dense_attention: the score bias wants a gradient, which it does not give");
  const bool softmax = rule.normalise == DenseAttentionRule::Normalise::softmax;
  Tensor out(q.shape(), result_tag());
  Tensor weights({s.batch, s.heads, s.queries, s.keys}, result_tag());
  Tensor row_sums({softmax ? 0 : s.batch * s.heads * s.queries}, result_tag());
  dense_attention_forward(s, rule, q.data(), k.data(), v.data(), weights.data(), row_sums.data(),
                          out.data());
  return record(
      std::move(out), {q, k, v},
      [s, rule, weights, row_sums, q_value = q.value(), k_value = k.value(), v_value = v.value(),
       to_q = q.gradient(), to_k = k.gradient(), to_v = v.gradient()](std::span<const float> from) {
        Tensor slopes({s.batch, s.heads, s.queries, s.keys}, Tag::workspace);
        score_backward(s, rule, k_value.data(), v_value.data(), weights.data(), row_sums.data(),
                       from.data(), slopes.data(), to_q ? to_q->data() : nullptr);
        key_value_backward(s, rule, q_value.data(), weights.data(), slopes.data(), from.data(),
                           to_k ? to_k->data() : nullptr, to_v ? to_v->data() : nullptr);
      });
}

}  // namespace lengthwise
