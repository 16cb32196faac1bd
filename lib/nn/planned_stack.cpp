#include "nn/planned_stack.h"

#include <algorithm>

#include "base/check.h"

namespace lengthwise {

using Value = PlannedStack::Value;
using Block = PlannedStack::Block;

PlannedStack::PlannedStack(PlannedOperations& operations, const ModelOptions& options,
                           PlannedPositions& positions, const StackSetup& of, size_t first_part,
                           const PlannedStackSizes& sizes)
    : operations_(operations),
      plan_(operations.plan()),
      options_(options),
      positions_(positions),
      prefix_(of.prefix),
      sizes_(sizes) {
  for (const AttentionPart& part : *of.self) {
    self_.push_back(planned_part(part, sizes.length, of.causal));
    self_.back().position = positions.shares.of_part[first_part++];
  }
  if (of.cross == nullptr) return;
  for (const AttentionPart& part : *of.cross) {
    cross_.push_back(planned_part(part, sizes.memory_length, /*causal=*/false));
  }
}

PlannedStack::Part PlannedStack::planned_part(const AttentionPart& part, int64_t keys,
                                              bool causal) const {
  const AttentionVariant& variant = *part.variant;
  check(static_cast<bool>(variant.cost), "model_cost of a variant that predicts none");
  AttentionSizes sizes = attention_sizes(options_, variant.info, causal);
  sizes.batch = sizes_.batch;
  sizes.queries = sizes_.length;
  sizes.keys = keys;
  sizes.threads = sizes_.threads;
  return {variant.info, variant.cost(sizes, part.options)};
}

int64_t PlannedStack::state_bytes() const {
  int64_t bytes = 0;
  for (int64_t layer = 0; layer < options_.layers; ++layer) {
    bytes += part(self_, layer).cost.state_bytes;
    if (cross_.empty()) continue;
    // Keys and values of the source.
    const AttentionSizes of_cross =
        attention_sizes(options_, part(cross_, layer).info, /*causal=*/false);
    bytes += 2 * ledger_bytes(4 * sizes_.batch * sizes_.memory_length * of_cross.key_value_heads *
                              of_cross.head_width);
  }
  return bytes;
}

void PlannedStack::tabulate(size_t position, int64_t width) {
  PlannedPositions::Table& table = positions_.tables[position];
  if (!positions_.info.tabulates || table.positions >= sizes_.length) return;
  table.positions = std::max({sizes_.length, 2 * table.positions, table.least});
  table.block = plan_.floats(table.positions * width, Tag::data);
}

Value PlannedStack::rotate(const Value& x, size_t position) {
  tabulate(position, positions_.shares.sizes[position].head_width);
  return plan_.record(plan_.result(x.floats), {}, {x}, {});
}

Value PlannedStack::embed(const Value& x) {
  tabulate(0, options_.width);
  return plan_.record(plan_.result(x.floats), {}, operations_.with_parameters({x}, "position."),
                      {});
}

Value PlannedStack::mix(const std::string& parameters, const AttentionCost& cost, const Value& q,
                        const Value& k, const Value& v, const Block& bias) {
  const Value out = plan_.result(q.floats);
  const Block saved =
      plan_.allocate(cost.saved_bytes, plan_.recording() ? Tag::activations : Tag::workspace);
  { const Block workspace = plan_.allocate(cost.forward.workspace_bytes, Tag::workspace); }
  plan_.count(cost.forward.flops, cost.forward.exponentials);
  std::vector<Block> kept = {q.block, k.block, v.block, saved};
  if (cost.saves_output) kept.push_back(out.block);
  if (cost.saves_bias && bias) kept.push_back(bias);
  return plan_.record(out, kept, operations_.with_parameters({q, k, v}, parameters),
                      [this, backward = cost.backward] {
                        const Block workspace =
                            plan_.allocate(backward.workspace_bytes, Tag::workspace);
                        plan_.count(backward.flops, backward.exponentials);
                      });
}

Value PlannedStack::attend(const std::string& layer, const Part& part, const Value& stream) {
  const Value x =
      options_.norm == "pre" ? operations_.norm(stream, layer + "attention_norm") : stream;
  plan_.scope = Scope::projections;
  Value q = operations_.linear(x, layer + "query");
  Value k = operations_.linear(x, layer + "key");
  const Value v = operations_.linear(x, layer + "value");
  if (positions_.info.rotates && part.info.takes_positions) {
    q = rotate(q, part.position);
    k = rotate(k, part.position);
  }
  plan_.scope = Scope::attention;
  // Of a layer that runs again the biases are held by what runs it.
  const bool is_biased = part.info.takes_positions && part.position < biases_.size();
  const Value mixed =
      mix(layer + "attention.", part.cost, q, k, v, is_biased ? biases_[part.position] : Block());
  plan_.scope = Scope::projections;
  Value out = operations_.linear(mixed, layer + "output");
  plan_.scope = Scope::rest;
  return out;
}

Value PlannedStack::attend_across(const std::string& layer, const Part& part, const Value& x,
                                  const Value& memory) {
  plan_.scope = Scope::projections;
  const Value q = operations_.linear(x, layer + "cross_query");
  const Value k = operations_.linear(memory, layer + "cross_key");
  const Value v = operations_.linear(memory, layer + "cross_value");
  plan_.scope = Scope::attention;
  const Value mixed = mix(layer + "cross_attention.", part.cost, q, k, v, Block());
  plan_.scope = Scope::projections;
  Value out = operations_.linear(mixed, layer + "cross_output");
  plan_.scope = Scope::rest;
  return out;
}

Value PlannedStack::feed_forward(const std::string& layer, const Value& x) {
  plan_.scope = Scope::feed_forward;
  const Value wide = operations_.linear_gelu(x, layer + "widen");
  Value out = operations_.linear(wide, layer + "narrow");
  plan_.scope = Scope::rest;
  return out;
}

Value PlannedStack::run_post_norm(int64_t index, const Value& x, const Memory& memory) {
  const std::string layer = layer_name(index);
  const Value mixed = operations_.dropout(attend(layer, part(self_, index), x));
  Value normed = operations_.add_part(x, mixed, layer + "attention_norm").second;
  if (memory) {
    const Value crossed =
        operations_.dropout(attend_across(layer, part(cross_, index), normed, *memory));
    normed = operations_.add_part(normed, crossed, layer + "cross_norm").second;
  }
  if (options_.hidden_width() == 0) return normed;
  const Value wide = operations_.dropout(feed_forward(layer, normed));
  return operations_.add_part(normed, wide, layer + "feed_forward_norm").second;
}

Value PlannedStack::run_layer(int64_t index, const Value& x, const Memory& memory) {
  if (options_.norm == "post") return run_post_norm(index, x, memory);
  const std::string layer = layer_name(index);
  Value stream = x;
  Value mixed = operations_.dropout(attend(layer, part(self_, index), x));
  if (memory) {
    const auto between = operations_.add_part(stream, mixed, layer + "cross_norm");
    stream = between.first;
    mixed = operations_.dropout(attend_across(layer, part(cross_, index), between.second, *memory));
  }
  if (options_.hidden_width() == 0) return operations_.add_part(stream, mixed);
  const auto [sum, normed] = operations_.add_part(stream, mixed, layer + "feed_forward_norm");
  return operations_.add_part(sum, operations_.dropout(feed_forward(layer, normed)));
}

Value PlannedStack::run(const std::optional<Value>& memory) {
  plan_.scope = Scope::rest;
  Value x = operations_.embedding(sizes_.batch * sizes_.length);
  if (positions_.info.embeds) x = embed(x);
  x = operations_.dropout(x);
  if (positions_.info.biases) {
    for (const AttentionSizes& sizes : positions_.shares.sizes) {
      biases_.push_back(plan_.result(sizes.heads * (2 * sizes_.length - 1)).block);
    }
  }
  for (int64_t index = 0; index < options_.layers; ++index) {
    x = sizes_.checkpoint_layers
            ? plan_.checkpointed(x, [this, index, memory, biases = biases_](
                                        const Value& in) { return run_layer(index, in, memory); })
            : run_layer(index, x, memory);
  }
  return x;
}

}  // namespace lengthwise
