// What the `define` of a variant or scheme is written against: naive, obviously right, in any
// scalar type (double for values, Dual for slopes). Never fast: what is fast is held to it.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "nn/attention.h"
#include "nn/position.h"

namespace lengthwise {

template <class Scalar>
struct Array {
  Shape shape;
  std::vector<Scalar> data;

  Array() = default;
  explicit Array(Shape s) : shape(std::move(s)), data(static_cast<size_t>(elements(shape))) {}

  template <class... Index>
  Scalar& operator()(Index... index) {
    const int64_t indices[] = {static_cast<int64_t>(index)...};
    int64_t offset = 0;
    for (size_t axis = 0; axis < sizeof...(Index); ++axis) {
      offset = offset * shape[axis] + indices[axis];
    }
    return data[static_cast<size_t>(offset)];
  }
};

/// Inputs by index, the output to fill, and the two loops that most definitions need. B batch,
/// T queries, S keys, H heads, G key/value heads, D head width, C model width.
template <class Scalar>
struct Definition {
  int64_t B = 0, T = 0, S = 0, H = 0, G = 0, D = 0, C = 0;
  Array<Scalar> queries, keys, values;  // [B,T,H,D], [B,S,G,D], [B,S,G,D]
  Array<Scalar> inputs, memories;       // [B,T,C], [B,S,C]
  Array<Scalar> outputs;                // [B,T,H,D]
  std::map<std::string, Array<Scalar>, std::less<>> parameters;
  AttentionMask mask;
  Array<Scalar> bias_by_distance;  // [H, distances] or empty
  int64_t bias_zero = 0;

  Scalar q(int64_t b, int64_t i, int64_t h, int64_t d) { return queries(b, i, h, d); }
  Scalar k(int64_t b, int64_t j, int64_t h, int64_t d) { return keys(b, j, h / (H / G), d); }
  Scalar v(int64_t b, int64_t j, int64_t h, int64_t d) { return values(b, j, h / (H / G), d); }
  Scalar x(int64_t b, int64_t i, int64_t c) { return inputs(b, i, c); }
  Scalar memory(int64_t b, int64_t j, int64_t c) { return memories(b, j, c); }
  Scalar& o(int64_t b, int64_t i, int64_t h, int64_t d) { return outputs(b, i, h, d); }
  Array<Scalar>& parameter(std::string_view name) { return parameters.find(name)->second; }

  bool sees(int64_t b, int64_t i, int64_t j) const { return mask.sees(b, i, j); }
  /// Position of query i of row b; key j stands at position j.
  int64_t position(int64_t b, int64_t i) const { return mask.position(b, i); }
  /// The score bias of head h for this pair, 0 without one.
  Scalar bias(int64_t b, int64_t h, int64_t i, int64_t j) {
    if (bias_by_distance.data.empty()) return Scalar(0);
    return bias_by_distance(h, bias_zero + j - position(b, i));
  }
  Scalar dot(int64_t b, int64_t i, int64_t j, int64_t h) {
    Scalar sum(0);
    for (int64_t d = 0; d < D; ++d) sum += q(b, i, h, d) * k(b, j, h, d);
    return sum;
  }

