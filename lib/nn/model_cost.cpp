#include "nn/model_cost.h"

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "nn/planned_stack.h"

namespace lengthwise {
namespace {

using Value = StepPlan::Value;
using Block = StepPlan::Block;

// Mirrors Transformer as PlannedStack does.
class PlannedModel {
 public:
  PlannedModel(StepPlan& plan, const ModelSetup& setup, const ModelPatterns& patterns,
               const PositionScheme& scheme, const BatchSizes& sizes, int threads)
      : plan_(plan),
        options_(setup.model),
        sizes_(sizes),
        operations_(plan, options_, setup.vocabulary),
        positions_(scheme.info, position_shares(options_, patterns, scheme.info)) {
    check_equal(options_.has_source(), sizes.source_length > 0, "model_cost: a source's length");
    size_t first_part = 0;
    for (const StackSetup& stack : stacks_of(options_, patterns)) {
      const bool is_encoder = options_.has_source() && stack.cross == nullptr;
      stacks_.emplace_back(
          operations_, options_, positions_, stack, first_part,
          PlannedStackSizes{sizes.batch, is_encoder ? sizes.source_length : sizes.length,
                            sizes.source_length, threads, sizes.checkpoint_layers});
      first_part += stack.self->size();
    }
    // The model's own parameters, by name, without their values.
    const Transformer counted(setup, patterns, scheme, ParameterSet::counting());
    for (const Parameter& parameter : counted.parameters()) {
      operations_.add_parameter(parameter.name, elements(parameter.shape));
    }
  }
  PlannedModel(const PlannedModel&) = delete;
  PlannedModel& operator=(const PlannedModel&) = delete;

  Value loss() {
    Value logits = run();
    plan_.scope = Scope::head;
    return operations_.cross_entropy(logits, sizes_.labelled);
  }

  /// Another model's tables as a pass has left them, where this one's begin.
  void keep_tables(const PlannedModel& used) {
    for (size_t i = 0; i < positions_.tables.size(); ++i) {
      positions_.tables[i].least = used.positions_.tables[i].positions;
    }
  }
  int64_t state_bytes() const { return stacks_.back().state_bytes(); }
  int64_t parameter_count() const { return operations_.parameter_count(); }

 private:
  Value encode() {
    PlannedStack& encoder = stacks_.front();
    const Value x = encoder.run(std::nullopt);
    Value memory = options_.norm == "pre" ? operations_.norm(x, "encoder.final_norm") : x;
    encoder.end_pass();
    return memory;
  }

  Value run() {
    plan_.scope = Scope::rest;
    std::optional<Value> memory;
    if (options_.has_source()) memory = encode();
    Value x = stacks_.back().run(memory);
    plan_.scope = Scope::head;
    x = operations_.gather(x, sizes_.labelled);
    if (options_.norm == "pre") x = operations_.norm(x, "final_norm");
    Value logits =
        options_.head == "tied" ? operations_.tied_head(x) : operations_.linear(x, "head");
    stacks_.back().end_pass();
    return logits;
  }

  StepPlan& plan_;
  ModelOptions options_;
  BatchSizes sizes_;
  PlannedOperations operations_;
  PlannedPositions positions_;
  std::vector<PlannedStack> stacks_;
};

// Tokens [B,T], labels and their positions [N], and the source [B,S], if there is one.
std::vector<Block> batch_blocks(StepPlan& plan, const BatchSizes& sizes) {
  std::vector<Block> blocks = {plan.allocate(4 * sizes.batch * sizes.length, Tag::data),
                               plan.allocate(8 * sizes.labelled, Tag::data),
                               plan.allocate(4 * sizes.labelled, Tag::data)};
  if (sizes.source_length > 0) {
    blocks.push_back(plan.allocate(4 * sizes.batch * sizes.source_length, Tag::data));
  }
  return blocks;
}

// Two moments of all parameters.
std::vector<Block> optimizer_blocks(StepPlan& plan, const PlannedModel& model) {
  return {plan.floats(model.parameter_count(), Tag::optimizer),
          plan.floats(model.parameter_count(), Tag::optimizer)};
}

}  // namespace

ModelCost model_cost(const ModelSetup& setup, const BatchSizes& sizes, int threads) {
  return model_cost(setup, ModelPatterns(setup), position_scheme(setup.position), sizes, threads);
}

ModelCost model_cost(const ModelSetup& setup, const ModelPatterns& patterns,
                     const PositionScheme& scheme, const BatchSizes& sizes, int threads) {
  ModelCost cost;
  StepPlan plan(true);
  PlannedModel model(plan, setup, patterns, scheme, sizes, threads);
  {
    StepPlan inference(false);
    PlannedModel first(inference, setup, patterns, scheme, sizes, threads);
    const auto batch = batch_blocks(inference, sizes),
               optimizer = optimizer_blocks(inference, first);
    first.loss();
    cost.inference_peak_bytes = inference.peak_bytes();
    model.keep_tables(first);
  }
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
