// One call of a variant on random inputs: how laws look at it.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "laws/probe.h"
#include "nn/attention.h"

namespace lengthwise {

/// With Projection::none there is one head of the model's width, and q, k, v are x itself.
struct AttentionCase {
  int64_t queries = 1, keys = 1, batch = 2, heads = 2, groups = 2, head_width = 3;
  bool causal = true, biased = false;
  std::vector<int64_t> real_keys{};  // of each row; empty: all
  uint64_t seed = 1;

  static AttentionCase of_length(int64_t length, bool causal) {
    return {.queries = length, .keys = length, .causal = causal};
  }
  std::string text(const OptionValues& options) const;
};

/// The lengths that laws try: one, a few, a small tile's edge from both sides, past a large tile.
inline constexpr int64_t kLawLengths[] = {1, 2, 7, 63, 65, 130, 300};

/// Every mask that the variant can do: causal, bidirectional.
std::vector<bool> masks_of(const AttentionVariant& variant);

/// A variable that gradients flow to.
struct ProbeVariable {
  std::string name;
  Var variable;
  int64_t tokens = 0;  // rows of it, over the batch; 0: a parameter
};

/// A variant made anew, with its parameters and inputs. What `in` points to lives as long.
class AttentionProbe {
 public:
  AttentionProbe(const AttentionVariant& variant, OptionValues options, const AttentionCase& c);
  AttentionProbe(const AttentionProbe&) = delete;
  AttentionProbe& operator=(const AttentionProbe&) = delete;

  /// Outputs [B,T,H,D] without recording.
  std::vector<float> outputs() const;
  /// Records, then runs the backward pass for this slope of the outputs.
  Var run(const Var& cotangent) const;
  /// A random slope of every output element.
  Var cotangent() const;
  /// The variables' gradients, one after the other; zeros where none came.
  std::vector<double> gradients() const;
  void clear_gradients() const;

  std::map<std::string, Var> own_parameters() const;
  /// The definition on these inputs, not yet run.
  template <class Scalar>
  Definition<Scalar> definition() const;
  /// The arrays of a definition that hold variable number `which`.
  template <class Scalar>
  std::vector<Array<Scalar>*> arrays(Definition<Scalar>& a, size_t which) const;

  const AttentionVariant& variant;
  const OptionValues options;
  const AttentionCase c;
  const AttentionSizes sizes;
  ParameterSet parameters;
  std::unique_ptr<Attention> attention;
  AttentionInput in;
  ScoreBias bias;
  std::vector<ProbeVariable> variables;
};

/// Copies the tokens [begin, end) of row `from_row` of every input of `from` over those that begin
/// at `to_begin` of row `to_row` of `to`.
void copy_tokens(const AttentionProbe& from, int64_t from_row, int64_t begin, int64_t end,
                 const AttentionProbe& to, int64_t to_row, int64_t to_begin);

/// Rewrites tokens [begin, end) of row b of every input with draws of this size.
void redraw_tokens(const AttentionProbe& probe, int64_t b, int64_t begin, int64_t end, double size);

template <class Scalar>
Definition<Scalar> AttentionProbe::definition() const {
  return definition_of<Scalar>(in, own_parameters());
}

template <class Scalar>
std::vector<Array<Scalar>*> AttentionProbe::arrays(Definition<Scalar>& a, size_t which) const {
  const ProbeVariable& variable = variables[which];
  if (variable.tokens == 0) return {&a.parameters.find(variable.name)->second};
  const auto gradient = variable.variable.gradient();
  std::vector<Array<Scalar>*> same;
  const auto add_if_same = [&](const Var& input, Array<Scalar>& array) {
    if (input.gradient() == gradient) same.push_back(&array);
  };
  add_if_same(in.q, a.queries);
  add_if_same(in.k, a.keys);
  add_if_same(in.v, a.values);
  add_if_same(in.x, a.inputs);
  add_if_same(in.memory, a.memories);
  return same;
}

}  // namespace lengthwise
