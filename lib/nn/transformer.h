// A decoder-only or encoder-only transformer, pre-norm or post-norm, around any registered
// attention variant and positional scheme.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "nn/attention_pattern.h"

namespace lengthwise {

struct ModelOptions {
  std::string kind = "decoder";
  int64_t layers = 2;
  int64_t width = 64;
  int64_t heads = 4;
  int64_t key_value_heads = 0;
  double feed_forward = 4;
  std::string norm = "pre";
  std::string head = "tied";
  double dropout = 0;
  double attention_dropout = 0;
  double initial_deviation = 0.02;

  void visit(OptionVisitor& v);
  /// Hidden width of the feed-forward layer, 0 without one.
  int64_t hidden_width() const;
  /// A decoder's token sees itself and those before it, an encoder's sees all.
  bool causal() const { return kind == "decoder"; }
};

/// What to build: names are those of the registries, values without their prefix. `attention` may
/// be a pattern, several names joined by '+'.
struct ModelSetup {
  ModelOptions model;
  int64_t vocabulary = 0;
  std::string attention, position;
  std::vector<OptionValues> attention_options;  // of each part of the pattern; empty: defaults
  OptionValues position_options;
  uint64_t seed = 0;
};

/// Sizes of a layer's attention, without batch and lengths: one head of the model's width with
/// Projection::none.
AttentionSizes attention_sizes(const ModelOptions& model, const AttentionInfo& attention);

/// Which layers share an object of the scheme. One that turns or biases is made anew for every way
/// in which parts that take positions split the width into heads; one that embeds is made once.
struct PositionShares {
  std::vector<AttentionSizes> sizes;  // of each object; never empty
  std::vector<size_t> of_part;        // each part's object
};
PositionShares position_shares(const ModelOptions& model, const AttentionPattern& pattern,
                               const PositionInfo& position);

/// UserError names the key: heads that do not divide the width, layers that are no multiple of the
/// pattern, options that a part refuses.
void check_model(const ModelSetup& setup);

/// One forward pass: what dropout draws from (in evaluation nothing is dropped), and padding.
struct ForwardPass {
  bool training = false;
  uint64_t seed = 0;
  int64_t step = 0;
  bool checkpoint_layers = false;  // keep what enters a layer alone, run it again when needed
  std::span<const int64_t> row_lengths{};  // [B] real tokens of each row, on the left; empty: all.
                                           // Outlives the backward pass.
};

/// What a model remembers of the rows that it decodes.
struct ModelState {
  std::vector<DecodeState> layers;
  std::vector<int64_t> tokens;  // [B] taken so far
  int64_t max_tokens = 0;
  int64_t bytes() const;     // as the ledger counts them
  ModelState clone() const;  // that can go another way
};

class Transformer {
 public:
  /// With parameters.is_counting() it can only be counted.
  Transformer(const ModelSetup& setup, ParameterSet parameters);
  /// Around variants and a scheme that need not be registered.
  Transformer(const ModelSetup& setup, AttentionPattern pattern, const PositionScheme& scheme,
              ParameterSet parameters);

  /// Logits [N,V] at the N `labelled` flat positions of tokens [B,T]; only those are projected to
  /// the vocabulary.
  Var logits(std::span<const int32_t> tokens, int64_t batch, int64_t length,
             std::span<const int64_t> labelled, const ForwardPass& pass) const;

  /// The state before the first token, for rows of at most max_tokens. Decoders only.
  ModelState begin_decode(int64_t batch, int64_t max_tokens) const;
  /// Takes T >= 1 new tokens [B,T] of every row, of which the first taken[b] are real (empty: all),
  /// and returns what `logits` gives at the `labelled` flat positions b*T + t; inference only.
  Var extend(ModelState& state, std::span<const int32_t> tokens, int64_t length,
             std::span<const int64_t> labelled, std::span<const int64_t> taken = {}) const;

  /// Positions that the scheme can serve; 0: any.
  int64_t longest() const { return positions_.front()->longest(); }
  /// It can go token by token: a decoder whose variants all say so.
  bool decodes() const { return options_.causal() && lengthwise::decodes(pattern_); }
  /// As that of its pattern.
  int64_t receptive_field() const { return lengthwise::receptive_field(pattern_, options_.layers); }
  const std::vector<Parameter>& parameters() const { return parameters_.all(); }
  int64_t parameter_count() const { return parameters_.count(); }
  void clear_gradients() { parameters_.clear_gradients(); }

 private:
  struct Norm {
    Var gain, bias;
    Var operator()(const Var& x) const { return layer_norm(x, gain, bias); }
    SumAndNorm of_sum(const Var& a, const Var& b) const { return add_layer_norm(a, b, gain, bias); }
  };
  struct Linear {
    Var weight, bias;
    Var operator()(const Var& x) const { return linear(x, weight, bias); }
  };
  struct Layer {
    std::optional<Norm> attention_norm;  // none where pre-norm attention reads the stream itself
    Linear query, key, value, output;    // undefined with Projection::none
    AttentionInfo info;
    AttentionSizes sizes;
    size_t position = 0;  // its object of the scheme
    std::unique_ptr<Attention> attention;
    std::optional<Norm> feed_forward_norm;
    Linear widen, narrow;
  };

  /// How the layers of one pass attend.
  struct AttentionTerms {
    AttentionMask mask;
    std::vector<ScoreBias> biases;  // of each object of a scheme that biases
    ModelState* state = nullptr;    // decoding
  };

  struct LayerDropout {
    Dropout weights, attention, feed_forward;
  };

  Norm make_norm(const std::string& name);
  Linear make_linear(const std::string& name, int64_t in, int64_t out);
  void make_positions(const ModelSetup& setup, const PositionScheme& scheme);
  Layer make_layer(int64_t index, const ModelSetup& setup);
  Var run(std::span<const int32_t> tokens, int64_t batch, int64_t length,
          std::span<const int64_t> labelled, const ForwardPass& pass, AttentionTerms& terms) const;
  Var attend(size_t layer, const Var& x, const AttentionTerms& terms, const Dropout& dropout) const;
  Var feed_forward(const Layer& layer, const Var& x) const;
  Var run_layer(size_t index, const Var& x, const AttentionTerms& terms,
                const LayerDropout& dropouts) const;

  ModelOptions options_;
  AttentionPattern pattern_;
  PositionInfo position_info_;
  PositionShares shares_;
  ParameterSet parameters_;
  Var embedding_;
  std::vector<std::unique_ptr<Position>> positions_;  // the first embeds
  std::vector<Layer> layers_;
  std::optional<Norm> final_norm_;
  Linear head_;  // undefined when tied
};

}  // namespace lengthwise
