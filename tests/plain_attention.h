// Softmax attention in plain loops, right as it stands, and wrong in one place for each seeded
// fault: what shows that the laws can fail.
#pragma once
#include <cmath>

#include "base/counters.h"
#include "base/parallel.h"
#include "nn/attention.h"
#include "nn/definition.h"
#include "nn/key_cache.h"

namespace lengthwise {

enum class Fault {
  none,
  sees_one_more,        // mask off by one
  leaks_at_tile_edge,   // the last query of a tile of 64 sees the next key
  lacks_scale,          // scores are not divided by sqrt(D)
  narrow_offset,        // offsets in 16 bits: what 32 bits do at sizes that no test affords
  mixes_rows,           // a row's scores hang on another row
  hangs_on_batch,       // the scale hangs on the number of rows
  hangs_on_row_number,  // rows differ by where they stand
  ignores_padding,      // keys past a row's end are seen
  prefers_early_keys,   // an order of its own
  reads_query_alone,    // the scores hang on more than q.k
  answers_unseen,       // a query that sees no key gets the first value
  leaves_tail,          // the last odd channel is never written
  sums_by_thread,       // a reduction cut by the number of threads
  lacks_mean_in_slope,  // the softmax's slope without its second term
  lacks_last_tile,      // the slope of keys past the first large tile
  lacks_grouped_slope,  // of heads that share a key only the last one's slope counts
  overwrites_gradient,  // in place of adding
  sends_slope_ahead,    // a query's slope reaches the key after it
  stale_cache,          // the last of several new tokens is not remembered
  no_bias_in_decode,    // the score bias is forgotten while decoding
  counts_pairs_twice,   // the FLOP formula
  hides_saved_bytes,    // the weights kept are not in the cost
  hides_workspace,      // nor the slopes
  larger_state,         // a row more than is promised
  remembers_calls,      // every third call mixes keys in place of values
  hides_reach,          // it looks further back than it says
  hangs_on_queries,     // the scores hang on how many queries there are
  bends_values,         // large values count for less
  leaks_channels,       // a channel takes a little of the one before
  first_key_counts,     // keys of another sequence: the first is taken for a token of its own
};

template <Fault kFault>
class PlainAttention final : public Attention {
 public:
  struct Options {
    void visit(OptionVisitor&) {}
  };
  static AttentionInfo info() {
    return {.name = "plain",
            .summary = "plain loops",
            .paper = "",
            .cross = true,
            .score_bias = true,
            .decodable = true,
            .forms_weights = false};
  }
  PlainAttention(const AttentionSetup& setup, const Options&) : layer_(setup.sizes) {}

  Var attend(const AttentionInput& in) const override {
    AttentionInput used = in;
    if (kFault == Fault::remembers_calls && calls_++ % 3 == 2) used.v = in.k;
    return mix(used, in.k.extent(1));
  }

  DecodeState begin_decode(int64_t batch, int64_t max_tokens) const override {
    const int64_t rows = max_tokens + (kFault == Fault::larger_state ? 40 : 0);
    const Shape shape = {batch, rows, layer_.key_value_heads, layer_.head_width};
    return {Tensor(shape, Tag::state), Tensor(shape, Tag::state)};
  }

  Var extend(DecodeState& state, const AttentionInput& in) const override {
    AttentionInput cached = in;
    std::vector<int64_t> stored(in.mask.keys.begin(), in.mask.keys.end());
    const int64_t tokens = in.q.extent(1);
    for (int64_t b = 0; b < in.q.extent(0) && stored.empty(); ++b)
      stored.assign(in.q.extent(0), tokens);
    for (int64_t& end : stored) {
      if (kFault == Fault::stale_cache && tokens > 1 && end > 1) --end;
    }
    AttentionMask storing = in.mask;
    storing.keys = stored;
    store_rows(in.k, storing, state[0]);
    store_rows(in.v, storing, state[1]);
    cached.k = Var(state[0]);
    cached.v = Var(state[1]);
    if (kFault == Fault::no_bias_in_decode) cached.bias = nullptr;
    return mix(cached, most_keys(in.mask, in.q.extent(0), tokens));
  }

  template <class Scalar>
  static void define(Definition<Scalar>& a, const Options&) {
    a.each_output([&](int64_t b, int64_t i, int64_t h) {
      a.mix_normalised(b, i, h, [&](int64_t j) {
        using std::exp;
        const double scale = 1 / std::sqrt(static_cast<double>(a.D));
        return exp(a.dot(b, i, j, h) * Scalar(scale) + a.bias(b, h, i, j));
      });
    });
  }

  static int64_t reach(const Options&) requires(kFault == Fault::hides_reach) { return 1; }

