// Tiled attention with a term of the query and one of the key in plain loops: the textbook's
// formulas in double, forward and backward, beside what the operation gives.
#pragma once
#include "tests/gradient_check.h"

namespace lengthwise {

struct TermsCase {
  std::string name = {};
  bool causal = true;
  int64_t window = 0, heads = 2, groups = 2;
  bool padded = false, offset = false, exclude_self = false, biased = false;
  double rate = 0;
  int64_t spare = 0;  // rows and columns beyond the keys that take part
};

// Inputs of one call, and the call.
struct Problem {
  int64_t B, T, S, H, G, D;
  TermsCase c;
  std::vector<int64_t> first, keys;
  ScoreBias bias;
  std::vector<Var> in;         // q, k, v, row term, column term
  std::vector<size_t> absent;  // terms of these that the call leaves out

  Problem(const TermsCase& what, int64_t queries, int64_t all_keys, int64_t batch = 2)
      : B(batch), T(queries), S(all_keys), H(what.heads), G(what.groups), D(5), c(what) {
    first.assign(static_cast<size_t>(B), 0);
    keys.assign(static_cast<size_t>(B), S);
    if (c.offset) first[0] = std::max<int64_t>(0, S - T);
    if (c.padded) keys[0] = S / 2, keys.back() = S - S / 3;
    bias = {random_var({H, 2 * (S + T) + 1}, 9, false), S + T};
    in = {random_var({B, T, H, D}, 1), random_var({B, S + c.spare, G, D}, 2),
          random_var({B, S + c.spare, G, D}, 3), random_var({B, H, T}, 4),
          random_var({B, H, S + 2 * c.spare}, 5)};
  }
  Problem(const Problem&) = delete;  // the mask points into it
  Problem& operator=(const Problem&) = delete;

  TiledAttentionRule rule() const {
    const auto term = [&](size_t which) {
      return std::ranges::find(absent, which) == absent.end() ? in[which] : Var();
    };
    return {.mask = {c.causal, first, keys},
            .bias = c.biased ? &bias : nullptr,
            .dropout = {c.rate, 5},
            .scale = 0.7,
            .window = c.window,
            .exclude_self = c.exclude_self,
            .keys = S,
            .row_term = term(3),
            .column_term = term(4)};
  }
  AttentionOutput attend() const { return tiled_attention(in[0], in[1], in[2], rule()); }
  Var cotangent() const { return random_var({B, T, H, D}, 6, false); }
  bool sees(int64_t b, int64_t i, int64_t j) const {
    const AttentionMask mask{c.causal, first, keys};
    const int64_t away = std::abs(mask.position(b, i) - j);
    return mask.sees(b, i, j) && (c.window == 0 || away < c.window) &&
           !(c.exclude_self && away == 0);
  }
};

struct Result {
  std::vector<double> out, log_sums;
  std::vector<std::vector<double>> gradients;  // as Problem::in
};

inline Result run(const Problem& p, const Var& cotangent) {
  const PoisonedBuffers poisoned;
  for (const Var& input : p.in) input.gradient()->clear();
  Tape tape;
  AttentionOutput found;
  {
    const Recording recording(tape);
    found = p.attend();
  }
  Result result{as_doubles(found.out.value().values()), as_doubles(found.log_sums.values()), {}};
  backward_with(tape, found.out, cotangent);
  for (const Var& input : p.in) result.gradients.push_back(gradient_of(input));
  return result;
}

struct Expected : Result {
  double largest_slope_part = 0;  // what the slopes of one query's scores are differences of
};

// The textbook's formulas in double, a pair at a time.
inline Expected expected_of(const Problem& p, const Var& cotangent) {
  std::vector<Array<double>> x, slope;
  for (const Var& input : p.in) {
    x.push_back(lifted<double>(input.value()));
    slope.emplace_back(input.shape());
  }
  Array<double> from = lifted<double>(cotangent.value()), bias_table(p.bias.by_distance.shape());
  if (p.c.biased) bias_table = lifted<double>(p.bias.by_distance.value());
  Array<double> out({p.B, p.T, p.H, p.D}), log_sums({p.B, p.H, p.T});
  Expected e;
  const auto query = [&](int64_t b, int64_t h, int64_t i) {
    const int64_t g = h / (p.H / p.G), position = p.first[static_cast<size_t>(b)] + i;
    std::vector<double> weight(static_cast<size_t>(p.S), -HUGE_VAL), pull(weight.size());
    std::vector<float> kept(weight.size(), 1.0F);
    if (p.c.rate > 0) {
      dropout_row(p.rule().dropout, (b * p.H + h) * p.T + i, 0, kept.data(), kept.data(), p.S);
    }
    double most = -HUGE_VAL, total = 0, mean = 0, part = 0;
    for (int64_t j = 0; j < p.S; ++j) {
      if (!p.sees(b, i, j)) continue;
      double score = bias_table(h, p.bias.zero + j - position) + x[3](b, h, i) + x[4](b, h, j);
      for (int64_t d = 0; d < p.D; ++d) score += 0.7 * x[0](b, i, h, d) * x[1](b, j, g, d);
      weight[static_cast<size_t>(j)] = score;
      most = std::max(most, score);
    }
    for (const double score : weight) total += score == -HUGE_VAL ? 0 : std::exp(score - most);
    log_sums(b, h, i) = total == 0 ? -HUGE_VAL : most + std::log(total);
    for (int64_t j = 0; total > 0 && j < p.S; ++j) {
      const auto at = static_cast<size_t>(j);
      if (weight[at] == -HUGE_VAL) continue;
      weight[at] = std::exp(weight[at] - most) / total;
      for (int64_t d = 0; d < p.D; ++d) {
        const double mixed = weight[at] * static_cast<double>(kept[at]);
        out(b, i, h, d) += mixed * x[2](b, j, g, d);
        slope[2](b, j, g, d) += mixed * from(b, i, h, d);
        pull[at] += static_cast<double>(kept[at]) * from(b, i, h, d) * x[2](b, j, g, d);
      }
      mean += weight[at] * pull[at];
      part += weight[at] * std::abs(pull[at]);
    }
    e.largest_slope_part = std::max(e.largest_slope_part, part);
    for (int64_t j = 0; total > 0 && j < p.S; ++j) {
      const auto at = static_cast<size_t>(j);
      if (weight[at] == -HUGE_VAL) continue;
      const double s = weight[at] * (pull[at] - mean);
      for (int64_t d = 0; d < p.D; ++d) {
        slope[0](b, i, h, d) += 0.7 * s * x[1](b, j, g, d);
        slope[1](b, j, g, d) += 0.7 * s * x[0](b, i, h, d);
      }
      slope[3](b, h, i) += s;
      slope[4](b, h, j) += s;
    }
  };
  for (int64_t b = 0; b < p.B; ++b) {
    for (int64_t h = 0; h < p.H; ++h) {
      for (int64_t i = 0; i < p.T; ++i) query(b, h, i);
    }
  }
  e.out = out.data, e.log_sums = log_sums.data;
  for (const Array<double>& s : slope) e.gradients.push_back(s.data);
  return e;
}

}  // namespace lengthwise
