// The contract between the transformer core and one positional scheme.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "base/registry.h"
#include "nn/attention.h"

namespace lengthwise {

enum class Side { query, key };

struct PositionInfo {
  std::string_view name, summary, paper;
  bool embeds = false;           // adds to the token embeddings (see model.embedding_scale)
  bool rotates = false;          // turns queries and keys
  bool biases = false;           // adds to the scores
  bool shift_invariant = false;  // only distances matter
  bool tabulates = false;        // keeps a constant table [positions, width it acts on] as data
};

/// One object per model, shared by its layers. A hook that info does not name is never called.
/// Turning and biasing are for self-attention: a query and a key of two sequences are no distance
/// apart, so that cross-attention takes both as they are, as Raffel et al. 2020, arXiv:1910.10683,
/// do.
/// `first` is AttentionMask::first: decoding and padded rows come through the same three calls.
class Position {
 public:
  virtual ~Position() = default;
  /// Positions it can serve; 0: any.
  virtual int64_t longest() const { return 0; }
  /// x: [B,T,C], once, after the token embedding.
  virtual Var embed(const Var& x, std::span<const int64_t> first) const;
  /// q: [B,T,H,D] or k: [B,S,G,D], in every layer's self-attention. Keys are cached
  /// rotated.
  virtual Var rotate(const Var& q_or_k, Side side, std::span<const int64_t> first) const;
  /// For distances j - position(i) in [least, most]; built once a forward pass, shared by the
  /// layers.
  virtual ScoreBias bias(int64_t least, int64_t most) const;
};

/// What a scheme is made of. Widths are those of what it rotates: with Projection::none one head of
/// the model's width.
struct PositionSetup {
  int64_t model_width = 0, heads = 0, head_width = 0;
  const OptionValues& options;
  ParameterSet parameters;
  uint64_t random_key = 0;
};

template <class Scalar>
struct PositionDefinition;  // nn/definition.h

struct PositionScheme {
  PositionInfo info;
  std::function<void(OptionVisitor&)> options;
  std::function<std::unique_ptr<Position>(const PositionSetup&)> make;
  std::function<void(PositionDefinition<double>&, const OptionValues&)> define;
  std::function<void(PositionDefinition<Dual>&, const OptionValues&)> define_with_slope;
};

std::span<const PositionScheme> position_schemes();
/// UserError with the nearest name.
const PositionScheme& position_scheme(std::string_view name);

/// The reason why this scheme cannot work with this variant, or "".
std::string why_refused(const AttentionInfo& attention, const PositionInfo& position);
/// The reason why this variant cannot work in a decoder (causal) or in an encoder, or "".
std::string why_refused(const AttentionInfo& attention, bool causal);
/// The reason why this variant cannot take its keys from another sequence, or "".
std::string why_not_across(const AttentionInfo& attention);

/// P has info() and Options and is made from (const PositionSetup&, const Options&); static define
/// is taken if there.
template <class P>
PositionScheme describe_position() {
  using Options = typename P::Options;
  const auto read = [](const OptionValues& values) {
    return read_options<Options>(values, "position." + std::string(P::info().name) + ".");
  };
  PositionScheme scheme;
  scheme.info = P::info();
  scheme.options = [](OptionVisitor& visitor) {
    Options options;
    options.visit(visitor);
  };
  scheme.make = [read](const PositionSetup& setup) -> std::unique_ptr<Position> {
    return std::make_unique<P>(setup, read(setup.options));
  };
  if constexpr (requires(PositionDefinition<double> & a, Options o) {
                  P::template define<double>(a, o);
                }) {
    scheme.define = [read](PositionDefinition<double>& a, const OptionValues& values) {
      P::template define<double>(a, read(values));
    };
    scheme.define_with_slope = [read](PositionDefinition<Dual>& a, const OptionValues& values) {
      P::template define<Dual>(a, read(values));
    };
  }
  return scheme;
}

/// describe_position into the registry, before main: `const bool registered = ...` in the file.
template <class P>
bool register_position() {
  return Registry<PositionScheme>::instance().add(describe_position<P>());
}

}  // namespace lengthwise
