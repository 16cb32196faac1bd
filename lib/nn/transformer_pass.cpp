// How a model runs: in one pass, or in pieces that come one after the other.
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/random.h"
#include "nn/transformer.h"

namespace lengthwise {

// Places that drop out in one forward pass get keys of their own.
class Transformer::DropoutKeys {
 public:
  explicit DropoutKeys(const ForwardPass& pass)
      : training_(pass.training),
        stream_(pass.seed, Purpose::dropout, static_cast<uint64_t>(pass.step)) {}
  Dropout next(double rate) { return training_ ? Dropout{rate, stream_.bits()} : Dropout{}; }

 private:
  bool training_;
  RandomStream stream_;
};

namespace {

Tensor select_rows(const Tensor& tensor, std::span<const int64_t> rows) {
  Shape shape = tensor.shape();
  const int64_t batch = shape.front(), width = tensor.size() / batch;
  shape.front() = std::ssize(rows);
  Tensor chosen(shape, Tag::state);
  for (size_t i = 0; i < rows.size(); ++i) {
    check_in_range(rows[i], 0, batch, "select: a row");
    std::copy_n(tensor.data() + rows[i] * width, width,
                chosen.data() + static_cast<int64_t>(i) * width);
  }
  return chosen;
}

}  // namespace

int64_t ModelState::bytes() const {
  int64_t bytes = 0;
  for (const auto* all : {&layers, &sources}) {
    for (const DecodeState& layer : *all) {
      for (const Tensor& tensor : layer) bytes += ledger_bytes(4 * tensor.size());
    }
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

ModelState ModelState::select(std::span<const int64_t> rows) const {
  const ScopeGuard scope(Scope::attention);
  const auto selected = [&](const std::vector<DecodeState>& all) {
    std::vector<DecodeState> chosen = all;
    for (DecodeState& layer : chosen) {
      for (Tensor& tensor : layer) tensor = select_rows(tensor, rows);
    }
    return chosen;
  };
  ModelState chosen;
  chosen.max_tokens = max_tokens;
  chosen.layers = selected(layers);
  chosen.sources = selected(sources);
  for (const int64_t row : rows) {
    chosen.tokens.push_back(tokens.at(static_cast<size_t>(row)));
    if (source_lengths.empty()) continue;
    chosen.source_lengths.push_back(source_lengths.at(static_cast<size_t>(row)));
  }
  return chosen;
}

Shape Transformer::Mixer::by_head(const Var& x) const {
  return {x.extent(0), x.extent(1), sizes.heads, sizes.head_width};
}

Shape Transformer::Mixer::by_group(const Var& x) const {
  return {x.extent(0), x.extent(1), sizes.key_value_heads, sizes.head_width};
}

Var Transformer::mix(const AttentionTerms& terms, const Mixer& mixer, size_t layer,
                     const Var& stream, const AttentionInput& in) {
  Var instead;
  if (terms.observer != nullptr) {
    instead = (*terms.observer)({.layer = static_cast<int64_t>(layer),
                                 .across = mixer.across,
                                 .stream = stream,
                                 .part = mixer.part,
                                 .attention = *mixer.attention,
                                 .parameters = mixer.name,
                                 .in = in});
  }
  const ScopeGuard scope(Scope::attention);
  const Var mixed = instead.value().defined() ? instead
                    : terms.state == nullptr || mixer.across
                        ? mixer.attention->attend(in)
                        : mixer.attention->extend(terms.state->layers[layer], in);
  return mixed.reshaped(in.x.shape());
}

Var Transformer::attend(const Stack& stack, size_t index, const Var& stream,
                        const AttentionTerms& terms, const Dropout& dropout) const {
  const Mixer& mixer = stack.layers[index].self;
  const Var x = options_.norm == "pre" && mixer.norm ? (*mixer.norm)(stream) : stream;
  AttentionInput in;
  in.x = in.memory = x;
  in.mask = terms.mask;
  if (position_info_.biases && mixer.info.takes_positions) in.bias = &terms.biases[mixer.position];
  if (mixer.info.forms_weights) in.dropout = dropout;
  {
    const ScopeGuard scope(Scope::projections);
    in.q = mixer.query(x).reshaped(mixer.by_head(x));
    in.k = mixer.key(x).reshaped(mixer.by_group(x));
    in.v = mixer.value(x).reshaped(mixer.by_group(x));
    if (position_info_.rotates && mixer.info.takes_positions) {
      const Position& position = *positions_[mixer.position];
      in.q = position.rotate(in.q, Side::query, in.mask.first);
      in.k = position.rotate(in.k, Side::key, in.mask.first);
    }
  }
  const Var mixed = mix(terms, mixer, index, stream, in);
  const ScopeGuard scope(Scope::projections);
  return mixer.output(mixed);
}

Var Transformer::attend_across(const Stack& stack, size_t index, const Var& x,
                               const AttentionTerms& terms, const Dropout& dropout) const {
  const Mixer& mixer = *stack.layers[index].cross;
  AttentionInput in;
  in.x = x;
  in.memory = terms.memory;
  in.mask = terms.memory_mask;
  if (mixer.info.forms_weights) in.dropout = dropout;
  {
    const ScopeGuard scope(Scope::projections);
    in.q = mixer.query(x).reshaped(mixer.by_head(x));
    if (terms.state == nullptr) {
      in.k = mixer.key(terms.memory).reshaped(mixer.by_group(terms.memory));
      in.v = mixer.value(terms.memory).reshaped(mixer.by_group(terms.memory));
    } else {
      in.k = Var(terms.state->sources[index][0]);
      in.v = Var(terms.state->sources[index][1]);
    }
  }
  const Var mixed = mix(terms, mixer, index, x, in);
  const ScopeGuard scope(Scope::projections);
  return mixer.output(mixed);
}

Var Transformer::feed_forward(const Layer& layer, const Var& x) const {
  const ScopeGuard scope(Scope::feed_forward);
  return layer.narrow(linear_gelu(x, layer.widen.weight, layer.widen.bias, options_.gelu_form()));
}

Var Transformer::add_part(const Var& stream, const Var& part) const {
  return options_.residual ? add(stream, part) : part;
}

SumAndNorm Transformer::add_part(const Var& stream, const Var& part,
                                 const std::optional<Norm>& norm) const {
  if (options_.residual && norm) return norm->of_sum(stream, part);
  const Var sum = add_part(stream, part);
  return {sum, norm ? (*norm)(sum) : sum};
}

Var Transformer::run_post_norm(const Stack& stack, size_t index, const Var& x,
                               const AttentionTerms& terms, const LayerDropout& dropouts) const {
  const Layer& layer = stack.layers[index];
  const Var mixed = dropout(attend(stack, index, x, terms, dropouts.weights), dropouts.attention);
  Var normed = add_part(x, mixed, layer.self.norm).normed;
  if (layer.cross) {
    const Var crossed =
        dropout(attend_across(stack, index, normed, terms, dropouts.cross_weights), dropouts.cross);
    normed = add_part(normed, crossed, layer.cross->norm).normed;
  }
  if (options_.hidden_width() == 0) return normed;
  const Var wide = dropout(feed_forward(layer, normed), dropouts.feed_forward);
  return add_part(normed, wide, layer.feed_forward_norm).normed;
}

Var Transformer::run_layer(const Stack& stack, size_t index, const Var& x,
                           const AttentionTerms& terms, const LayerDropout& dropouts) const {
  if (options_.norm == "post") return run_post_norm(stack, index, x, terms, dropouts);
  const Layer& layer = stack.layers[index];
  Var stream = x;
  Var mixed = dropout(attend(stack, index, x, terms, dropouts.weights), dropouts.attention);
  if (layer.cross) {
    const SumAndNorm between = add_part(stream, mixed, layer.cross->norm);
    stream = between.sum;
    mixed = dropout(attend_across(stack, index, between.normed, terms, dropouts.cross_weights),
                    dropouts.cross);
  }
  if (options_.hidden_width() == 0) return add_part(stream, mixed);
  const SumAndNorm middle = add_part(stream, mixed, layer.feed_forward_norm);
  return add_part(middle.sum, dropout(feed_forward(layer, middle.normed), dropouts.feed_forward));
}

Var Transformer::run_stack(const Stack& stack, std::span<const int32_t> tokens, int64_t batch,
                           int64_t length, const ForwardPass& pass, AttentionTerms& terms,
                           DropoutKeys& keys) const {
  const bool scales = position_info_.embeds && options_.embedding_scale == "root_width";
  const double scale = scales ? std::sqrt(static_cast<double>(options_.width)) : 1.0;
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
  for (size_t index = 0; index < stack.layers.size(); ++index) {
    const Layer& layer = stack.layers[index];
    LayerDropout dropouts;
    dropouts.weights = keys.next(options_.attention_dropout);
    dropouts.attention = keys.next(options_.dropout);
    if (layer.cross) {
      dropouts.cross_weights = keys.next(options_.attention_dropout);
      dropouts.cross = keys.next(options_.dropout);
    }
    if (options_.hidden_width() > 0) dropouts.feed_forward = keys.next(options_.dropout);
    // `terms` goes by value: this pass is over when the backward pass runs the layer again.
    x = pass.checkpoint_layers
            ? checkpointed(x,
                           [this, &stack, index, terms, dropouts](const Var& in) {
                             return run_layer(stack, index, in, terms, dropouts);
                           })
            : run_layer(stack, index, x, terms, dropouts);
  }
  return x;
}

Var Transformer::encode(int64_t batch, const ForwardPass& pass, DropoutKeys& keys) const {
  const Stack& encoder = stacks_.front();
  AttentionTerms terms;
  terms.observer = pass.observer;
  terms.mask.keys = pass.source.row_lengths;
  const Var x =
      run_stack(encoder, pass.source.tokens, batch, pass.source.length, pass, terms, keys);
  return encoder.final_norm ? (*encoder.final_norm)(x) : x;
}

// x is let go as soon as its rows are gathered.
Var Transformer::head(Var x, std::span<const int64_t> labelled) const {
  const ScopeGuard scope(Scope::head);
  x = gather_rows(x, labelled);
  if (stacks_.back().final_norm) x = (*stacks_.back().final_norm)(x);
  return options_.head == "tied" ? linear_transposed(x, embedding_) : head_(x);
}

Var Transformer::logits(std::span<const int32_t> tokens, int64_t batch, int64_t length,
                        std::span<const int64_t> labelled, const ForwardPass& pass) const {
  check_equal(options_.has_source(), pass.source.length > 0, "logits: a source for this model");
  const ScopeGuard scope(Scope::rest);
  DropoutKeys keys(pass);
  AttentionTerms terms;
  terms.observer = pass.observer;
  if (options_.has_source()) {
    terms.memory = encode(batch, pass, keys);
    terms.memory_mask.keys = pass.source.row_lengths;
  }
  terms.mask.causal = options_.causal();
  terms.mask.keys = pass.row_lengths;
  return head(run_stack(stacks_.back(), tokens, batch, length, pass, terms, keys), labelled);
}

ModelState Transformer::begin_decode(int64_t batch, int64_t max_tokens,
                                     const Source& source) const {
  check(decodes(), "begin_decode of a model that does not decode");
  check_equal(options_.has_source(), source.length > 0, "begin_decode: a source for this model");
  ModelState state;
  state.max_tokens = max_tokens;
  state.tokens.assign(static_cast<size_t>(batch), 0);
  const std::vector<Layer>& layers = stacks_.back().layers;
  {
    const ScopeGuard scope(Scope::attention);
    for (const Layer& layer : layers) {
      state.layers.push_back(layer.self.attention->begin_decode(batch, max_tokens));
    }
  }
  if (!options_.has_source()) return state;
  const RecordingPause pause;
  const ScopeGuard scope(Scope::rest);
  ForwardPass pass;
  pass.source = source;
  DropoutKeys keys(pass);
  const Var memory = encode(batch, pass, keys);
  state.source_lengths.assign(source.row_lengths.begin(), source.row_lengths.end());
  const ScopeGuard projections(Scope::projections);
  for (const Layer& layer : layers) {
    const auto keep = [&](const Linear& projection) {
      return projection(memory).value().clone(Tag::state).reshaped(layer.cross->by_group(memory));
    };
    state.sources.push_back({keep(layer.cross->key), keep(layer.cross->value)});
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
  const ScopeGuard scope(Scope::rest);
  const ForwardPass pass;
  DropoutKeys keys(pass);
  AttentionTerms terms;
  terms.mask = {true, first, state.tokens};
  terms.memory_mask.keys = state.source_lengths;
  terms.state = &state;
  const auto batch = static_cast<int64_t>(first.size());
  return head(run_stack(stacks_.back(), tokens, batch, length, pass, terms, keys), labelled);
}

}  // namespace lengthwise
