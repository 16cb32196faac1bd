// Laws of keys that another sequence brings: as many as there are, of rows that end anywhere, in
// any order, and queries that come in pieces.
#include <numeric>

#include "laws/attention_case.h"
#include "laws/attention_laws.h"

namespace lengthwise {
namespace {

constexpr std::pair<int64_t, int64_t> kQueriesAndKeys[] = {{1, 7},   {7, 1},    {2, 63},  {65, 2},
                                                           {7, 130}, {130, 65}, {63, 300}};

AttentionCase across(int64_t queries, int64_t keys) {
  return {.queries = queries, .keys = keys, .heads = 4, .groups = 2, .causal = false};
}

bool is_of_keys(const ProbeVariable& variable) {
  return variable.name == "k" || variable.name == "v" || variable.name == "memory";
}

// The values of tokens [begin, end) of one row.
std::span<float> tokens_of(const Var& x, int64_t row, int64_t begin, int64_t end) {
  const int64_t length = x.extent(1), token = x.value().size() / (x.extent(0) * length);
  Tensor value = x.value();
  return value.values().subspan(static_cast<size_t>((row * length + begin) * token),
                                static_cast<size_t>((end - begin) * token));
}

// Tokens [begin, end) of every row of x [B,T,...].
Var piece_of(const Var& x, int64_t begin, int64_t end) {
  Shape shape = x.shape();
  shape[1] = end - begin;
  Tensor piece(shape, Tag::data);
  const int64_t row_size = piece.size() / shape[0];
  for (int64_t b = 0; b < shape[0]; ++b) {
    std::ranges::copy(tokens_of(x, b, begin, end), piece.data() + b * row_size);
  }
  return Var(piece);
}

}  // namespace

void check_cross_padding(const AttentionVariant& variant, const OptionValues& options,
                         Findings& findings) {
  constexpr int64_t kPadding = 5;
  for (const auto& [queries, keys] : kQueriesAndKeys) {
    if (queries == keys + kPadding) continue;  // then memory is x
    const AttentionCase bare = across(queries, keys);
    AttentionCase padded = across(queries, keys + kPadding);
    padded.real_keys = {keys, keys};
    const AttentionProbe short_rows(variant, options, bare), long_rows(variant, options, padded);
    findings.begin(padded.text(options), queries);
    for (size_t which = 0; which < short_rows.variables.size(); ++which) {
      const ProbeVariable& from = short_rows.variables[which];
      if (from.tokens == 0) continue;
      const Var& to = long_rows.variables[which].variable;
      const int64_t tokens = from.tokens / bare.batch;
      for (int64_t b = 0; b < bare.batch; ++b) {
        std::ranges::copy(tokens_of(from.variable, b, 0, tokens),
                          tokens_of(to, b, 0, tokens).begin());
        if (is_of_keys(from)) std::ranges::fill(tokens_of(to, b, tokens, to.extent(1)), 1e6F);
      }
    }
    findings.error("the output of padded keys", relative_error(as_doubles(long_rows.outputs()),
                                                               as_doubles(short_rows.outputs())));
    long_rows.run(long_rows.cotangent());
    for (const ProbeVariable& variable : long_rows.variables) {
      if (!is_of_keys(variable) || variable.variable.gradient()->empty()) continue;
      const Var gradient(Tensor(variable.variable.shape(), Tag::data));
      Tensor values = gradient.value();
      std::ranges::copy(variable.variable.gradient()->values(), values.data());
      bool clean = true;
      for (int64_t b = 0; b < bare.batch; ++b) {
        const auto padding = tokens_of(gradient, b, keys, keys + kPadding);
        clean = clean && std::ranges::all_of(padding, [](float g) { return g == 0; });
      }
      findings.holds("padding of " + variable.name + " got a gradient", clean);
    }
  }
}

void check_cross_order(const AttentionVariant& variant, const OptionValues& options,
                       Findings& findings) {
  for (const auto& [queries, keys] : kQueriesAndKeys) {
    const AttentionCase c = across(queries, keys);
    const AttentionProbe before(variant, options, c), after(variant, options, c);
    findings.begin(c.text(options), queries);
    int64_t stride = 5;
    while (std::gcd(stride, keys) > 1) ++stride;
    for (size_t which = 0; which < before.variables.size(); ++which) {
      if (!is_of_keys(before.variables[which])) continue;
      for (int64_t b = 0; b < c.batch; ++b) {
        for (int64_t j = 0; j < keys; ++j) {
          const int64_t moved = (stride * j + 3) % keys;
          std::ranges::copy(
              tokens_of(before.variables[which].variable, b, j, j + 1),
              tokens_of(after.variables[which].variable, b, moved, moved + 1).begin());
        }
      }
    }
    findings.error("the output of permuted keys",
                   relative_error(as_doubles(after.outputs()), as_doubles(before.outputs())));
  }
}

void check_cross_pieces(const AttentionVariant& variant, const OptionValues& options,
                        Findings& findings) {
  for (const auto& [queries, keys] : kQueriesAndKeys) {
    AttentionCase c = across(queries, keys);
    c.real_keys = {keys, (keys + 1) / 2};
    const AttentionProbe probe(variant, options, c);
    const std::vector<double> expected = as_doubles(probe.outputs());
    for (const int64_t size : {int64_t{1}, (queries + 1) / 2}) {
      findings.begin(fmt::format("{}, {} at a time", c.text(options), size), queries);
      std::vector<double> found = expected;
      const auto row = static_cast<int64_t>(found.size()) / c.batch;
      for (int64_t begin = 0; begin < queries; begin += size) {
        const int64_t end = std::min(begin + size, queries);
        AttentionInput piece = probe.in;
        piece.x = piece_of(probe.in.x, begin, end);
        piece.q = piece_of(probe.in.q, begin, end);
        piece.memory = {};
        const Var out = probe.attention->attend(piece);
        for (int64_t b = 0; b < c.batch; ++b) {
          std::ranges::copy(tokens_of(out, b, 0, end - begin),
                            found.begin() + b * row + begin * (row / queries));
        }
      }
      findings.error("the output in pieces", relative_error(found, expected));
    }
  }
}

}  // namespace lengthwise
