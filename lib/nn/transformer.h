// A decoder, an encoder or both, pre-norm or post-norm, around any registered attention variants
// and positional scheme.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "nn/model_setup.h"

namespace lengthwise {

/// UserError names the key: heads that do not divide the width, layers that are no multiple of the
/// pattern, options that a part refuses.
void check_model(const ModelSetup& setup);

/// What an encoder_decoder's encoder reads. Outlives the backward pass.
struct Source {
  std::span<const int32_t> tokens;         // [B,S]
  int64_t length = 0;                      // S
  std::span<const int64_t> row_lengths{};  // [B] real tokens of each row, on the left; empty: all
};

/// One layer's attention as a forward pass comes to it. Everything lives until the call is over.
struct MixedLayer {
  int64_t layer = 0;
  bool across = false;  // it attends over a source
  const Var& stream;    // [B,T,C] what enters it: in a pre-norm model before its norm
  const AttentionPart& part;
  const Attention& attention;
  std::string_view parameters;  // what the names of its own begin with
  const AttentionInput& in;
};
/// What it returns [B,T,H,D] stands in for what `attend` gives, unless it is undefined.
using MixObserver = std::function<Var(const MixedLayer&)>;

/// One forward pass: what dropout draws from (in evaluation nothing is dropped), padding, and the
/// source, if the model reads one.
struct ForwardPass {
  bool training = false;
  uint64_t seed = 0;
  int64_t step = 0;
  bool checkpoint_layers = false;  // keep what enters a layer alone, run it again when needed
  std::span<const int64_t> row_lengths{};  // [B] real tokens of each row, on the left; empty: all.
                                           // Outlives the backward pass.
  Source source{};
  /// Is shown every layer's attention before it mixes, from the first to the last, an encoder's
  /// before its decoder's. Outlives the backward pass.
  const MixObserver* observer = nullptr;
};

/// What a model remembers of the rows that it decodes.
struct ModelState {
  std::vector<DecodeState> layers;
  std::vector<int64_t> tokens;  // [B] taken so far
  int64_t max_tokens = 0;
  /// Of an encoder_decoder: each layer's keys and values of the source, and how many of each row
  /// are real (empty: all). Never written again: clones share them.
  std::vector<DecodeState> sources;
  std::vector<int64_t> source_lengths;

  int64_t bytes() const;     // as the ledger counts them
  ModelState clone() const;  // that can go another way
  /// One whose row i goes on from row rows[i] of this one: some rows, in any order, some twice.
  ModelState select(std::span<const int64_t> rows) const;
};

class Transformer {
 public:
  /// With parameters.is_counting() it can only be counted.
  Transformer(const ModelSetup& setup, ParameterSet parameters);
  /// Around variants and a scheme that need not be registered.
  Transformer(const ModelSetup& setup, ModelPatterns patterns, const PositionScheme& scheme,
              ParameterSet parameters);

  /// Logits [N,V] at the N `labelled` flat positions of tokens [B,T]; only those are projected to
  /// the vocabulary. Of an encoder_decoder the tokens are the target's, and the source is the
  /// pass's.
  Var logits(std::span<const int32_t> tokens, int64_t batch, int64_t length,
             std::span<const int64_t> labelled, const ForwardPass& pass) const;

  /// The state before the first token, for rows of at most max_tokens, after the source has been
  /// read. What is causal only.
  ModelState begin_decode(int64_t batch, int64_t max_tokens, const Source& source = {}) const;
  /// Takes T >= 1 new tokens [B,T] of every row, of which the first taken[b] are real (empty: all),
  /// and returns what `logits` gives at the `labelled` flat positions b*T + t; inference only.
  Var extend(ModelState& state, std::span<const int32_t> tokens, int64_t length,
             std::span<const int64_t> labelled, std::span<const int64_t> taken = {}) const;

  /// Positions that the scheme can serve; 0: any.
  int64_t longest() const { return positions_.front()->longest(); }
  /// Its scheme's object for the first way in which its layers split the width, and that way.
  const Position& position() const { return *positions_.front(); }
  const AttentionSizes& position_sizes() const { return shares_.sizes.front(); }
  /// It can go token by token: it is causal, and its variants all say so.
  bool decodes() const { return options_.causal() && lengthwise::decodes(last_pattern()); }
  /// As that of its pattern; -1 where it also attends over a source.
  int64_t receptive_field() const;
  const std::vector<Parameter>& parameters() const { return parameters_.all(); }
  int64_t parameter_count() const { return parameters_.count(); }
  void clear_gradients() { parameters_.clear_gradients(); }

