#include "laws/probe.h"

#include "base/random.h"

namespace lengthwise {

Var random_var(const Shape& shape, uint64_t name, bool needs_gradient) {
  Tensor value(shape, Tag::data);
  RandomStream stream(name, Purpose::probe);
  for (float& v : value.values()) v = static_cast<float>(stream.normal());
  return {value, needs_gradient ? std::make_shared<Gradient>(value.size()) : nullptr};
}

std::vector<double> gradient_of(const Var& variable) {
  if (variable.gradient()->empty()) {
    return std::vector<double>(static_cast<size_t>(variable.value().size()), 0.0);
  }
  return as_doubles(variable.gradient()->values());
}

void backward_with(Tape& tape, const Var& output, const Var& cotangent) {
  std::copy_n(cotangent.data(), cotangent.value().size(), output.gradient()->data());
  Tensor loss({1}, Tag::data);
  loss.data()[0] = 0;
  const Recording recording(tape);
  tape.backward(record(loss, {output}, [](std::span<const float>) {}));
}

}  // namespace lengthwise
