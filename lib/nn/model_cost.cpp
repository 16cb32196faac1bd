#include "nn/model_cost.h"

#include <algorithm>

#include "base/check.h"
#include "nn/step_plan.h"

namespace lengthwise {
namespace {

using Value = StepPlan::Value;
using Block = StepPlan::Block;

// Mirrors Transformer line by line: what is a variable there is one here, so that bytes live as
// long.
class PlannedModel {
 public:
  PlannedModel(StepPlan& plan, const ModelSetup& setup, const AttentionPattern& pattern,
               const PositionScheme& scheme, const BatchSizes& sizes, int threads)
      : plan_(plan),
        options_(setup.model),
        position_info_(scheme.info),
        shares_(position_shares(setup.model, pattern, scheme.info)),
        sizes_(sizes),
        vocabulary_(setup.vocabulary),
        tables_(shares_.sizes.size()) {
    for (size_t i = 0; i < pattern.size(); ++i) {
      const AttentionVariant& variant = *pattern[i].variant;
      AttentionSizes attention = attention_sizes(setup.model, variant.info);
      attention.batch = sizes.batch;
      attention.queries = attention.keys = sizes.length;
      attention.threads = threads;
      check(static_cast<bool>(variant.cost), "model_cost of a variant that predicts none");
      parts_.push_back(
          {variant.info, variant.cost(attention, pattern[i].options), shares_.of_part[i]});
    }
    // The model's own parameters, by name, without their values.
    const Transformer counted(setup, pattern, scheme, ParameterSet::counting());
    for (const Parameter& parameter : counted.parameters()) {
      parameters_.emplace_back(parameter.name, plan_.parameter(elements(parameter.shape)));
    }
  }

  Value loss() {
    const int64_t rows = sizes_.labelled;
    const Value logits = run();
    plan_.scope = Scope::head;
    // cross_entropy
    const Block log_sums = plan_.result(rows).block;
    Value loss = plan_.result(1);
    const Block targets = plan_.allocate(4 * rows, Tag::data);
    plan_.count(0, rows * vocabulary_);
    return plan_.record(loss, {logits.block, log_sums, targets}, {logits},
                        [this, rows] { plan_.count(0, rows * vocabulary_); });
  }

  int64_t state_bytes() const {
    int64_t bytes = 0;
    for (int64_t layer = 0; layer < options_.layers; ++layer) bytes += part(layer).cost.state_bytes;
    return bytes;
  }

  int64_t parameter_count() const {
    int64_t count = 0;
    for (const auto& [name, value] : parameters_) count += value.floats;
    return count;
  }
  const std::vector<std::pair<std::string, Value>>& parameters() const { return parameters_; }

 private:
  struct Part {
    AttentionInfo info;
    AttentionCost cost;
    size_t position;  // its object of the scheme
  };

  const Part& part(int64_t layer) const {
    return parts_[static_cast<size_t>(layer) % parts_.size()];
  }

  int64_t tokens() const { return sizes_.batch * sizes_.length; }

  bool has(const std::string& name) const {
    return std::any_of(parameters_.begin(), parameters_.end(),
                       [&](const auto& parameter) { return parameter.first == name; });
  }
  const Value& parameter(const std::string& name) const {
    const auto found = std::find_if(parameters_.begin(), parameters_.end(),
                                    [&](const auto& parameter) { return parameter.first == name; });
    check(found != parameters_.end(), "model_cost: no parameter " + name);
    return found->second;
  }

  // The inputs and the parameters that a plug-in has under this prefix.
  std::vector<Value> with_parameters(std::vector<Value> inputs, const std::string& prefix) const {
    for (const auto& [name, value] : parameters_) {
      if (name.starts_with(prefix)) inputs.push_back(value);
    }
    return inputs;
  }

  Value linear(const Value& x, const std::string& name) {
    const Value &weight = parameter(name + ".weight"), &bias = parameter(name + ".bias");
    const int64_t n = bias.floats, k = weight.floats / n, rows = x.floats / k;
    plan_.count(2 * rows * n * k, 0);
    return plan_.record(plan_.result(rows * n), {x.block}, {x, weight, bias},
                        [this, rows, n, k] { plan_.count(4 * rows * n * k, 0); });
  }

  Value tied_head(const Value& x) {
    const Value& table = parameter("embedding");
    const int64_t n = vocabulary_, k = options_.width, rows = x.floats / k;
    plan_.count(2 * rows * n * k, 0);
    return plan_.record(plan_.result(rows * n), {x.block}, {x, table},
                        [this, rows, n, k] { plan_.count(4 * rows * n * k, 0); });
  }

  Value norm(const Value& x, const std::string& name) {
    const Value out = plan_.result(x.floats);
    const Block moments = plan_.result(2 * x.floats / options_.width).block;
    return plan_.record(out, {x.block, moments},
                        {x, parameter(name + ".gain"), parameter(name + ".bias")}, {});
  }