 private:
  struct Norm {
    Var gain, bias;
    Var operator()(const Var& x) const { return layer_norm(x, gain, bias); }
    SumAndNorm of_sum(const Var& a, const Var& b) const { return add_layer_norm(a, b, gain, bias); }
  };
  /// The identity where it has no weight.
  struct Linear {
    Var weight, bias;
    Var operator()(const Var& x) const {
      return weight.value().defined() ? linear(x, weight, bias) : x;
    }
  };
  /// One attention with what stands around it.
  struct Mixer {
    std::optional<Norm> norm;          // none where pre-norm self-attention reads the stream
    Linear query, key, value, output;  // the identity with Projection::none
    std::string name;                  // what those of its variant's parameters begin with
    bool across = false;               // it attends over a source
    AttentionPart part;
    AttentionInfo info;
    AttentionSizes sizes;
    size_t position = 0;  // its object of the scheme
    std::unique_ptr<Attention> attention;

    Shape by_head(const Var& x) const;
    Shape by_group(const Var& x) const;
  };
  struct Layer {
    Mixer self;
    std::optional<Mixer> cross;
    std::optional<Norm> feed_forward_norm;
    Linear widen, narrow;  // read where the model has a feed-forward part
  };
  struct Stack {
    std::vector<Layer> layers;
    std::optional<Norm> final_norm;
  };

  /// How the layers of one pass attend.
  struct AttentionTerms {
    AttentionMask mask;
    std::vector<ScoreBias> biases;  // of each object of a scheme that biases
    Var memory;                     // what an encoder made of the source; not while decoding
    AttentionMask memory_mask;
    ModelState* state = nullptr;  // decoding
    const MixObserver* observer = nullptr;
  };
  struct LayerDropout {
    Dropout weights, attention, cross_weights, cross, feed_forward;
  };
  class DropoutKeys;

  const AttentionPattern& last_pattern() const {
    return options_.has_source() ? patterns_.decoder : patterns_.self;
  }
  Norm make_norm(const std::string& name);
  Linear make_linear(const std::string& name, int64_t in, int64_t out);
  void make_positions(const ModelSetup& setup, const PositionScheme& scheme);
  Mixer make_mixer(const std::string& layer, const std::string& role, const AttentionPart& part,
                   const AttentionSizes& sizes, uint64_t seed);
  Stack make_stack(const StackSetup& of, size_t first_part, const ModelSetup& setup);

  static Var mix(const AttentionTerms& terms, const Mixer& mixer, size_t layer, const Var& stream,
                 const AttentionInput& in);
  Var attend(const Stack& stack, size_t layer, const Var& stream, const AttentionTerms& terms,
             const Dropout& dropout) const;
  Var attend_across(const Stack& stack, size_t layer, const Var& x, const AttentionTerms& terms,
                    const Dropout& dropout) const;
  Var feed_forward(const Layer& layer, const Var& x) const;
  Var add_part(const Var& stream, const Var& part) const;
  SumAndNorm add_part(const Var& stream, const Var& part, const std::optional<Norm>& norm) const;
  Var run_layer(const Stack& stack, size_t layer, const Var& x, const AttentionTerms& terms,
                const LayerDropout& dropouts) const;
  Var run_post_norm(const Stack& stack, size_t layer, const Var& x, const AttentionTerms& terms,
                    const LayerDropout& dropouts) const;
  Var run_stack(const Stack& stack, std::span<const int32_t> tokens, int64_t batch, int64_t length,
                const ForwardPass& pass, AttentionTerms& terms, DropoutKeys& keys) const;
  Var encode(int64_t batch, const ForwardPass& pass, DropoutKeys& keys) const;
  Var head(Var x, std::span<const int64_t> labelled) const;

  ModelOptions options_;
  ModelPatterns patterns_;
  PositionInfo position_info_;
  PositionShares shares_;
  ParameterSet parameters_;
  Var embedding_;
  std::vector<std::unique_ptr<Position>> positions_;  // the first embeds
  std::vector<Stack> stacks_;                         // the last gives the logits
  Linear head_;                                       // undefined when tied
};

}  // namespace lengthwise
