#include "nn/transformer.h"

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
  v.integer("layers", layers, {1, 1024}, "transformer layers");
  v.integer("width", width, {1, 1 << 20}, "model width C");
  v.integer("heads", heads, {1, 1 << 16}, "attention heads; must divide the width");
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

void check_model(const ModelSetup& setup) {
  const AttentionInfo& attention = attention_variant(setup.attention).info;
  if (setup.model.width % setup.model.heads != 0) {
    user_error("model.heads: found {}, expected a divisor of model.width = {}", setup.model.heads,
               setup.model.width);
  }
  // Whatever its makers refuse of their options, without building anything.
  (void)Transformer(setup, ParameterSet::counting());
  if (setup.model.attention_dropout > 0 && !attention.forms_weights) {
    user_error("model.attention_dropout: {} forms no weights to drop; found {}, expected 0",
               attention.name, setup.model.attention_dropout);
  }
}

Transformer::Transformer(const ModelSetup& setup, ParameterSet parameters)
    : options_(setup.model),
      attention_info_(attention_variant(setup.attention).info),
      position_info_(position_scheme(setup.position).info),
      parameters_(std::move(parameters)) {
  embedding_ =
      parameters_.add("embedding", {setup.vocabulary, options_.width}, options_.initial_deviation);
  position_ = position_scheme(setup.position)
                  .make({.model_width = options_.width,
                         .heads = heads(),
                         .head_width = options_.width / heads(),
                         .options = setup.position_options,
                         .parameters = parameters_.scoped("position"),
                         .random_key = hash_text("position", setup.seed)});
  for (int64_t index = 0; index < options_.layers; ++index) {
    layers_.push_back(make_layer(index, setup));
  }
  if (options_.norm == "pre") final_norm_ = make_norm("final_norm");
  if (options_.head == "free") head_ = make_linear("head", options_.width, setup.vocabulary);
}

int64_t Transformer::heads() const {
  return attention_info_.projection == Projection::none ? 1 : options_.heads;
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
  Layer layer;
  if (attention_info_.projection == Projection::query_key_value) {
    layer.query = make_linear(name + "query", width, width);
    layer.key = make_linear(name + "key", width, width);
    layer.value = make_linear(name + "value", width, width);
    layer.output = make_linear(name + "output", width, width);
  }
  AttentionSizes sizes;
  sizes.heads = sizes.key_value_heads = heads();
  sizes.head_width = width / heads();
  sizes.model_width = width;
  layer.attention = attention_variant(setup.attention)
                        .make({.sizes = sizes,
                               .options = setup.attention_options,
                               .parameters = parameters_.scoped(name + "attention"),
                               .random_key = hash_text(name, setup.seed)});
  const bool reads_norm = options_.norm == "post" || !layer.attention->reads_before_norm();
  if (reads_norm) layer.attention_norm = make_norm(name + "attention_norm");
  if (hidden > 0) {
    layer.feed_forward_norm = make_norm(name + "feed_forward_norm");
    layer.widen = make_linear(name + "widen", width, hidden);
    layer.narrow = make_linear(name + "narrow", hidden, width);
  }
  return layer;
}

Var Transformer::attend(const Layer& layer, const Var& x, const ScoreBias* bias,
                        const Dropout& dropout) const {
  const int64_t batch = x.extent(0), length = x.extent(1), width = x.extent(2);
  const Shape by_head = {batch, length, heads(), width / heads()};
  const bool projects = attention_info_.projection == Projection::query_key_value;
  AttentionInput in;
  in.x = in.memory = x;
  in.mask.causal = true;
  in.bias = bias;
  in.dropout = dropout;
  {
    const ScopeGuard scope(Scope::projections);
    in.q = (projects ? layer.query(x) : x).reshaped(by_head);
    in.k = (projects ? layer.key(x) : x).reshaped(by_head);
    in.v = (projects ? layer.value(x) : x).reshaped(by_head);
    if (position_info_.rotates) {
      in.q = position_->rotate(in.q, Side::query, in.mask.first);
      in.k = position_->rotate(in.k, Side::key, in.mask.first);
    }
  }
  Var mixed;
  {
    const ScopeGuard scope(Scope::attention);
    mixed = layer.attention->attend(in).reshaped(x.shape());
  }
  if (!projects) return mixed;
  const ScopeGuard scope(Scope::projections);
  return layer.output(mixed);
}

Var Transformer::feed_forward(const Layer& layer, const Var& x) const {
  const ScopeGuard scope(Scope::feed_forward);
  return layer.narrow(gelu(layer.widen(x)));
}

Var Transformer::logits(std::span<const int32_t> tokens, int64_t batch, int64_t length,
                        std::span<const int64_t> labelled, const ForwardPass& pass) const {
  const ScopeGuard scope(Scope::rest);
  const bool pre_norm = options_.norm == "pre";
  DropoutKeys keys(pass);
  const double scale = position_info_.embeds ? std::sqrt(static_cast<double>(options_.width)) : 1.0;
  Var x = embedding(tokens, batch, length, embedding_, scale);
  if (position_info_.embeds) x = position_->embed(x, {});
  x = dropout(x, keys.next(options_.dropout));
  ScoreBias bias;
  if (position_info_.biases) bias = position_->bias(1 - length, length - 1);
  const ScoreBias* shared_bias = position_info_.biases ? &bias : nullptr;
  for (const Layer& layer : layers_) {
    const Dropout weight_dropout = keys.next(options_.attention_dropout);
    const Var mixed =
        attend(layer, pre_norm && layer.attention_norm ? (*layer.attention_norm)(x) : x,
               shared_bias, weight_dropout);
    x = add(x, dropout(mixed, keys.next(options_.dropout)));
    if (!pre_norm) x = (*layer.attention_norm)(x);
    if (!layer.feed_forward_norm) continue;
    const Var wide = feed_forward(layer, pre_norm ? (*layer.feed_forward_norm)(x) : x);
    x = add(x, dropout(wide, keys.next(options_.dropout)));
    if (!pre_norm) x = (*layer.feed_forward_norm)(x);
  }
  const ScopeGuard head_scope(Scope::head);
  x = gather_rows(x, labelled);
  if (final_norm_) x = (*final_norm_)(x);
  return options_.head == "tied" ? linear_transposed(x, embedding_) : head_(x);
}

}  // namespace lengthwise