  // The sum and its norm.
  std::pair<Value, Value> add_norm(const Value& a, const Value& b, const std::string& name) {
    const Value sum = plan_.result(a.floats), out = plan_.result(a.floats);
    const Block moments = plan_.result(2 * a.floats / options_.width).block;
    Value recorded = plan_.record(sum, {}, {a, b}, {});
    Value normed =
        plan_.record(out, {sum.block, moments},
                     {recorded, parameter(name + ".gain"), parameter(name + ".bias")}, {});
    return {std::move(recorded), std::move(normed)};
  }

  Value add(const Value& a, const Value& b) {
    return plan_.record(plan_.result(a.floats), {}, {a, b}, {});
  }

  Value dropout(const Value& x) {
    if (options_.dropout == 0 || !plan_.recording()) return x;
    return plan_.record(plan_.result(x.floats), {}, {x}, [this, n = x.floats] {
      const Block kept = plan_.floats(n, Tag::workspace);
    });
  }

  Value linear_gelu(const Value& x, const std::string& name) {
    const Value &weight = parameter(name + ".weight"), &bias = parameter(name + ".bias");
    const int64_t n = bias.floats, k = weight.floats / n, rows = x.floats / k;
    const Value in = plan_.result(rows * n);
    const Value out = plan_.recording() ? plan_.result(rows * n) : in;
    plan_.count(2 * rows * n * k, rows * n);
    return plan_.record(out, {x.block, in.block}, {x, weight, bias}, [this, rows, n, k] {
      const Block slopes = plan_.floats(rows * n, Tag::workspace);
      plan_.count(4 * rows * n * k, 2 * rows * n);
    });
  }

  // Tables are kept by an object of the scheme from its first use on.
  void tabulate(size_t position, int64_t width) {
    if (position_info_.tabulates && !tables_[position]) {
      tables_[position] = plan_.floats(sizes_.length * width, Tag::data);
    }
  }

  Value rotate(const Value& x, size_t position) {
    tabulate(position, shares_.sizes[position].head_width);
    return plan_.record(plan_.result(x.floats), {}, {x}, {});
  }

  Value embed(const Value& x) {
    tabulate(0, options_.width);
    return plan_.record(plan_.result(x.floats), {}, with_parameters({x}, "position."), {});
  }

  Value mix(const std::string& layer, const Part& part, const Value& q, const Value& k,
            const Value& v) {
    const AttentionCost& cost = part.cost;
    const Value out = plan_.result(tokens() * options_.width);
    const Block saved =
        plan_.allocate(cost.saved_bytes, plan_.recording() ? Tag::activations : Tag::workspace);
    { const Block workspace = plan_.allocate(cost.forward.workspace_bytes, Tag::workspace); }
    plan_.count(cost.forward.flops, cost.forward.exponentials);
    std::vector<Block> kept = {q.block, k.block, v.block, saved};
    if (cost.saves_output) kept.push_back(out.block);
    // Of a layer that runs again the biases are held by what runs it.
    const bool is_biased = part.info.takes_positions && part.position < biases_.size();
    if (cost.saves_bias && is_biased) kept.push_back(biases_[part.position]);
    return plan_.record(out, kept, with_parameters({q, k, v}, layer + "attention."),
                        [this, backward = cost.backward] {
                          const Block workspace =
                              plan_.allocate(backward.workspace_bytes, Tag::workspace);
                          plan_.count(backward.flops, backward.exponentials);
                        });
  }

  Value attend(const std::string& layer, const Part& part, const Value& x) {
    const bool projects = part.info.projection == Projection::query_key_value;
    plan_.scope = Scope::projections;
    Value q = projects ? linear(x, layer + "query") : x;
    Value k = projects ? linear(x, layer + "key") : x;
    const Value v = projects ? linear(x, layer + "value") : x;
    if (position_info_.rotates && part.info.takes_positions) {
      q = rotate(q, part.position);
      k = rotate(k, part.position);
    }
    plan_.scope = Scope::attention;
    const Value mixed = mix(layer, part, q, k, v);
    plan_.scope = projects ? Scope::projections : Scope::rest;
    Value out = projects ? linear(mixed, layer + "output") : mixed;
    plan_.scope = Scope::rest;
    return out;
  }

  Value feed_forward(const std::string& layer, const Value& x) {
    plan_.scope = Scope::feed_forward;
    const Value wide = linear_gelu(x, layer + "widen");
    Value out = linear(wide, layer + "narrow");
    plan_.scope = Scope::rest;
    return out;
  }

