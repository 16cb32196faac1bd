#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "nn/parameters.h"

namespace lengthwise {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.98, epsilon = 1e-8;
  double weight_decay = 0.1;  // of matrices; gains and biases do not decay
};

/// Adam with decoupled weight decay. Loshchilov, Hutter 2017, arXiv:1711.05101.
class AdamW {
 public:
  AdamW(const std::vector<Parameter>& parameters, const AdamWOptions& options);
  /// One step with the gradients times `gradient_factor` (clipping). A parameter without a
  /// gradient stays as it is.
  void step(double learning_rate, double gradient_factor);

  int64_t steps() const { return steps_; }
  /// Moments of all parameters, one after the other in their order.
  const Tensor& first() const { return first_; }
  const Tensor& second() const { return second_; }
  /// Goes on from there. Both have as many values as there are weights.
  void restore(int64_t steps, std::span<const float> first, std::span<const float> second);

 private:
  const std::vector<Parameter>& parameters_;
  AdamWOptions options_;
  Tensor first_, second_;
  int64_t steps_ = 0;
};

/// Euclidean norm of all gradients together, in double, summed in an order of its own.
double gradient_norm(const std::vector<Parameter>& parameters);

}  // namespace lengthwise
