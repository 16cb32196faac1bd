#include "nn/model_setup.h"

#include <algorithm>
#include <cmath>

namespace lengthwise {

void ModelOptions::visit(OptionVisitor& v) {
  v.choice("kind", kind, {"decoder", "encoder", "encoder_decoder"},
           "decoder: a token sees itself and those before it; encoder: all; encoder_decoder: a "
           "decoder that also attends over what an encoder makes of a source");
  v.integer("layers", layers, {1, 1024}, "transformer layers, of encoder and decoder each");
  v.integer("width", width, {1, 1 << 20}, "model width C");
  v.integer("heads", heads, {1, 1 << 16}, "attention heads; must divide the width");
  v.integer("key_value_heads", key_value_heads, {0, 1 << 16},
            "heads of keys and values, each shared by a group of heads; 0: as many as heads");
  v.number("feed_forward", feed_forward, {0, 64},
           "hidden width of the feed-forward layer over the model's width; 0: no feed-forward");
  v.choice("norm", norm, {"pre", "post", "none"},
           "layer norm before each part, after its residual, or nowhere");
  v.flag("residual", residual, "what enters a part is added to what leaves it");
  v.choice("projections", projections, {"qkv", "qk", "v", "none"},
           "which of queries, keys and values (with the output) have matrices of their own; others "
           "are the layer's input as it is");
  v.choice("head", head, {"tied", "free"}, "output head: the embedding's transpose, or its own");
  v.choice("gelu", gelu, {"erf", "tanh"},
           "between the feed-forward layers: exact, or as GPT-2 has it");
  v.choice("embedding_scale", embedding_scale, {"root_width", "one"},
           "embeddings before a scheme adds to them: times sqrt(width), or as they are");
  v.number("dropout", dropout, {0, 0.95}, "of embeddings and of each part's output");
  v.number("attention_dropout", attention_dropout, {0, 0.95}, "of the attention weights");
  v.number("initial_deviation", initial_deviation, {0, 10}, "standard deviation of the weights");
}

int64_t ModelOptions::hidden_width() const {
  return static_cast<int64_t>(std::llround(feed_forward * static_cast<double>(width)));
}

namespace {

AttentionPattern other_pattern(const ModelSetup& setup, const std::string& text,
                               const std::vector<OptionValues>& options) {
  return text.empty() ? attention_pattern(setup.attention, setup.attention_options)
                      : attention_pattern(text, options);
}

}  // namespace

ModelPatterns::ModelPatterns(const ModelSetup& setup)
    : self(attention_pattern(setup.attention, setup.attention_options)),
      decoder(other_pattern(setup, setup.decoder_attention, setup.decoder_options)),
      cross(other_pattern(setup, setup.cross_attention, setup.cross_options)) {}

std::vector<StackSetup> stacks_of(const ModelOptions& model, const ModelPatterns& patterns) {
  if (!model.has_source()) return {{"", model.causal(), &patterns.self, nullptr}};
  return {{"encoder.", false, &patterns.self, nullptr},
          {"", true, &patterns.decoder, &patterns.cross}};
}

std::vector<AttentionPart> parts_of(const ModelOptions& model, const ModelPatterns& patterns) {
  std::vector<AttentionPart> parts;
  const auto add = [&](const AttentionPattern& pattern) {
    parts.insert(parts.end(), pattern.begin(), pattern.end());
  };
  for (const StackSetup& stack : stacks_of(model, patterns)) {
    add(*stack.self);
    if (stack.cross != nullptr) add(*stack.cross);
  }
  return parts;
}

AttentionSizes attention_sizes(const ModelOptions& model, const AttentionInfo& attention,
                               bool causal) {
  AttentionSizes sizes;
  const bool projects = attention.projection == Projection::query_key_value;
  sizes.heads = projects ? model.heads : 1;
  sizes.key_value_heads =
      projects && model.key_value_heads > 0 ? model.key_value_heads : sizes.heads;
  sizes.head_width = model.width / sizes.heads;
  sizes.model_width = model.width;
  sizes.causal = causal;
  return sizes;
}

PositionShares position_shares(const ModelOptions& model, const ModelPatterns& patterns,
                               const PositionInfo& position) {
  const bool acts_in_layers = position.rotates || position.biases;
  PositionShares shares;
  for (const StackSetup& stack : stacks_of(model, patterns)) {
    for (const AttentionPart& part : *stack.self) {
      const AttentionInfo& info = part.variant->info;
      const AttentionSizes sizes = attention_sizes(model, info, stack.causal);
      shares.of_part.push_back(0);
      if (!acts_in_layers || !info.takes_positions) continue;
      const auto same =
          std::find_if(shares.sizes.begin(), shares.sizes.end(), [&](const AttentionSizes& other) {
            return other.heads == sizes.heads && other.head_width == sizes.head_width;
          });
      shares.of_part.back() = static_cast<size_t>(same - shares.sizes.begin());
      if (same == shares.sizes.end()) shares.sizes.push_back(sizes);
    }
  }
  if (shares.sizes.empty()) {
    shares.sizes.push_back(
        attention_sizes(model, patterns.self.front().variant->info, model.causal()));
  }
  return shares;
}

std::string why_refused(const ModelOptions& model, const ModelPatterns& patterns,
                        const PositionInfo& position) {
  std::string reason;
  for (const StackSetup& stack : stacks_of(model, patterns)) {
    if (reason.empty()) reason = why_refused(*stack.self, position);
    if (reason.empty()) reason = why_refused(*stack.self, stack.causal);
    if (stack.cross == nullptr) continue;
    for (const AttentionPart& part : *stack.cross) {
      if (reason.empty()) reason = why_not_across(part.variant->info);
    }
  }
  return reason;
}

}  // namespace lengthwise
