// Laws to a tolerance: a variant equals its definition, and what does not matter does not.
#include "laws/attention_laws.h"

#include <numeric>

#include "base/random.h"
#include "laws/attention_case.h"

namespace lengthwise {
namespace {

// Shapes beside the plain one: odd widths with a bias, grouped heads, rows that end early.
std::vector<AttentionCase> shapes(const AttentionVariant& variant, int64_t length, bool causal) {
  const AttentionCase plain = AttentionCase::of_length(length, causal);
  AttentionCase odd = plain, grouped = plain, ragged = plain;
  odd.heads = odd.groups = 3;
  odd.head_width = 5;
  odd.biased = variant.info.score_bias;
  grouped.heads = 4;
  grouped.biased = variant.info.score_bias;
  ragged.real_keys = {(length + 1) / 2, length / 8};
  ragged.heads = 4;
  std::vector<AttentionCase> all = {plain, odd, ragged};
  if (variant.info.projection == Projection::query_key_value) all.push_back(grouped);
  return all;
}

std::vector<AttentionCase> definition_cases(const AttentionVariant& variant) {
  std::vector<AttentionCase> all;
  for (const int64_t length : kLawLengths) {
    for (const bool causal : masks_of(variant)) {
      for (AttentionCase& c : shapes(variant, length, causal)) all.push_back(std::move(c));
    }
  }
  if (variant.info.cross && variant.info.bidirectional) {
    for (const int64_t queries : kLawLengths) {
      for (const int64_t keys : kLawLengths) {
        // Past a large tile with one other length: slopes of long pairs are slow.
        const bool slow = std::max(queries, keys) > 256 && std::min(queries, keys) != 63;
        if (queries == keys || slow) continue;
        all.push_back({.queries = queries, .keys = keys, .heads = 4, .causal = false});
        all.back().real_keys = {(keys + 1) / 2, keys / 8};
        all.back().groups = 4;
        all.push_back({.queries = queries, .keys = keys, .heads = 4, .causal = false});
      }
    }
  }
  return all;
}

double slope_along(const AttentionProbe& probe, size_t which, size_t begin,
                   const std::vector<double>& direction, const Var& cotangent) {
  Definition<Dual> a = probe.definition<Dual>();
  for (Array<Dual>* array : probe.arrays(a, which)) {
    for (size_t d = 0; d < direction.size(); ++d) array->data[begin + d].slope = direction[d];
  }
  probe.variant.define_with_slope(a, probe.options);
  double slope = 0;
  for (size_t i = 0; i < a.outputs.data.size(); ++i) {
    slope += a.outputs.data[i].slope * static_cast<double>(cotangent.value().values()[i]);
  }
  return slope;
}

// Every element where the sequence is short; above, random directions that are confined to one
// token, so that a wrong one cannot hide among the others.
void check_slopes(const AttentionProbe& probe, const Var& cotangent, Findings& findings) {
  const bool every_element = std::max(probe.c.queries, probe.c.keys) <= 7;
  for (size_t which = 0; which < probe.variables.size(); ++which) {
    const ProbeVariable& variable = probe.variables[which];
    const std::vector<double> gradient = gradient_of(variable.variable);
    // Of a parameter, its rows.
    const auto tokens =
        static_cast<size_t>(variable.tokens > 0 ? variable.tokens : variable.variable.extent(0));
    const size_t width = gradient.size() / tokens;
    std::vector<double> found, expected;
    // From the last token, which alone may stand in the last tile, down to the first.
    const size_t samples = every_element ? tokens : std::min<size_t>(tokens, tokens > 512 ? 5 : 9);
    for (size_t n = 0; n < samples; ++n) {
      const size_t token = samples == 1 ? 0 : (tokens - 1) - n * (tokens - 1) / (samples - 1);
      RandomStream stream(token, Purpose::probe, 1);
      for (size_t element = 0; element < (every_element ? width : 1); ++element) {
        std::vector<double> direction(width, 0.0);
        for (double& d : direction) d = every_element ? 0.0 : stream.normal();
        if (every_element) direction[element] = 1;
        found.push_back(std::inner_product(direction.begin(), direction.end(),
                                           gradient.begin() + static_cast<int64_t>(token * width),
                                           0.0));
        expected.push_back(slope_along(probe, which, token * width, direction, cotangent));
      }
    }
    findings.error("the gradient of " + variable.name, relative_error(found, expected));
  }
}

// Elements [begin, end) of row b.
std::vector<double> row_outputs(const std::vector<float>& outputs, int64_t batch, int64_t b,
                                int64_t begin, int64_t end) {
  const auto row = static_cast<int64_t>(outputs.size()) / batch;
  return as_doubles(std::span(outputs).subspan(static_cast<size_t>(b * row + begin),
                                               static_cast<size_t>(end - begin)));
}

}  // namespace

void check_definition(const AttentionVariant& variant, const OptionValues& options,
                      Findings& findings) {
  std::vector<AttentionCase> cases = definition_cases(variant);
  // Heads of ordinary width, so that offsets pass 65,536.
  cases.push_back({.queries = 130, .keys = 130, .heads = 8, .groups = 8, .head_width = 64});
  cases.back().causal = variant.info.causal;
  for (const AttentionCase& c : cases) {
    const AttentionProbe probe(variant, options, c);
    findings.begin(c.text(options), c.queries);
    Definition<double> definition = probe.definition<double>();
    variant.define(definition, options);
    findings.error("the output",
                   relative_error(as_doubles(probe.outputs()), definition.outputs.data));
  }
}

void check_gradient(const AttentionVariant& variant, const OptionValues& options,
                    Findings& findings) {
  for (const AttentionCase& c : definition_cases(variant)) {
    const AttentionProbe probe(variant, options, c);
    findings.begin(c.text(options), c.queries);
    const Var cotangent = probe.cotangent();
    probe.run(cotangent);
    check_slopes(probe, cotangent, findings);
  }
}

void check_batch(const AttentionVariant& variant, const OptionValues& options, Findings& findings) {
  for (const int64_t length : kLawLengths) {
    for (const bool causal : masks_of(variant)) {
      AttentionCase three = AttentionCase::of_length(length, causal), one = three;
      three.batch = 3;
      one.batch = 1;
      const AttentionProbe together(variant, options, three), alone(variant, options, one);
      findings.begin(three.text(options), length);
      const std::vector<float> all = together.outputs();
      for (int64_t b = 0; b < three.batch; ++b) {
        copy_tokens(together, b, 0, length, alone, 0, 0);
        const auto row = static_cast<int64_t>(all.size()) / three.batch;
        findings.error(
            fmt::format("row {} alone", b),
            relative_error(as_doubles(alone.outputs()), row_outputs(all, three.batch, b, 0, row)));
      }
    }
  }
}

void check_row_order(const AttentionVariant& variant, const OptionValues& options,
                     Findings& findings) {
  for (const int64_t length : kLawLengths) {
    for (const bool causal : masks_of(variant)) {
      AttentionCase c = AttentionCase::of_length(length, causal);
      c.batch = 3;
      c.real_keys = {length, (length + 1) / 2, length};
      AttentionCase turned = c;
      turned.real_keys = {c.real_keys[1], c.real_keys[2], c.real_keys[0]};
      const AttentionProbe before(variant, options, c), after(variant, options, turned);
      findings.begin(c.text(options), length);
      for (int64_t b = 0; b < c.batch; ++b) {
        copy_tokens(before, (b + 1) % c.batch, 0, length, after, b, 0);
      }
      const std::vector<float> expected = before.outputs(), found = after.outputs();
      const auto row = static_cast<int64_t>(found.size()) / c.batch;
      for (int64_t b = 0; b < c.batch; ++b) {
        findings.error(fmt::format("row {} moved to {}", (b + 1) % c.batch, b),
                       relative_error(row_outputs(found, c.batch, b, 0, row),
                                      row_outputs(expected, c.batch, (b + 1) % c.batch, 0, row)));
      }
    }
  }
}

void check_padding(const AttentionVariant& variant, const OptionValues& options,
                   Findings& findings) {
  for (const int64_t length : kLawLengths) {
    for (const bool causal : masks_of(variant)) {
      const AttentionCase bare = AttentionCase::of_length(length, causal);
      AttentionCase padded = AttentionCase::of_length(length + 5, causal);
      padded.real_keys = {length, length};
      const AttentionProbe short_rows(variant, options, bare), long_rows(variant, options, padded);
      findings.begin(padded.text(options), length);
      for (int64_t b = 0; b < bare.batch; ++b) {
        copy_tokens(short_rows, b, 0, length, long_rows, b, 0);
      }
      const auto check = [&](const std::string& with) {
        const std::vector<float> expected = short_rows.outputs(), found = long_rows.outputs();
        const auto row = static_cast<int64_t>(expected.size()) / bare.batch;
        for (int64_t b = 0; b < bare.batch; ++b) {
          findings.error("a padded row" + with,
                         relative_error(row_outputs(found, bare.batch, b, 0, row),
                                        row_outputs(expected, bare.batch, b, 0, row)));
        }
      };
      check("");
      redraw_tokens(long_rows, 0, length, length + 5, 1e6);
      check(" with other padding");
    }
  }
}

void check_permutation(const AttentionVariant& variant, const OptionValues& options,
                       Findings& findings) {
  for (const int64_t length : kLawLengths) {
    const AttentionCase c = AttentionCase::of_length(length, false);
    const AttentionProbe before(variant, options, c), after(variant, options, c);
    findings.begin(c.text(options), length);
    // i -> (stride i + 3) mod T is one to one where stride and T have no factor in common.
    int64_t stride = 5;
    while (std::gcd(stride, length) > 1) ++stride;
    const auto moved = [&](int64_t i) { return (stride * i + 3) % length; };
    for (int64_t b = 0; b < c.batch; ++b) {
      for (int64_t i = 0; i < length; ++i) copy_tokens(before, b, i, i + 1, after, b, moved(i));
    }
    const std::vector<float> expected = before.outputs(), found = after.outputs();
    const auto token = static_cast<int64_t>(found.size()) / c.batch / length;
    std::vector<double> returned;
    for (int64_t b = 0; b < c.batch; ++b) {
      for (int64_t i = 0; i < length; ++i) {
        const int64_t at = moved(i) * token;
        const std::vector<double> one = row_outputs(found, c.batch, b, at, at + token);
        returned.insert(returned.end(), one.begin(), one.end());
      }
    }
    findings.error("the permuted output", relative_error(returned, as_doubles(expected)));
  }
}

void check_shift(const AttentionVariant& variant, const OptionValues& options, Findings& findings) {
  for (const PositionScheme& scheme : position_schemes()) {
    if (!scheme.info.rotates || !scheme.info.shift_invariant) continue;
    for (const int64_t length : kLawLengths) {
      for (const bool causal : masks_of(variant)) {
        AttentionCase c = AttentionCase::of_length(length, causal);
        c.head_width = 4;
        const AttentionProbe probe(variant, options, c);
        const OptionValues defaults;
        const auto position = scheme.make({.model_width = probe.sizes.model_width,
                                           .heads = probe.sizes.heads,
                                           .head_width = probe.sizes.head_width,
                                           .options = defaults,
                                           .parameters = ParameterSet(0)});
        const auto outputs_at = [&](int64_t start) {
          const std::vector<int64_t> first(static_cast<size_t>(c.batch), start);
          AttentionInput turned = probe.in;
          turned.q = position->rotate(probe.in.q, Side::query, first);
          turned.k = position->rotate(probe.in.k, Side::key, first);
          return as_doubles(probe.attention->attend(turned).value().values());
        };
        findings.begin(fmt::format("{} with {}", c.text(options), scheme.info.name), length);
        for (const int64_t start : {1, 37}) {
          findings.error(fmt::format("the output {} positions later", start),
                         relative_error(outputs_at(start), outputs_at(0)));
        }
      }
    }
  }
}

void check_unseen(const AttentionVariant& variant, const OptionValues& options,
                  Findings& findings) {
  for (const int64_t length : kLawLengths) {
    for (const bool causal : masks_of(variant)) {
      AttentionCase c = AttentionCase::of_length(length, causal);
      c.real_keys = {0, length};
      const AttentionProbe probe(variant, options, c);
      findings.begin(c.text(options), length);
      probe.run(probe.cotangent());
      const std::vector<float> out = probe.outputs();
      const auto row = std::span(out).first(out.size() / 2);
      findings.holds("a query that sees no key did not get 0",
                     std::all_of(row.begin(), row.end(), [](float v) { return v == 0; }));
      for (const ProbeVariable& variable : probe.variables) {
        const std::vector<double> gradient = gradient_of(variable.variable);
        const auto first = std::span(gradient).first(variable.tokens > 0 ? gradient.size() / 2 : 0);
        findings.holds("a query that sees no key sent a gradient to " + variable.name,
                       std::all_of(first.begin(), first.end(), [](double v) { return v == 0; }));
      }
    }
  }
}

}  // namespace lengthwise
