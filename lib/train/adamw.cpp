#include "train/adamw.h"

#include <cmath>

#include "base/parallel.h"

namespace lengthwise {
namespace {

constexpr int64_t kGrain = 16384;  // elements of one task

}  // namespace

AdamW::AdamW(const std::vector<Parameter>& parameters, const AdamWOptions& options)
    : parameters_(parameters), options_(options) {
  for (const Parameter& parameter : parameters_) {
    moments_.push_back({Tensor::zeros(parameter.shape, Tag::optimizer),
                        Tensor::zeros(parameter.shape, Tag::optimizer)});
  }
}

void AdamW::step(double learning_rate, double gradient_factor) {
  ++steps_;
  const auto t = static_cast<double>(steps_);
  const double unbias1 = 1.0 - std::pow(options_.beta1, t);
  const double unbias2 = 1.0 - std::pow(options_.beta2, t);
  const auto beta1 = static_cast<float>(options_.beta1), beta2 = static_cast<float>(options_.beta2);
  const auto factor = static_cast<float>(gradient_factor);
  const auto rate = static_cast<float>(learning_rate / unbias1);
  const auto root_unbias2 = static_cast<float>(std::sqrt(unbias2));
  const auto epsilon = static_cast<float>(options_.epsilon);
  for (size_t p = 0; p < parameters_.size(); ++p) {
    Var variable = parameters_[p].variable;
    if (variable.gradient()->empty()) continue;
    const float kept = static_cast<float>(
        1.0 - (parameters_[p].decays ? learning_rate * options_.weight_decay : 0.0));
    float* weight = variable.value().data();
    const float* gradient = variable.gradient()->data();
    float* first = moments_[p].first.data();
    float* second = moments_[p].second.data();
    parallel_ranges(variable.value().size(), kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const float g = gradient[i] * factor;
        first[i] = beta1 * first[i] + (1.0F - beta1) * g;
        second[i] = beta2 * second[i] + (1.0F - beta2) * g * g;
        const float deviation = std::sqrt(second[i]) / root_unbias2 + epsilon;
        weight[i] = weight[i] * kept - rate * first[i] / deviation;
      }
    });
  }
}

double gradient_norm(const std::vector<Parameter>& parameters) {
  double squares = 0;
  for (const Parameter& parameter : parameters) {
    const auto& gradient = parameter.variable.gradient();
    if (gradient->empty()) continue;
    const auto values = gradient->values();
    const auto size = static_cast<int64_t>(values.size());
    std::vector<double> parts(static_cast<size_t>(pieces(size, kGrain)));
    parallel_for(pieces(size, kGrain), [&](int64_t piece, int) {
      double sum = 0;
      for (int64_t i = piece * kGrain; i < piece_end(piece, kGrain, size); ++i) {
        const auto g = static_cast<double>(values[static_cast<size_t>(i)]);
        sum += g * g;
      }
      parts[static_cast<size_t>(piece)] = sum;
    });
    for (const double part : parts) squares += part;
  }
  return std::sqrt(squares);
}

}  // namespace lengthwise
