// Holds a registered variant to its definition, and to its cost.
#pragma once
#include "nn/attention.h"
#include "tests/gradient_check.h"

namespace lengthwise {

/// One call of a variant. With Projection::none there is one head of the model's width, and q, k, v
/// are x itself.
struct VariantCase {
  const AttentionVariant* variant;
  OptionValues options;
  int64_t length = 1, heads = 2, groups = 2, head_width = 3;
  bool causal = true, biased = false;
  std::vector<int64_t> keys{};  // real keys of each of the two rows; empty: all
  uint64_t seed = 1;

  static constexpr int64_t kBatch = 2;
  bool projects() const { return variant->info.projection == Projection::query_key_value; }
  AttentionSizes sizes(int threads = 1) const {
    const int64_t width = heads * head_width;
    AttentionSizes s{kBatch, length, length, heads, groups, head_width, width, causal, threads};
    if (!projects()) s.heads = s.key_value_heads = 1, s.head_width = width;
    return s;
  }
};

inline void PrintTo(const VariantCase& c, std::ostream* out) {
  *out << c.variant->info.name << " T=" << c.length << " H=" << c.heads << " G=" << c.groups
       << " D=" << c.head_width << (c.causal ? " causal" : "") << (c.biased ? " biased" : "")
       << (c.keys.empty() ? "" : " ragged");
  for (const auto& [key, value] : c.options) *out << " " << key << "=" << value;
}

/// Inputs and everything they point to.
struct VariantInputs {
  explicit VariantInputs(const VariantCase& c) : keys(c.keys) {
    const AttentionSizes s = c.sizes();
    in.x = random_var({s.batch, s.queries, s.model_width}, c.seed);
    in.memory = in.x;
    const Shape by_head = {s.batch, s.queries, s.heads, s.head_width};
    const Shape by_group = {s.batch, s.keys, s.key_value_heads, s.head_width};
    in.q = c.projects() ? random_var(by_head, c.seed + 1) : in.x.reshaped(by_head);
    in.k = c.projects() ? random_var(by_group, c.seed + 2) : in.x.reshaped(by_group);
    in.v = c.projects() ? random_var(by_group, c.seed + 3) : in.x.reshaped(by_group);
    in.mask.causal = c.causal;
    in.mask.keys = keys;
    if (c.biased) {
      bias.by_distance = random_var({s.heads, 2 * s.keys}, c.seed + 4, false);
      bias.zero = s.keys;
      in.bias = &bias;
    }
  }
  VariantInputs(const VariantInputs&) = delete;
  VariantInputs& operator=(const VariantInputs&) = delete;

  /// The variables that gradients flow to, without repetition.
  std::vector<Var> variables() const {
    if (in.q.gradient() == in.x.gradient()) return {in.x};
    return {in.q, in.k, in.v};
  }

  AttentionInput in;
  std::vector<int64_t> keys;
  ScoreBias bias;
};

inline std::unique_ptr<Attention> make_variant(const VariantCase& c) {
  return c.variant->make({c.sizes(), c.options, ParameterSet(0), 0});
}

template <class Scalar>
Definition<Scalar> definition_of(const VariantCase& c, const VariantInputs& inputs) {
  const AttentionSizes s = c.sizes();
  Definition<Scalar> a;
  a.B = s.batch, a.T = s.queries, a.S = s.keys, a.H = s.heads, a.G = s.key_value_heads;
  a.D = s.head_width, a.C = s.model_width;
  a.queries = lifted<Scalar>(inputs.in.q.value());
  a.keys = lifted<Scalar>(inputs.in.k.value());
  a.values = lifted<Scalar>(inputs.in.v.value());
  a.inputs = a.memories = lifted<Scalar>(inputs.in.x.value());
  a.outputs = Array<Scalar>(inputs.in.q.shape());
  a.mask = inputs.in.mask;
  if (inputs.in.bias != nullptr) {
    a.bias_by_distance = lifted<Scalar>(inputs.bias.by_distance.value());
    a.bias_zero = inputs.bias.zero;
  }
  return a;
}

/// Every variant with the options that change what it computes.
inline std::vector<VariantCase> variants_with_options() {
  std::vector<VariantCase> all;
  for (const AttentionVariant& variant : attention_variants()) {
    std::vector<OptionValues> choices = {{}};
    if (variant.info.name == "windowed") {
      choices = {{{"window", "1"}}, {{"window", "3"}}, {{"window", "64"}}, {{"window", "200"}}};
    } else if (variant.info.name == "linear") {
      choices = {{{"chunk", "1"}}, {{"chunk", "5"}}, {{"chunk", "64"}}};
    } else if (variant.info.name == "no_weights") {
      choices = {{},
                 {{"normalise", "sum"}},
                 {{"exclude_self", "true"}},
                 {{"normalise", "sum"}, {"exclude_self", "true"}}};
    }
    for (OptionValues& options : choices) all.push_back({&variant, std::move(options)});
  }
  return all;
}

}  // namespace lengthwise
