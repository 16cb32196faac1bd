#include "nn/transformer.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/hash.h"
#include "base/random.h"

namespace lengthwise {
namespace {

// Places that drop out in one forward pass get keys of their own.
class DropoutKeys {
 public:
  explicit DropoutKeys(const ForwardPass& pass)
      : training_(pass.training),
        stream_(pass.seed, Purpose::dropout, static_cast<uint64_t>(pass.step)) {}
  Dropout next(double rate) { return training_ ? Dropout{rate, stream_.bits()} : Dropout{}; }

 private:
  bool training_;
  RandomStream stream_;
};

}  // namespace

void ModelOptions::visit(OptionVisitor& v) {
  v.choice("kind", kind, {"decoder", "encoder"},
           "decoder: a token sees itself and those before it; encoder: all");
  v.integer("layers", layers, {1, 1024}, "transformer layers");
  v.integer("width", width, {1, 1 << 20}, "model width C");
  v.integer("heads", heads, {1, 1 << 16}, "attention heads; must divide the width");
  v.integer("key_value_heads", key_value_heads, {0, 1 << 16},
            "heads of keys and values, each shared by a group of heads; 0: as many as heads");
  v.number("feed_forward", feed_forward, {0, 64},
           "hidden width of the feed-forward layer over the model's width; 0: no feed-forward");
  v.choice("norm", norm, {"pre", "post"}, "layer norm before each part or after its residual");
  v.choice("head", head, {"tied", "free"}, "output head: the embedding's transpose, or its own");
  v.number("dropout", dropout, {0, 0.95}, "of embeddings and of each part's output");
  v.number("attention_dropout", attention_dropout, {0, 0.95}, "of the attention weights");
  v.number("initial_deviation", initial_deviation, {0, 10}, "standard deviation of the weights");
}

int64_t ModelOptions::hidden_width() const {
  return static_cast<int64_t>(std::llround(feed_forward * static_cast<double>(width)));
}

AttentionSizes attention_sizes(const ModelOptions& model, const AttentionInfo& attention) {
  AttentionSizes sizes;
  const bool projects = attention.projection == Projection::query_key_value;
  sizes.heads = projects ? model.heads : 1;
  sizes.key_value_heads =
      projects && model.key_value_heads > 0 ? model.key_value_heads : sizes.heads;
  sizes.head_width = model.width / sizes.heads;
  sizes.model_width = model.width;
  sizes.causal = model.causal();
  return sizes;
}

PositionShares position_shares(const ModelOptions& model, const AttentionPattern& pattern,
                               const PositionInfo& position) {
  const bool acts_in_layers = position.rotates || position.biases;
  PositionShares shares;
  shares.of_part.assign(pattern.size(), 0);
  for (size_t part = 0; part < pattern.size(); ++part) {
    const AttentionInfo& info = pattern[part].variant->info;
    const AttentionSizes sizes = attention_sizes(model, info);
    if (!acts_in_layers || !info.takes_positions) continue;
    const auto same =
        std::find_if(shares.sizes.begin(), shares.sizes.end(), [&](const AttentionSizes& other) {
          return other.heads == sizes.heads && other.head_width == sizes.head_width;
        });
    shares.of_part[part] = static_cast<size_t>(same - shares.sizes.begin());
    if (same == shares.sizes.end()) shares.sizes.push_back(sizes);
  }
  if (shares.sizes.empty()) {
    shares.sizes.push_back(attention_sizes(model, pattern.front().variant->info));
  }
  return shares;
}

void check_model(const ModelSetup& setup) {
  const AttentionPattern pattern = attention_pattern(setup.attention, setup.attention_options);
  const ModelOptions& model = setup.model;
  if (model.width % model.heads != 0) {
    user_error("model.heads: found {}, expected a divisor of model.width = {}", model.heads,
               model.width);
  }
  if (model.key_value_heads > 0 && model.heads % model.key_value_heads != 0) {
    user_error("model.key_value_heads: found {}, expected a divisor of model.heads = {}",
               model.key_value_heads, model.heads);
  }
  const auto parts = static_cast<int64_t>(pattern.size());
  if (model.layers % parts != 0) {
    user_error("model.layers: found {}, expected a multiple of the {} parts of attention = {}",
               model.layers, parts, setup.attention);
  }
  // Whatever its makers refuse of their options, without building anything.
  (void)Transformer(setup, ParameterSet::counting());
  const bool drops = std::any_of(pattern.begin(), pattern.end(), [](const AttentionPart& part) {
    return part.variant->info.forms_weights;
  });
  if (model.attention_dropout > 0 && !drops) {
    user_error("model.attention_dropout: {} forms no weights to drop; found {}, expected 0",
               setup.attention, model.attention_dropout);
  }
}

Transformer::Transformer(const ModelSetup& setup, ParameterSet parameters)
    : Transformer(setup, attention_pattern(setup.attention, setup.attention_options),
                  position_scheme(setup.position), std::move(parameters)) {}

Transformer::Transformer(const ModelSetup& setup, AttentionPattern pattern,
                         const PositionScheme& scheme, ParameterSet parameters)
    : options_(setup.model),
      pattern_(std::move(pattern)),
      position_info_(scheme.info),
      shares_(position_shares(options_, pattern_, position_info_)),
      parameters_(std::move(parameters)) {
  embedding_ =
      parameters_.add("embedding", {setup.vocabulary, options_.width}, options_.initial_deviation);
  make_positions(setup, scheme);
  for (int64_t index = 0; index < options_.layers; ++index) {
    layers_.push_back(make_layer(index, setup));
  }
  if (options_.norm == "pre") final_norm_ = make_norm("final_norm");
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

int64_t ModelState::bytes() const {
  int64_t bytes = 0;
  for (const DecodeState& layer : layers) {
    for (const Tensor& tensor : layer) bytes += ledger_bytes(4 * tensor.size());
  }
  return bytes;
}

ModelState ModelState::clone() const {
  ModelState copy = *this;
  for (DecodeState& layer : copy.layers) {
    for (Tensor& tensor : layer) tensor = tensor.clone(Tag::state);
  }
  return copy;
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

Transformer::Layer Transformer::make_layer(int64_t index, const ModelSetup& setup) {
  const std::string name = "layers." + std::to_string(index) + ".";
  const int64_t width = options_.width, hidden = options_.hidden_width();
  const size_t which = static_cast<size_t>(index) % pattern_.size();
  const AttentionPart& part = pattern_[which];
  Layer layer;
  layer.info = part.variant->info;
  layer.sizes = attention_sizes(options_, layer.info);
  layer.position = shares_.of_part[which];
  if (layer.info.projection == Projection::query_key_value) {
    const int64_t key_width = layer.sizes.key_value_heads * layer.sizes.head_width;
    layer.query = make_linear(name + "query", width, width);
    layer.key = make_linear(name + "key", width, key_width);
    layer.value = make_linear(name + "value", width, key_width);
    layer.output = make_linear(name + "output", width, width);
  }
  layer.attention = part.variant->make({.sizes = layer.sizes,
                                        .options = part.options,
                                        .parameters = parameters_.scoped(name + "attention"),
                                        .random_key = hash_text(name, setup.seed),
                                        .initial_deviation = options_.initial_deviation});
  const bool reads_norm = options_.norm == "post" || !layer.attention->reads_before_norm();
  if (reads_norm) layer.attention_norm = make_norm(name + "attention_norm");
  if (hidden > 0) {
    layer.feed_forward_norm = make_norm(name + "feed_forward_norm");
    layer.widen = make_linear(name + "widen", width, hidden);
    layer.narrow = make_linear(name + "narrow", hidden, width);
  }
  return layer;
}

Var Transformer::attend(size_t index, const Var& x, const AttentionTerms& terms,
                        const Dropout& dropout) const {
  const Layer& layer = layers_[index];
  const AttentionSizes& sizes = layer.sizes;
  const int64_t batch = x.extent(0), length = x.extent(1);
  const Shape by_head = {batch, length, sizes.heads, sizes.head_width};
  const Shape by_group = {batch, length, sizes.key_value_heads, sizes.head_width};
  const bool projects = layer.info.projection == Projection::query_key_value;
  AttentionInput in;
  in.x = in.memory = x;
  in.mask = terms.mask;
  if (position_info_.biases && layer.info.takes_positions) in.bias = &terms.biases[layer.position];
  if (layer.info.forms_weights) in.dropout = dropout;
  {
    const ScopeGuard scope(Scope::projections);
    in.q = (projects ? layer.query(x) : x).reshaped(by_head);
    in.k = (projects ? layer.key(x) : x).reshaped(by_group);
    in.v = (projects ? layer.value(x) : x).reshaped(by_group);
    if (position_info_.rotates && layer.info.takes_positions) {
      const Position& position = *positions_[layer.position];
      in.q = position.rotate(in.q, Side::query, in.mask.first);
      in.k = position.rotate(in.k, Side::key, in.mask.first);
    }
  }
  Var mixed;
  {
    const ScopeGuard scope(Scope::attention);
    mixed = terms.state == nullptr ? layer.attention->attend(in)
                                   : layer.attention->extend(terms.state->layers[index], in);
    mixed = mixed.reshaped(x.shape());
  }
  if (!projects) return mixed;
  const ScopeGuard scope(Scope::projections);
  return layer.output(mixed);
}

Var Transformer::feed_forward(const Layer& layer, const Var& x) const {
  const ScopeGuard scope(Scope::feed_forward);
  return layer.narrow(linear_gelu(x, layer.widen.weight, layer.widen.bias));
}

Var Transformer::run_layer(size_t index, const Var& x, const AttentionTerms& terms,
                           const LayerDropout& dropouts) const {
  const Layer& layer = layers_[index];
  const bool feeds_forward = layer.feed_forward_norm.has_value();
  if (options_.norm == "post") {
    const Var mixed = dropout(attend(index, x, terms, dropouts.weights), dropouts.attention);
    Var normed = layer.attention_norm->of_sum(x, mixed).normed;
    if (!feeds_forward) return normed;
    const Var wide = dropout(feed_forward(layer, normed), dropouts.feed_forward);
    return layer.feed_forward_norm->of_sum(normed, wide).normed;
  }
  const Var mixed = dropout(
      attend(index, layer.attention_norm ? (*layer.attention_norm)(x) : x, terms, dropouts.weights),
      dropouts.attention);
  if (!feeds_forward) return add(x, mixed);
  const SumAndNorm middle = layer.feed_forward_norm->of_sum(x, mixed);
  return add(middle.sum, dropout(feed_forward(layer, middle.normed), dropouts.feed_forward));
}

Var Transformer::run(std::span<const int32_t> tokens, int64_t batch, int64_t length,
                     std::span<const int64_t> labelled, const ForwardPass& pass,
                     AttentionTerms& terms) const {
  const ScopeGuard scope(Scope::rest);
  DropoutKeys keys(pass);
  const double scale = position_info_.embeds ? std::sqrt(static_cast<double>(options_.width)) : 1.0;
  Var x = embedding(tokens, batch, length, embedding_, scale);
  if (position_info_.embeds) x = positions_.front()->embed(x, terms.mask.first);
  x = dropout(x, keys.next(options_.dropout));
  if (position_info_.biases) {
    int64_t last = length - 1;  // the last position of any query
    for (const int64_t first : terms.mask.first) last = std::max(last, first + length - 1);
    for (const auto& position : positions_) {
      terms.biases.push_back(position->bias(-last, length - 1));
    }
  }
  for (size_t index = 0; index < layers_.size(); ++index) {
    LayerDropout dropouts;
    dropouts.weights = keys.next(options_.attention_dropout);
    dropouts.attention = keys.next(options_.dropout);
    if (layers_[index].feed_forward_norm) dropouts.feed_forward = keys.next(options_.dropout);
    // `terms` goes by value: this pass is over when the backward pass runs the layer again.
    x = pass.checkpoint_layers
            ? checkpointed(x, [this, index, terms, dropouts](
                                  const Var& in) { return run_layer(index, in, terms, dropouts); })
            : run_layer(index, x, terms, dropouts);
  }
  const ScopeGuard head_scope(Scope::head);
  x = gather_rows(x, labelled);
  if (final_norm_) x = (*final_norm_)(x);
  return options_.head == "tied" ? linear_transposed(x, embedding_) : head_(x);
}

Var Transformer::logits(std::span<const int32_t> tokens, int64_t batch, int64_t length,
                        std::span<const int64_t> labelled, const ForwardPass& pass) const {
  AttentionTerms terms;
  terms.mask.causal = options_.causal();
  terms.mask.keys = pass.row_lengths;
  return run(tokens, batch, length, labelled, pass, terms);
}

ModelState Transformer::begin_decode(int64_t batch, int64_t max_tokens) const {
  check(decodes(), "begin_decode of a model that does not decode");
  ModelState state;
  state.max_tokens = max_tokens;
  state.tokens.assign(static_cast<size_t>(batch), 0);
  const ScopeGuard scope(Scope::attention);
  for (const Layer& layer : layers_) {
    state.layers.push_back(layer.attention->begin_decode(batch, max_tokens));
  }
  return state;
}

Var Transformer::extend(ModelState& state, std::span<const int32_t> tokens, int64_t length,
                        std::span<const int64_t> labelled, std::span<const int64_t> taken) const {
  check(!is_recording(), "extend records nothing: found a recording");
  const std::vector<int64_t> first = state.tokens;
  for (size_t b = 0; b < first.size(); ++b) {
    const int64_t added = taken.empty() ? length : taken[b];
    check_in_range(added, 0, length + 1, "extend: tokens taken of a row");
    state.tokens[b] += added;
    check_in_range(state.tokens[b], 0, state.max_tokens + 1, "extend: tokens of a row");
  }
  AttentionTerms terms;
  terms.mask = {true, first, state.tokens};
  terms.state = &state;
  return run(tokens, static_cast<int64_t>(first.size()), length, labelled, {}, terms);
}

}  // namespace lengthwise