  static AttentionCost cost(const AttentionSizes& s, const Options&) {
    const int64_t heads = s.batch * s.heads, weights = ledger_bytes(4 * heads * s.queries * s.keys);
    int64_t pairs = 0, extended = 0;
    for (int64_t i = 0; i < s.queries; ++i) {
      pairs += s.causal ? std::min(i + 1, s.keys) : s.keys;
      extended += s.keys - s.queries + i + 1;
    }
    const int64_t per_pair = 4 * s.head_width * (kFault == Fault::counts_pairs_twice ? 2 : 1);
    AttentionCost cost;
    cost.forward = {heads * per_pair * pairs, heads * pairs, 0};
    cost.backward = {heads * 2 * per_pair * pairs, 0,
                     kFault == Fault::hides_workspace ? 0 : weights};
    cost.extend = {heads * per_pair * extended, heads * extended, weights};
    cost.saved_bytes = kFault == Fault::hides_saved_bytes ? 0 : weights;
    cost.state_bytes = 2 * ledger_bytes(4 * s.batch * s.keys * s.key_value_heads * s.head_width);
    return cost;
  }

 private:
  struct Sizes {
    int64_t B, T, S, H, G, D, rows;  // rows: of k and v in memory
    int64_t q(int64_t b, int64_t i, int64_t h) const { return narrowed(((b * T + i) * H + h) * D); }
    int64_t k(int64_t b, int64_t j, int64_t h) const {
      return narrowed(((b * rows + j) * G + h / (H / G)) * D);
    }
    int64_t w(int64_t b, int64_t h, int64_t i) const { return ((b * H + h) * T + i) * S; }
    static int64_t narrowed(int64_t offset) {
      return kFault == Fault::narrow_offset ? static_cast<uint16_t>(offset) : offset;
    }
  };

  static int64_t seen(const AttentionMask& mask, const Sizes& s, int64_t b, int64_t i) {
    AttentionMask used = mask;
    if (kFault == Fault::ignores_padding && !mask.keys.empty() && mask.first.empty())
      used.keys = {};
    int64_t count = used.visible(b, i, s.S);
    const bool leaks =
        kFault == Fault::sees_one_more || (kFault == Fault::leaks_at_tile_edge && i % 64 == 63);
    if (leaks && mask.causal) count = std::min(count + 1, s.S);
    return count;
  }

  static float score(const AttentionInput& in, const Sizes& s, int64_t b, int64_t h, int64_t i,
                     int64_t j) {
    const float* q = in.q.data() + s.q(b, i, h);
    const float* k = in.k.data() + s.k(b, j, h);
    float sum = 0;
    for (int64_t d = 0; d < s.D; ++d) sum += q[d] * k[d];
    if (kFault != Fault::lacks_scale) sum /= std::sqrt(static_cast<float>(s.D));
    if (kFault == Fault::hangs_on_batch) sum *= 1 + 0.01F * static_cast<float>(s.B);
    if (kFault == Fault::hangs_on_row_number) sum *= 1 + 0.01F * static_cast<float>(b);
    if (kFault == Fault::hangs_on_queries) sum *= 1 + 0.01F * static_cast<float>(s.T);
    if (kFault == Fault::first_key_counts && s.T != s.S && j == 0) sum += 0.1F;
    if (kFault == Fault::mixes_rows) sum *= 1 + 0.01F * std::tanh(in.k.data()[0]);
    if (kFault == Fault::prefers_early_keys) sum -= 0.01F * static_cast<float>(j);
    if (kFault == Fault::reads_query_alone) sum += 0.1F * q[0] * k[0];
    if (in.bias != nullptr) {
      const Tensor& table = in.bias->by_distance.value();
      sum += table.data()[h * table.extent(1) + in.bias->zero + j - in.mask.position(b, i)];
    }
    return sum;
  }

  static void weigh(const AttentionInput& in, const Sizes& s, int64_t b, int64_t h, int64_t i,
                    float* w) {
    const int64_t n = seen(in.mask, s, b, i);
    std::fill_n(w, s.S, 0.0F);
    for (int64_t j = 0; j < n; ++j) w[j] = score(in, s, b, h, i, j);
    const float most = n > 0 ? *std::max_element(w, w + n) : 0.0F;
    const int64_t parts = kFault == Fault::sums_by_thread ? thread_count() : 1;
    float total = 0;
    for (int64_t part = 0; part < parts; ++part) {
      float sum = 0;
      for (int64_t j = part; j < n; j += parts) sum += w[j] = std::exp(w[j] - most);
      total += sum;
    }
    for (int64_t j = 0; j < n; ++j) w[j] /= total;
    if (kFault == Fault::answers_unseen && n == 0 && s.S > 0) w[0] = 1;
    count_exponentials(n);
    count_flops(4 * s.D * n);
  }

