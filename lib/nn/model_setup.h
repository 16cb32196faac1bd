// What a model is made of: its options, and which variant attends where in it.
#pragma once
#include <string>
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
  bool residual = true;
  std::string projections = "qkv";
  std::string head = "tied";
  std::string gelu = "erf";
  std::string embedding_scale = "root_width";
  double dropout = 0;
  double attention_dropout = 0;
  double initial_deviation = 0.02;

  void visit(OptionVisitor& v);
  /// Hidden width of the feed-forward layer, 0 without one.
  int64_t hidden_width() const;
  Gelu gelu_form() const { return gelu == "erf" ? Gelu::erf : Gelu::tanh; }
  /// Which matrices a layer's attention has, of a variant that is projected; others are the
  /// identity and so that heads split the layer's input. The output's matrix stands with the
  /// value's.
  bool projects_queries_and_keys() const { return projections == "qkv" || projections == "qk"; }
  bool projects_values() const { return projections == "qkv" || projections == "v"; }
  /// Of the layers that give the logits: a decoder's token sees itself and those before it, an
  /// encoder's sees all.
  bool causal() const { return kind != "encoder"; }
  /// An encoder reads a source of its own, and the decoder's layers attend over what it makes of
  /// it.
  bool has_source() const { return kind == "encoder_decoder"; }
};

/// What to build: names are those of the registries, values without their prefix. `attention` may
/// be a pattern, several names joined by '+'; so may the others, which an encoder_decoder alone
/// reads.
struct ModelSetup {
  ModelOptions model;
  int64_t vocabulary = 0;
  std::string attention, position;
  std::vector<OptionValues> attention_options{};  // of each part of the pattern; empty: defaults
  OptionValues position_options{};
  uint64_t seed = 0;
  std::string decoder_attention{}, cross_attention{};  // empty: as attention, with its options
  std::vector<OptionValues> decoder_options{}, cross_options{};
};

/// Which variants attend where. Of a decoder or an encoder only `self` is read; of an
/// encoder_decoder it is the encoder's.
struct ModelPatterns {
  /// One everywhere.
  ModelPatterns(const AttentionPattern& all)  // NOLINT(google-explicit-constructor)
      : self(all), decoder(all), cross(all) {}
  explicit ModelPatterns(const ModelSetup& setup);

  AttentionPattern self, decoder, cross;
};

/// Layers on top of each other, an encoder's or a decoder's.
struct StackSetup {
  std::string prefix;                       // of its parameters' names
  bool causal = true;                       // its self-attention
  const AttentionPattern* self = nullptr;   // outlives this
  const AttentionPattern* cross = nullptr;  // null: it attends over no other stack
};
/// The model's stacks; the last gives the logits.
std::vector<StackSetup> stacks_of(const ModelOptions& model, const ModelPatterns& patterns);

/// Every part of every pattern that the model reads.
std::vector<AttentionPart> parts_of(const ModelOptions& model, const ModelPatterns& patterns);

/// Sizes of a layer's attention, without batch and lengths: one head of the model's width with
/// Projection::none.
AttentionSizes attention_sizes(const ModelOptions& model, const AttentionInfo& attention,
                               bool causal);

/// Which layers share an object of the scheme. One that turns or biases is made anew for every way
/// in which parts that take positions split the width into heads; one that embeds is made once.
struct PositionShares {
  std::vector<AttentionSizes> sizes;  // of each object; never empty
  std::vector<size_t> of_part;        // each part's object: of the first stack, then of the next
};
PositionShares position_shares(const ModelOptions& model, const ModelPatterns& patterns,
                               const PositionInfo& position);

/// The reason why these cannot work together whatever the sizes, or "": a mask or a sequence of
/// keys that a variant cannot do, a scheme that it has no place for.
std::string why_refused(const ModelOptions& model, const ModelPatterns& patterns,
                        const PositionInfo& position);

}  // namespace lengthwise
