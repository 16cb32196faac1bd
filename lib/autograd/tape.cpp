#include "autograd/tape.h"

#include <algorithm>

#include "base/check.h"

namespace lengthwise {
namespace {

Tape*& current_tape() {
  static Tape* tape = nullptr;
  return tape;
}

}  // namespace

float* Gradient::data() {
  if (empty()) buffer_ = Tensor::zeros({size_}, Tag::gradients, scope_);
  return buffer_.data();
}

Recording::Recording(Tape& tape) : before_(current_tape()) { current_tape() = &tape; }
Recording::~Recording() { current_tape() = before_; }

bool is_recording() { return current_tape() != nullptr; }

Var record(Tensor output, std::initializer_list<Var> inputs, Backward backward) {
  const bool needed = std::any_of(inputs.begin(), inputs.end(),
                                  [](const Var& input) { return input.needs_gradient(); });
  if (!is_recording() || !needed) return Var(std::move(output));
  auto gradient = std::make_shared<Gradient>(output.size());
  current_tape()->nodes_.push_back({gradient, std::move(backward), current_scope()});
  return {std::move(output), std::move(gradient)};
}

void Tape::backward(const Var& loss) {
  check_equal(loss.value().size(), 1, "elements of the loss");
  check(loss.needs_gradient(), "backward of a loss that no parameter enters");
  loss.gradient()->data()[0] = 1.0F;
  while (!nodes_.empty()) {
    {
      const Node& node = nodes_.back();
      if (!node.output->empty()) {
        const ScopeGuard scope(node.scope);
        node.backward(node.output->values());
        node.output->clear();
      }
    }
    nodes_.pop_back();
  }
}

}  // namespace lengthwise