  static Var mix(const AttentionInput& in, int64_t keys) {
    const Sizes s{in.q.extent(0), in.q.extent(1), keys,          in.q.extent(2),
                  in.k.extent(2), in.q.extent(3), in.k.extent(1)};
    Tensor out(in.q.shape(), result_tag());
    Tensor weights({s.B, s.H, s.T, s.S}, result_tag());
    parallel_for(s.B * s.H * s.T, [&](int64_t task, int) {
      const int64_t i = task % s.T, h = task / s.T % s.H, b = task / s.T / s.H;
      float* w = weights.data() + s.w(b, h, i);
      weigh(in, s, b, h, i, w);
      float* to = out.data() + s.q(b, i, h);
      const bool leaves = kFault == Fault::leaves_tail && s.T % 2 == 1 && i + 1 == s.T;
      for (int64_t d = 0; d < s.D - (leaves ? 1 : 0); ++d) {
        float sum = 0;
        for (int64_t j = 0; j < s.S; ++j) {
          if (w[j] != 0) sum += w[j] * in.v.data()[s.k(b, j, h) + d];
        }
        if (kFault == Fault::bends_values) sum -= 0.01F * sum * sum;
        if (kFault == Fault::leaks_channels && d > 0) sum += 0.01F * to[d - 1];
        to[d] = sum;
      }
    });
    return record(std::move(out), {in.q, in.k, in.v}, backward_of(in, s, weights));
  }

  // out = weights v, weights = softmax(scale q.k): slope of a score w (g - g.w), g = from . v
  static Backward backward_of(const AttentionInput& in, const Sizes& s, const Tensor& weights) {
    return [s, weights, q = in.q.value(), k = in.k.value(), v = in.v.value(),
            to_q = in.q.gradient(), to_k = in.k.gradient(), to_v = in.v.gradient(),
            causal = in.mask.causal](std::span<const float> from) {
      Tensor slopes({s.B, s.H, s.T, s.S}, Tag::workspace);
      const float scale = 1 / std::sqrt(static_cast<float>(s.D));
      float *q_slope = to_q->data(), *k_slope = to_k->data(), *v_slope = to_v->data();
      parallel_for(s.B * s.H * s.T, [&](int64_t task, int) {
        const int64_t i = task % s.T, h = task / s.T % s.H, b = task / s.T / s.H;
        const float* w = weights.data() + s.w(b, h, i);
        const float* g = from.data() + s.q(b, i, h);
        float* slope = slopes.data() + s.w(b, h, i);
        float mean = 0;
        int64_t pairs = 0;
        for (int64_t j = 0; j < s.S; ++j) {
          slope[j] = 0;
          for (int64_t d = 0; w[j] != 0 && d < s.D; ++d)
            slope[j] += g[d] * v.data()[s.k(b, j, h) + d];
          mean += slope[j] * w[j];
        }
        if (kFault == Fault::lacks_mean_in_slope) mean = 0;
        for (int64_t j = 0; j < s.S; ++j) {
          pairs += w[j] != 0;
          slope[j] = w[j] * (slope[j] - mean) * scale;
          for (int64_t d = 0; w[j] != 0 && d < s.D; ++d) {
            q_slope[s.q(b, i, h) + d] += slope[j] * k.data()[s.k(b, j, h) + d];
          }
        }
        if (kFault == Fault::sends_slope_ahead && causal && i + 1 < s.S) slope[i + 1] = 1e-6F;
        count_flops(8 * s.D * pairs);
      });
      parallel_for(s.B * s.G * s.S, [&](int64_t task, int) {
        const int64_t j = task % s.S, g = task / s.S % s.G, b = task / s.S / s.G;
        const int64_t shared = s.H / s.G,
                      skipped = kFault == Fault::lacks_grouped_slope ? shared - 1 : 0;
        for (int64_t d = 0; d < s.D; ++d) {
          const int64_t at = s.k(b, j, g * shared) + d;
          if (kFault == Fault::overwrites_gradient) k_slope[at] = 0;
          if (kFault == Fault::lacks_last_tile && j >= 256) continue;
          for (int64_t h = g * shared + skipped; h < (g + 1) * shared; ++h) {
            for (int64_t i = 0; i < s.T; ++i) {
              const float slope = slopes.data()[s.w(b, h, i) + j];
              const float w = weights.data()[s.w(b, h, i) + j];
              if (slope != 0) k_slope[at] += slope * q.data()[s.q(b, i, h) + d];
              if (w != 0) v_slope[at] += w * from[static_cast<size_t>(s.q(b, i, h) + d)];
            }
          }
        }
      });
    };
  }

  AttentionSizes layer_;
  mutable int64_t calls_ = 0;
};

}  // namespace lengthwise
