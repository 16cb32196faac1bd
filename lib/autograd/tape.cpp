#include "autograd/tape.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/parallel.h"
#include "kernels/rows.h"

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

Gradient::Sum Gradient::sum() {
  if (!empty()) return {buffer_.data(), 1.0F};
  buffer_ = Tensor({size_}, Tag::gradients, scope_);
  return {buffer_.data(), 0.0F};
}

void Gradient::add(std::span<const float> from) {
  check_equal(static_cast<int64_t>(from.size()), size_, "elements added to a gradient");
  constexpr int64_t kGrain = 16384;
  const auto [to, beta] = sum();
  parallel_ranges(size_, kGrain, [&, to = to, beta = beta](int64_t begin, int64_t end) {
    if (beta == 0) {
      std::copy(from.begin() + begin, from.begin() + end, to + begin);
    } else {
      add_scaled_row(to + begin, 1.0F, from.data() + begin, to + begin, end - begin);
    }
  });
}

Recording::Recording(Tape& tape) : before_(current_tape()) { current_tape() = &tape; }
Recording::~Recording() { current_tape() = before_; }

RecordingPause::RecordingPause() : before_(std::exchange(current_tape(), nullptr)) {}
RecordingPause::~RecordingPause() { current_tape() = before_; }

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
  run();
}

void Tape::backward(const Var& output, std::span<const float> output_gradient) {
  check(output.needs_gradient(), "backward of an output that no parameter enters");
  output.gradient()->add(output_gradient);
  run();
}

void Tape::run() {
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