  template <class Body>
  void each_output(Body body) {
    for (int64_t b = 0; b < B; ++b) {
      for (int64_t i = 0; i < T; ++i) {
        for (int64_t h = 0; h < H; ++h) body(b, i, h);
      }
    }
  }
  /// o(b,i,h,:) = sum over the keys seen of weight(j) v(b,j,h,:)
  template <class Weight>
  void mix(int64_t b, int64_t i, int64_t h, Weight weight) {
    for (int64_t d = 0; d < D; ++d) o(b, i, h, d) = Scalar(0);
    for (int64_t j = 0; j < S; ++j) {
      if (!sees(b, i, j)) continue;
      const Scalar w = weight(j);
      for (int64_t d = 0; d < D; ++d) o(b, i, h, d) += w * v(b, j, h, d);
    }
  }
  /// mix with weight(j) = e(j) / sum over the keys seen of |e|; all 0 where that sum is 0.
  template <class Unnormalised>
  void mix_normalised(int64_t b, int64_t i, int64_t h, Unnormalised e) {
    using std::abs;
    std::vector<Scalar> scores(static_cast<size_t>(S));
    Scalar total(0);
    for (int64_t j = 0; j < S; ++j) {
      if (!sees(b, i, j)) continue;
      scores[static_cast<size_t>(j)] = e(j);
      total += abs(scores[static_cast<size_t>(j)]);
    }
    mix(b, i, h, [&](int64_t j) {
      return value_of(total) == 0 ? Scalar(0) : scores[static_cast<size_t>(j)] / total;
    });
  }
};

template <class Scalar>
Array<Scalar> lifted(const Tensor& tensor) {
  Array<Scalar> array(tensor.shape());
  for (size_t i = 0; i < array.data.size(); ++i) {
    array.data[i] = Scalar(static_cast<double>(tensor.values()[i]));
  }
  return array;
}

/// A definition on these inputs, not yet run; the layer's parameters come by the names that its
/// variant gave them. The mask's rows outlive it.
template <class Scalar>
Definition<Scalar> definition_of(const AttentionInput& in,
                                 const std::map<std::string, Var>& parameters) {
  Definition<Scalar> a;
  a.B = in.q.extent(0), a.T = in.q.extent(1), a.H = in.q.extent(2), a.D = in.q.extent(3);
  a.S = in.k.extent(1), a.G = in.k.extent(2), a.C = in.x.extent(2);
  a.queries = lifted<Scalar>(in.q.value());
  a.keys = lifted<Scalar>(in.k.value());
  a.values = lifted<Scalar>(in.v.value());
  a.inputs = lifted<Scalar>(in.x.value());
  a.memories = lifted<Scalar>(in.memory.value());
  a.outputs = Array<Scalar>(in.q.shape());
  for (const auto& [name, variable] : parameters) {
    a.parameters.emplace(name, lifted<Scalar>(variable.value()));
  }
  a.mask = in.mask;
  if (in.bias != nullptr) {
    a.bias_by_distance = lifted<Scalar>(in.bias->by_distance.value());
    a.bias_zero = in.bias->zero;
  }
  return a;
}

enum class PositionHook { embed, rotate, bias };

/// One hook of a positional scheme. `define` says what each hook does; those that are not asked for
/// are passed over.
template <class Scalar>
struct PositionDefinition {
  PositionHook hook = PositionHook::embed;
  int64_t B = 0, T = 0, H = 0, D = 0, C = 0;
  int64_t least = 0;           // bias: the distance of column 0
  Array<Scalar> inputs;        // embed: [B,T,C]; rotate: [B,T,H,D]
  Array<Scalar> outputs;       // of the inputs' shape; bias: [H, distances]
  std::vector<int64_t> first;  // [B] or empty
  std::map<std::string, Array<Scalar>, std::less<>> parameters;
  uint64_t random_key = 0;

  Scalar x(int64_t b, int64_t i, int64_t c) { return inputs(b, i, c); }
  Scalar x(int64_t b, int64_t i, int64_t h, int64_t d) { return inputs(b, i, h, d); }
  int64_t position(int64_t b, int64_t i) const {
    return (first.empty() ? 0 : first[static_cast<size_t>(b)]) + i;
  }
  Array<Scalar>& parameter(std::string_view name) { return parameters.find(name)->second; }

  /// embed: output (b,i,c) = value(b, i, c).
  template <class Value>
  void each_embedded(Value value) {
    if (hook != PositionHook::embed) return;
    for (int64_t b = 0; b < B; ++b) {
      for (int64_t i = 0; i < T; ++i) {
        for (int64_t c = 0; c < C; ++c) outputs(b, i, c) = value(b, i, c);
      }
    }
  }
  /// rotate: output (b,i,h,d) = value(b, i, h, d).
  template <class Value>
  void each_rotated(Value value) {
    if (hook != PositionHook::rotate) return;
    for (int64_t b = 0; b < B; ++b) {
      for (int64_t i = 0; i < T; ++i) {
        for (int64_t h = 0; h < H; ++h) {
          for (int64_t d = 0; d < D; ++d) outputs(b, i, h, d) = value(b, i, h, d);
        }
      }
    }
  }
  /// bias: what the scores of head h gain where the key stands `distance` after the query.
  template <class Value>
  void each_bias(Value value) {
    if (hook != PositionHook::bias) return;
    for (int64_t h = 0; h < H; ++h) {
      for (int64_t n = 0; n < outputs.shape[1]; ++n) outputs(h, n) = value(h, least + n);
    }
  }
};

}  // namespace lengthwise
