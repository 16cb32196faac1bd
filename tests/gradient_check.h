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
#include "laws/probe.h"

namespace lengthwise {

/// GELU in either form, of any scalar.
template <class S>
S bent(Gelu form, const S& v) {
  using std::erf;
  using std::tanh;
  const S inside = v * S(std::sqrt(2 / M_PI)) * (S(1) + v * v * S(0.044715));
  return v * (S(1) + (form == Gelu::erf ? erf(v * S(std::sqrt(0.5))) : tanh(inside))) * S(0.5);
}

/// `operation` maps variables to one; `reference` does the same on arrays of a templated scalar.
/// With gradients that hold something, which must stay since backward adds, or that are not there
/// yet.
template <class Operation, class Reference>
void check_operation_onto(bool there, const std::vector<Var>& inputs, Operation operation,
                          Reference reference) {
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
  for (const Var& input : inputs) {
    if (!input.needs_gradient()) continue;
    input.gradient()->clear();
    if (there) std::fill_n(input.gradient()->data(), input.value().size(), 1.0F);
  }
  backward_with(tape, output, cotangent);
  for (size_t which = 0; which < inputs.size(); ++which) {
    if (!inputs[which].needs_gradient()) continue;
    std::vector<double> found = as_doubles(inputs[which].gradient()->values()), slopes;
    for (double& slope : found) slope -= there ? 1.0 : 0.0;
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

template <class Operation, class Reference>
void check_operation(const std::string& what, const std::vector<Var>& inputs, Operation operation,
                     Reference reference) {
  SCOPED_TRACE(what);
  for (const bool there : {true, false}) check_operation_onto(there, inputs, operation, reference);
}

}  // namespace lengthwise
