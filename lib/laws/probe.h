// What laws and tests hold things to: random inputs, doubles, errors, poisoned memory.
#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "autograd/tape.h"
#include "base/difference.h"  // IWYU pragma: export
#include "base/memory.h"
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

/// Normal values that are a function of the name.
Var random_var(const Shape& shape, uint64_t name, bool needs_gradient = true);

inline std::vector<double> as_doubles(std::span<const float> values) {
  return {values.begin(), values.end()};
}

/// The gradient that has gathered; zeros where none has.
std::vector<double> gradient_of(const Var& variable);

/// The backward pass of `output` for a given slope of every element of it.
void backward_with(Tape& tape, const Var& output, const Var& cotangent);

}  // namespace lengthwise
