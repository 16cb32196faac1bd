// Laws to the bit: what cannot matter does not, whatever its size.
#include <cstring>

#include "base/parallel.h"
#include "laws/attention_case.h"
#include "laws/attention_laws.h"

namespace lengthwise {
namespace {

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// The first tokens of row b.
std::span<const float> head_of_row(const std::vector<float>& outputs, const AttentionSizes& sizes,
                                   int64_t b, int64_t tokens) {
  const auto row = static_cast<int64_t>(outputs.size()) / sizes.batch;
  return std::span(outputs).subspan(static_cast<size_t>(b * row),
                                    static_cast<size_t>(row / sizes.queries * tokens));
}

}  // namespace

void check_causality(const AttentionVariant& variant, const OptionValues& options,
                     Findings& findings) {
  for (const int64_t length : kLawLengths) {
    AttentionCase c = AttentionCase::of_length(length, true);
    c.biased = variant.info.score_bias;
    const AttentionProbe probe(variant, options, c);
    const std::vector<float> before = probe.outputs();
    // Falling: what is redrawn stays so.
    for (const int64_t t : {length - 2, 2 * length / 3, length / 2, length / 2 - 1, int64_t{0}}) {
      if (t < 0 || t >= length - 1) continue;
      findings.begin(c.text(options) + fmt::format(" t={}", t), length);
      redraw_tokens(probe, 0, t + 1, length, 1e12);
      const std::vector<float> after = probe.outputs();
      findings.holds("an output moved with later tokens",
                     same_bits(head_of_row(before, probe.sizes, 0, t + 1),
                               head_of_row(after, probe.sizes, 0, t + 1)));
    }
  }
}

void check_reach(const AttentionVariant& variant, const OptionValues& options, Findings& findings) {
  const int64_t reach = variant.reach(options);
  for (const int64_t length : kLawLengths) {
    const AttentionCase c = AttentionCase::of_length(length, true);
    const AttentionProbe probe(variant, options, c);
    const std::vector<float> before = probe.outputs();
    const auto last_of = [&](const std::vector<float>& outputs) {
      const auto row = outputs.size() / static_cast<size_t>(c.batch);
      return std::span(outputs).first(row).last(row / static_cast<size_t>(length));
    };
    findings.begin(c.text(options), length);
    const int64_t furthest = length - 1 - reach;
    if (furthest > 0) {
      redraw_tokens(probe, 0, 0, furthest, 1);
      findings.holds("an output moved with a token out of reach",
                     same_bits(last_of(before), last_of(probe.outputs())));
    }
    if (furthest >= 0) {
      redraw_tokens(probe, 0, furthest, furthest + 1, 1);
      findings.holds("an output did not move with the furthest token in reach",
                     !same_bits(last_of(before), last_of(probe.outputs())));
    }
  }
}

// At ordinary sizes: at 1e30 a correct backward gives NaN.
void check_causal_gradient(const AttentionVariant& variant, const OptionValues& options,
                           Findings& findings) {
  for (const int64_t length : kLawLengths) {
    const AttentionCase c = AttentionCase::of_length(length, true);
    for (const int64_t t : {length - 2, length / 2, length / 3}) {
      if (t < 0 || t >= length - 1) continue;
      const AttentionProbe probe(variant, options, c);
      findings.begin(c.text(options) + fmt::format(" t={}", t), length);
      Var cotangent = probe.cotangent();
      const int64_t token = cotangent.value().size() / (c.batch * length);
      for (int64_t b = 0; b < c.batch; ++b) {
        float* row = cotangent.value().data() + b * length * token;
        std::fill(row + (t + 1) * token, row + length * token, 0.0F);
      }
      probe.run(cotangent);
      for (const ProbeVariable& variable : probe.variables) {
        if (variable.tokens == 0) continue;
        const std::vector<double> gradient = gradient_of(variable.variable);
        const size_t width = gradient.size() / static_cast<size_t>(variable.tokens);
        bool clean = true;
        for (size_t i = 0; i < gradient.size(); ++i) {
          const bool later = static_cast<int64_t>(i / width) % length > t;
          clean = clean && !(later && gradient[i] != 0);
        }
        findings.holds("a later token of " + variable.name + " got a gradient", clean);
      }
    }
  }
}

void check_rows(const AttentionVariant& variant, const OptionValues& options, Findings& findings) {
  for (const int64_t length : kLawLengths) {
    for (const bool causal : masks_of(variant)) {
      const AttentionCase c = AttentionCase::of_length(length, causal);
      const AttentionProbe probe(variant, options, c);
      findings.begin(c.text(options), length);
      const std::vector<float> before = probe.outputs();
      redraw_tokens(probe, 0, 0, length, 1e6);
      const std::vector<float> after = probe.outputs();
      findings.holds("row 1 moved with row 0",
                     same_bits(head_of_row(before, probe.sizes, 1, length),
                               head_of_row(after, probe.sizes, 1, length)));
    }
  }
}

void check_threads(const AttentionVariant& variant, const OptionValues& options,
                   Findings& findings) {
  for (const int64_t length : kLawLengths) {
    for (const bool causal : masks_of(variant)) {
      AttentionCase c = AttentionCase::of_length(length, causal);
      c.heads = 4;
      if (variant.info.projection == Projection::query_key_value) c.groups = 2;
      std::vector<float> first;
      for (const int threads : {1, 2, 3, 5}) {
        set_thread_count(threads);
        AttentionProbe probe(variant, options, c);
        if (variant.info.forms_weights) probe.in.dropout = {0.25, 11};
        findings.begin(c.text(options) + fmt::format(" threads={}", threads), length);
        const Var out = probe.run(probe.cotangent());
        std::vector<float> all(out.value().values().begin(), out.value().values().end());
        for (const ProbeVariable& variable : probe.variables) {
          if (variable.variable.gradient()->empty()) continue;
          const auto gradient = variable.variable.gradient()->values();
          all.insert(all.end(), gradient.begin(), gradient.end());
        }
        if (variant.info.decodable && causal) {
          probe.in.dropout = {};
          DecodeState state = probe.attention->begin_decode(c.batch, length);
          const Var extended = probe.attention->extend(state, probe.in);
          const auto values = extended.value().values();
          all.insert(all.end(), values.begin(), values.end());
        }
        if (threads == 1) first = all;
        findings.holds("other bits than with one thread", same_bits(first, all));
      }
    }
  }
}

void check_accumulation(const AttentionVariant& variant, const OptionValues& options,
                        Findings& findings) {
  for (const int64_t length : kLawLengths) {
    for (const bool causal : masks_of(variant)) {
      const AttentionProbe probe(variant, options, AttentionCase::of_length(length, causal));
      findings.begin(probe.c.text(options), length);
      const Var cotangent = probe.cotangent();
      probe.run(cotangent);
      const std::vector<double> once = probe.gradients();
      probe.clear_gradients();
      for (const ProbeVariable& variable : probe.variables) {
        std::fill_n(variable.variable.gradient()->data(), variable.variable.value().size(), 1.0F);
      }
      probe.run(cotangent);
      std::vector<double> added = probe.gradients();
      for (double& gradient : added) gradient -= 1;
      findings.error("the gradient on top of 1", relative_error(added, once));
    }
  }
}

void check_written(const AttentionVariant& variant, const OptionValues& options,
                   Findings& findings) {
  const auto finite = [](std::span<const double> values) {
    return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
  };
  const PoisonedBuffers poisoned;
  for (const int64_t length : kLawLengths) {
    for (const bool causal : masks_of(variant)) {
      for (const bool ragged : {false, true}) {
        AttentionCase c = AttentionCase::of_length(length, causal);
        if (ragged) c.real_keys = {length / 2, length - 1};
        const AttentionProbe probe(variant, options, c);
        findings.begin(c.text(options), length);
        const Var out = probe.run(probe.cotangent());
        findings.holds("an output is not written", finite(as_doubles(out.value().values())));
        findings.holds("a gradient is not written", finite(probe.gradients()));
        if (!causal || !variant.info.decodable) continue;
        DecodeState state = probe.attention->begin_decode(c.batch, length + 3);
        const Var extended = probe.attention->extend(state, probe.in);
        findings.holds("an output of extend is not written",
                       finite(as_doubles(extended.value().values())));
      }
    }
  }
}

}  // namespace lengthwise
