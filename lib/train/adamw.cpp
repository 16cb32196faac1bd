#include "train/adamw.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "base/parallel.h"

namespace lengthwise {
namespace {

// Elements begin .. end - 1 of a parameter that has a gradient; its moments start at `flat`.
struct Piece {
  const Parameter* parameter;
  int64_t begin, end, flat;
};

// All parameters in pieces of one size, so that small ones share a parallel loop.
std::vector<Piece> cut(const std::vector<Parameter>& parameters) {
  constexpr int64_t kGrain = 16384;
  std::vector<Piece> all;
  int64_t flat = 0;
  for (const Parameter& parameter : parameters) {
    const int64_t size = parameter.variable.value().size();
    for (int64_t begin = 0; !parameter.variable.gradient()->empty() && begin < size;
         begin += kGrain) {
      all.push_back({&parameter, begin, std::min(begin + kGrain, size), flat});
    }
    flat += size;
  }
  return all;
}

int64_t total_size(const std::vector<Parameter>& parameters) {
  return std::accumulate(parameters.begin(), parameters.end(), int64_t{0},
                         [](int64_t sum, const Parameter& parameter) {
                           return sum + parameter.variable.value().size();
                         });
}

}  // namespace

AdamW::AdamW(const std::vector<Parameter>& parameters, const AdamWOptions& options)
    : parameters_(parameters),
      options_(options),
      first_(Tensor::zeros({total_size(parameters)}, Tag::optimizer)),
      second_(Tensor::zeros({total_size(parameters)}, Tag::optimizer)) {}

void AdamW::step(double learning_rate, double gradient_factor) {
  ++steps_;
  const auto beta1 = static_cast<float>(options_.beta1), beta2 = static_cast<float>(options_.beta2);
  // Of the betas as the moments see them, rounded: near 1 the difference shows.
  const auto t = static_cast<double>(steps_);
  const double unbias1 = 1.0 - std::pow(double{beta1}, t);
  const double unbias2 = 1.0 - std::pow(double{beta2}, t);
  const auto factor = static_cast<float>(gradient_factor);
  const auto rate = static_cast<float>(learning_rate / unbias1);
  const auto root_unbias2 = static_cast<float>(std::sqrt(unbias2));
  const auto epsilon = static_cast<float>(options_.epsilon);
  const std::vector<Piece> work = cut(parameters_);
  parallel_for(static_cast<int64_t>(work.size()), [&](int64_t index, int) {
    const auto& [parameter, begin, end, flat] = work[static_cast<size_t>(index)];
    const float kept =
        static_cast<float>(1.0 - (parameter->decays ? learning_rate * options_.weight_decay : 0.0));
    Var variable = parameter->variable;
    float* weight = variable.value().data();
    const float* gradient = variable.gradient()->data();
    float *first = first_.data() + flat, *second = second_.data() + flat;
    for (int64_t i = begin; i < end; ++i) {
      const float g = gradient[i] * factor;
      first[i] = beta1 * first[i] + (1.0F - beta1) * g;
      second[i] = beta2 * second[i] + (1.0F - beta2) * g * g;
      const float deviation = std::sqrt(second[i]) / root_unbias2 + epsilon;
      weight[i] = weight[i] * kept - rate * first[i] / deviation;
    }
  });
}

void AdamW::restore(int64_t steps, std::span<const float> first, std::span<const float> second) {
  check_equal(static_cast<int64_t>(first.size()), first_.size(), "values of the first moment");
  check_equal(static_cast<int64_t>(second.size()), second_.size(), "values of the second moment");
  steps_ = steps;
  std::copy(first.begin(), first.end(), first_.data());
  std::copy(second.begin(), second.end(), second_.data());
}

double gradient_norm(const std::vector<Parameter>& parameters) {
  const std::vector<Piece> work = cut(parameters);
  std::vector<double> parts(work.size());
  parallel_for(static_cast<int64_t>(work.size()), [&](int64_t index, int) {
    const auto& [parameter, begin, end, flat] = work[static_cast<size_t>(index)];
    const float* gradient = parameter->variable.gradient()->data();
    double sum = 0;
    for (int64_t i = begin; i < end; ++i) {
      sum += static_cast<double>(gradient[i]) * static_cast<double>(gradient[i]);
    }
    parts[static_cast<size_t>(index)] = sum;
  });
  return std::sqrt(std::accumulate(parts.begin(), parts.end(), 0.0));
}

}  // namespace lengthwise
