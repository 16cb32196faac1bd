#include "nn/step_plan.h"

#include <algorithm>
#include <utility>

namespace lengthwise {

StepPlan::Block StepPlan::allocate(int64_t bytes, Tag tag) {
  const int64_t size = ledger_bytes(bytes);
  live_bytes_ += size;
  live_by_tag_[static_cast<size_t>(tag)] += size;
  peak_bytes_ = std::max(peak_bytes_, live_bytes_);
  return {new int64_t(size), [this, tag](const int64_t* block) {
            live_bytes_ -= *block;
            live_by_tag_[static_cast<size_t>(tag)] -= *block;
            delete block;
          }};
}

StepPlan::Value StepPlan::result(int64_t count) {
  return {count, floats(count, recording_ ? Tag::activations : Tag::workspace), nullptr};
}

StepPlan::Value StepPlan::parameter(int64_t count) {
  return {count, floats(count, Tag::parameters), std::make_shared<Gradient>(Gradient{count, {}})};
}

void StepPlan::count(int64_t flops, int64_t exponentials) {
  cost.flops[static_cast<size_t>(scope)] += flops;
  cost.exponentials[static_cast<size_t>(scope)] += exponentials;
}

void StepPlan::touch(Gradient& gradient) {
  if (!gradient.buffer) gradient.buffer = floats(gradient.floats, Tag::gradients);
}

StepPlan::Value StepPlan::record(Value out, std::vector<Block> saved, std::vector<Value> inputs,
                                 std::function<void()> backward) {
  std::erase_if(inputs, [](const Value& input) { return input.gradient == nullptr; });
  if (!recording_ || inputs.empty()) return out;
  for (Value& input : inputs) input.block.reset();
  out.gradient = std::make_shared<Gradient>(Gradient{out.floats, {}});
  nodes_.push_back({out.gradient, std::move(saved), std::move(inputs), std::move(backward), scope});
  return out;
}

StepPlan::Value StepPlan::checkpointed(const Value& x,
                                       const std::function<Value(const Value&)>& body) {
  if (!recording_) return body(x);
  recording_ = false;
  Value out = body({x.floats, x.block, nullptr});
  out.block = floats(out.floats, Tag::activations);
  recording_ = true;
  out.gradient = std::make_shared<Gradient>(Gradient{out.floats, {}});
  const auto run_again = [this, x, body] {
    std::vector<Node> outer = std::exchange(nodes_, {});
    const Value again = body(x);
    backward(again);
    nodes_ = std::move(outer);
  };
  nodes_.push_back({out.gradient, {}, {}, run_again, scope});
  return out;
}

void StepPlan::backward(const Value& output) {
  touch(*output.gradient);
  while (!nodes_.empty()) {
    Node& node = nodes_.back();
    scope = node.scope;
    for (const Value& input : node.inputs) touch(*input.gradient);
    if (node.backward) node.backward();
    node.output->buffer.reset();
    nodes_.pop_back();
  }
}

}  // namespace lengthwise
