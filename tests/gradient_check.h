// Holds an operation to a reference in double precision: its value, and every slope by dual
// numbers.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "autograd/operations.h"
#include "base/dual.h"
#include "base/memory.h"
#include "base/random.h"
#include "nn/definition.h"

namespace lengthwise {

inline constexpr double kForwardTolerance = 2e-5, kGradientTolerance = 2e-4;

/// Fresh buffers are NaN while one of these lives: what is never written shows.
class PoisonedBuffers {
 public:
  PoisonedBuffers() { MemoryLedger::instance().set_poison(true); }
  ~PoisonedBuffers() { MemoryLedger::instance().set_poison(false); }
  PoisonedBuffers(const PoisonedBuffers&) = delete;
  PoisonedBuffers& operator=(const PoisonedBuffers&) = delete;
};

/// Normal values that are a function of the name; they need a gradient.
inline Var random_var(const Shape& shape, uint64_t name, bool needs_gradient = true) {
  Tensor value(shape, Tag::data);
  RandomStream stream(name, Purpose::probe);
  for (float& v : value.values()) v = static_cast<float>(stream.normal());
  return {value, needs_gradient ? std::make_shared<Gradient>(value.size()) : nullptr};
}

template <class Scalar>
Array<Scalar> lifted(const Tensor& tensor) {
  Array<Scalar> array(tensor.shape());
  for (size_t i = 0; i < array.data.size(); ++i) {
    array.data[i] = Scalar(static_cast<double>(tensor.values()[i]));
  }
  return array;
}

/// max |a - b| / max |b|; NaN and infinity count as infinitely wrong.
inline double relative_error(const std::vector<double>& found,
                             const std::vector<double>& expected) {
  double worst = 0, largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(found[i] - expected[i]);
    worst = std::isfinite(error) ? std::max(worst, error) : HUGE_VAL;
    largest = std::max(largest, std::abs(expected[i]));
  }
  return largest > 0 ? worst / largest : worst;
}

inline std::vector<double> as_doubles(std::span<const float> values) {
  return {values.begin(), values.end()};
}

/// The backward pass of `output` for a given slope of every element of it.
inline void backward_with(Tape& tape, const Var& output, const Var& cotangent) {
  std::copy_n(cotangent.data(), cotangent.value().size(), output.gradient()->data());
  Tensor loss({1}, Tag::workspace);
  loss.data()[0] = 0;
  const Recording recording(tape);
  tape.backward(record(loss, {output}, [](std::span<const float>) {}));
}

/// `operation` maps variables to one; `reference` does the same on arrays of a templated scalar.
template <class Operation, class Reference>
void check_operation(const std::string& what, const std::vector<Var>& inputs, Operation operation,
                     Reference reference) {
  SCOPED_TRACE(what);
  const PoisonedBuffers poisoned;
  Tape tape;
  Var output;
  {
    const Recording recording(tape);
    output = operation(inputs);
  }
  const auto evaluate = [&]<class Scalar>(Scalar, size_t seeded_input, size_t seeded_element) {
    std::vector<Array<Scalar>> arrays;
    for (const Var& input : inputs) arrays.push_back(lifted<Scalar>(input.value()));
    if constexpr (std::is_same_v<Scalar, Dual>) {
      arrays[seeded_input].data[seeded_element].slope = 1;
    }
    return reference(arrays);
  };
  const std::vector<double> expected = evaluate(0.0, 0, 0).data;
  ASSERT_EQ(static_cast<size_t>(output.value().size()), expected.size());
  EXPECT_LE(relative_error(as_doubles(output.value().values()), expected), kForwardTolerance);

  const Var cotangent = random_var(output.shape(), 4711, false);
  // What is there before must stay: backward adds.
  for (const Var& input : inputs) {
    if (input.needs_gradient()) std::fill_n(input.gradient()->data(), input.value().size(), 1.0F);
  }
  backward_with(tape, output, cotangent);
  for (size_t which = 0; which < inputs.size(); ++which) {
    if (!inputs[which].needs_gradient()) continue;
    std::vector<double> found = as_doubles(inputs[which].gradient()->values()), slopes;
    for (double& slope : found) slope -= 1.0;
    for (size_t element = 0; element < found.size(); ++element) {
      double slope = 0;
      const auto dual = evaluate(Dual(), which, element);
      for (size_t i = 0; i < dual.data.size(); ++i) {
        slope += dual.data[i].slope * static_cast<double>(cotangent.value().values()[i]);
      }
      slopes.push_back(slope);
    }
    EXPECT_LE(relative_error(found, slopes), kGradientTolerance) << "input " << which;
  }
}

}  // namespace lengthwise