  Value run_layer(int64_t index, const Value& x) {
    const std::string layer = "layers." + std::to_string(index) + ".";
    const bool feeds_forward = options_.hidden_width() > 0;
    if (options_.norm == "post") {
      const Value mixed = dropout(attend(layer, part(index), x));
      Value normed = add_norm(x, mixed, layer + "attention_norm").second;
      if (!feeds_forward) return normed;
      const Value wide = dropout(feed_forward(layer, normed));
      return add_norm(normed, wide, layer + "feed_forward_norm").second;
    }
    const Value mixed = [&] {
      const bool norms = has(layer + "attention_norm.gain");
      const Value in = norms ? norm(x, layer + "attention_norm") : x;
      return dropout(attend(layer, part(index), in));
    }();
    if (!feeds_forward) return add(x, mixed);
    const auto [sum, normed] = add_norm(x, mixed, layer + "feed_forward_norm");
    return add(sum, dropout(feed_forward(layer, normed)));
  }

  Value run() {
    plan_.scope = Scope::rest;
    Value x = embedding();
    if (position_info_.embeds) x = embed(x);
    x = dropout(x);
    if (position_info_.biases) {
      for (const AttentionSizes& sizes : shares_.sizes) {
        biases_.push_back(plan_.result(sizes.heads * (2 * sizes_.length - 1)).block);
      }
    }
    for (int64_t index = 0; index < options_.layers; ++index) {
      x = sizes_.checkpoint_layers
              ? plan_.checkpointed(x, [this, index, biases = biases_](
                                          const Value& in) { return run_layer(index, in); })
              : run_layer(index, x);
    }
    plan_.scope = Scope::head;
    x = gather(x);
    if (options_.norm == "pre") x = norm(x, "final_norm");
    Value logits = options_.head == "tied" ? tied_head(x) : linear(x, "head");
    biases_.clear();
    return logits;
  }

  Value embedding() {
    const Value out = plan_.result(tokens() * options_.width);
    const Block saved = plan_.allocate(4 * tokens(), Tag::data);
    return plan_.record(out, {saved}, {parameter("embedding")}, {});
  }

  Value gather(const Value& x) {
    const Value out = plan_.result(sizes_.labelled * options_.width);
    const Block saved = plan_.allocate(8 * sizes_.labelled, Tag::data);
    return plan_.record(out, {saved}, {x}, {});
  }

  StepPlan& plan_;
  ModelOptions options_;
  PositionInfo position_info_;
  PositionShares shares_;
  BatchSizes sizes_;
  int64_t vocabulary_;
  std::vector<Part> parts_;
  std::vector<std::pair<std::string, Value>> parameters_;
  std::vector<Block> tables_, biases_;  // of each object of the scheme
};

// Tokens [B,T] and labels and their positions [N].
std::vector<Block> batch_blocks(StepPlan& plan, const BatchSizes& sizes) {
  return {plan.allocate(4 * sizes.batch * sizes.length, Tag::data),
          plan.allocate(8 * sizes.labelled, Tag::data),
          plan.allocate(4 * sizes.labelled, Tag::data)};
}

// Two moments of all parameters.
std::vector<Block> optimizer_blocks(StepPlan& plan, const PlannedModel& model) {
  return {plan.floats(model.parameter_count(), Tag::optimizer),
          plan.floats(model.parameter_count(), Tag::optimizer)};
}

}  // namespace

ModelCost model_cost(const ModelSetup& setup, const BatchSizes& sizes, int threads) {
  return model_cost(setup, attention_pattern(setup.attention, setup.attention_options),
                    position_scheme(setup.position), sizes, threads);
}

ModelCost model_cost(const ModelSetup& setup, const AttentionPattern& pattern,
                     const PositionScheme& scheme, const BatchSizes& sizes, int threads) {
  ModelCost cost;
  {
    StepPlan plan(false);
    PlannedModel model(plan, setup, pattern, scheme, sizes, threads);
    const auto batch = batch_blocks(plan, sizes), optimizer = optimizer_blocks(plan, model);
    model.loss();
    cost.inference_peak_bytes = plan.peak_bytes();
  }
  StepPlan plan(true);
  PlannedModel model(plan, setup, pattern, scheme, sizes, threads);
  const auto batch = batch_blocks(plan, sizes), optimizer = optimizer_blocks(plan, model);
  const Value loss = model.loss();
  cost.parameters = model.parameter_count();
  cost.state_bytes = setup.model.causal() ? model.state_bytes() : 0;
  cost.forward = plan.cost;
  cost.parameter_bytes = plan.live_bytes(Tag::parameters);
  cost.optimizer_bytes = plan.live_bytes(Tag::optimizer);
  cost.activation_bytes = plan.live_bytes(Tag::activations);
  cost.data_bytes = plan.live_bytes(Tag::data);
  plan.cost = {};
  plan.backward(loss);
  cost.backward = plan.cost;
  cost.gradient_bytes = plan.live_bytes(Tag::gradients);
  cost.peak_bytes = plan.peak_bytes();
  return cost;
}

}  // namespace lengthwise
