// How a model is made; how it runs stands in transformer_pass.cpp.
#include "nn/transformer.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"

namespace lengthwise {
namespace {

void check_layers(const ModelOptions& model, std::string_view key,
                  const AttentionPattern& pattern) {
  const auto parts = static_cast<int64_t>(pattern.size());
  if (model.layers % parts == 0) return;
  user_error("model.layers: found {}, expected a multiple of the {} parts of {} = {}", model.layers,
             parts, key, pattern_text(pattern));
}

}  // namespace

void check_model(const ModelSetup& setup) {
  const ModelPatterns patterns(setup);
  const ModelOptions& model = setup.model;
  if (model.width % model.heads != 0) {
    user_error("model.heads: found {}, expected a divisor of model.width = {}", model.heads,
               model.width);
  }
  if (model.key_value_heads > 0 && model.heads % model.key_value_heads != 0) {
    user_error("model.key_value_heads: found {}, expected a divisor of model.heads = {}",
               model.key_value_heads, model.heads);
  }
  if (model.projections != "qkv" && model.key_value_heads > 0 &&
      model.key_value_heads != model.heads) {
    user_error(
        "model.key_value_heads: found {}, expected 0 or model.heads = {} with "
        "model.projections = {}: heads split the layer's input",
        model.key_value_heads, model.heads, model.projections);
  }
  check_layers(model, "attention", patterns.self);
  if (model.has_source()) {
    check_layers(model, "decoder.attention", patterns.decoder);
    check_layers(model, "cross.attention", patterns.cross);
  }
  // Whatever its makers refuse of their options, without building anything.
  (void)Transformer(setup, ParameterSet::counting());
  const std::vector<AttentionPart> parts = parts_of(model, patterns);
  const bool drops = std::any_of(parts.begin(), parts.end(), [](const AttentionPart& part) {
    return part.variant->info.forms_weights;
  });
  if (model.attention_dropout > 0 && !drops) {
    user_error("model.attention_dropout: {} forms no weights to drop; found {}, expected 0",
               setup.attention, model.attention_dropout);
  }
}

Transformer::Transformer(const ModelSetup& setup, ParameterSet parameters)
    : Transformer(setup, ModelPatterns(setup), position_scheme(setup.position),
                  std::move(parameters)) {}

Transformer::Transformer(const ModelSetup& setup, ModelPatterns patterns,
                         const PositionScheme& scheme, ParameterSet parameters)
    : options_(setup.model),
      patterns_(std::move(patterns)),
      position_info_(scheme.info),
      shares_(position_shares(options_, patterns_, position_info_)),
      parameters_(std::move(parameters)) {
  embedding_ =
      parameters_.add("embedding", {setup.vocabulary, options_.width}, options_.initial_deviation);
  make_positions(setup, scheme);
  size_t first_part = 0;
  for (const StackSetup& stack : stacks_of(options_, patterns_)) {
    stacks_.push_back(make_stack(stack, first_part, setup));
    first_part += stack.self->size();
  }
  if (options_.head == "free") head_ = make_linear("head", options_.width, setup.vocabulary);
}

void Transformer::make_positions(const ModelSetup& setup, const PositionScheme& scheme) {
  const ParameterSet scope = parameters_.scoped("position");
  for (const AttentionSizes& sizes : shares_.sizes) {
    const std::string name = fmt::format("{}x{}", sizes.heads, sizes.head_width);
    positions_.push_back(scheme.make({.model_width = options_.width,
                                      .heads = sizes.heads,
                                      .head_width = sizes.head_width,
                                      .options = setup.position_options,
                                      .parameters = positions_.empty() ? scope : scope.scoped(name),
                                      .random_key = hash_text("position", setup.seed)}));
  }
}

Transformer::Norm Transformer::make_norm(const std::string& name) {
  const ParameterSet scope = parameters_.scoped(name);
  return {scope.add_constant("gain", {options_.width}, 1),
          scope.add_constant("bias", {options_.width}, 0)};
}

Transformer::Linear Transformer::make_linear(const std::string& name, int64_t in, int64_t out) {
  const ParameterSet scope = parameters_.scoped(name);
  return {scope.add("weight", {in, out}, options_.initial_deviation),
          scope.add_constant("bias", {out}, 0)};
}

Transformer::Mixer Transformer::make_mixer(const std::string& layer, const std::string& role,
                                           const AttentionPart& part, const AttentionSizes& sizes,
                                           uint64_t seed) {
  const std::string of_role = layer + role;
  Mixer mixer;
  mixer.name = of_role + "attention";
  mixer.across = !role.empty();
  mixer.part = part;
  mixer.info = part.variant->info;
  mixer.sizes = sizes;
  const int64_t width = options_.width, key_width = sizes.key_value_heads * sizes.head_width;
  const bool projects = mixer.info.projection == Projection::query_key_value;
  if (projects && options_.projects_queries_and_keys()) {
    mixer.query = make_linear(of_role + "query", width, width);
    mixer.key = make_linear(of_role + "key", width, key_width);
  }
  if (projects && options_.projects_values()) {
    mixer.value = make_linear(of_role + "value", width, key_width);
    mixer.output = make_linear(of_role + "output", width, width);
  }
  mixer.attention = part.variant->make({.sizes = sizes,
                                        .options = part.options,
                                        .parameters = parameters_.scoped(mixer.name),
                                        .random_key = hash_text(of_role, seed),
                                        .initial_deviation = options_.initial_deviation});
  const bool reads_norm =
      options_.norm == "post" ||
      (options_.norm == "pre" && (!role.empty() || !mixer.attention->reads_before_norm()));
  if (reads_norm) mixer.norm = make_norm(layer + (role.empty() ? "attention_norm" : role + "norm"));
  return mixer;
}

Transformer::Stack Transformer::make_stack(const StackSetup& of, size_t first_part,
                                           const ModelSetup& setup) {
  const int64_t width = options_.width, hidden = options_.hidden_width();
  Stack stack;
  for (int64_t index = 0; index < options_.layers; ++index) {
    const std::string name = of.prefix + "layers." + std::to_string(index) + ".";
    const auto part_of = [&](const AttentionPattern& pattern) -> const AttentionPart& {
      return pattern[static_cast<size_t>(index) % pattern.size()];
    };
    const AttentionPart& self = part_of(*of.self);
    Layer layer;
    layer.self = make_mixer(name, "", self,
                            attention_sizes(options_, self.variant->info, of.causal), setup.seed);
    layer.self.position =
        shares_.of_part[first_part + static_cast<size_t>(index) % of.self->size()];
    if (of.cross != nullptr) {
      const AttentionPart& cross = part_of(*of.cross);
      layer.cross =
          make_mixer(name, "cross_", cross,
                     attention_sizes(options_, cross.variant->info, /*causal=*/false), setup.seed);
    }
    if (hidden > 0) {
      if (options_.norm != "none") layer.feed_forward_norm = make_norm(name + "feed_forward_norm");
      layer.widen = make_linear(name + "widen", width, hidden);
      layer.narrow = make_linear(name + "narrow", hidden, width);
    }
    stack.layers.push_back(std::move(layer));
  }
  if (options_.norm == "pre") stack.final_norm = make_norm(of.prefix + "final_norm");
  return stack;
}

int64_t Transformer::receptive_field() const {
  return options_.has_source() ? -1 : lengthwise::receptive_field(patterns_.self, options_.layers);
}

}  // namespace lengthwise
