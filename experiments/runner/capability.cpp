#include "experiments/runner/capability.h"

#include <cmath>
#include <limits>

#include "laws/attention_case.h"

namespace lengthwise {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// log2 of how much faster y grows from T to 2T than from T/2 to T: constants cancel.
template <class Measure>
double exponent(const Measure& measure) {
  constexpr int64_t kLength = 1 << 15;
  const double low = measure(kLength / 2), middle = measure(kLength), high = measure(2 * kLength);
  if (high == middle) return 0;
  return std::log2((high - middle) / (middle - low));
}

}  // namespace

GrowthExponents growth_exponents(const AttentionVariant& variant) {
  if (!variant.cost) return {kNone, kNone, kNone};
  const bool projects = variant.info.projection == Projection::query_key_value;
  const auto cost_at = [&](int64_t length) {
    const AttentionSizes sizes{.batch = 1,
                               .queries = length,
                               .keys = length,
                               .heads = projects ? 4 : 1,
                               .key_value_heads = projects ? 4 : 1,
                               .head_width = projects ? 64 : 256,
                               .model_width = 256,
                               .causal = variant.info.causal};
    return variant.cost(sizes, {});
  };
  const auto flops = [&](int64_t length) {
    const AttentionCost cost = cost_at(length);
    return static_cast<double>(cost.forward.flops + cost.backward.flops);
  };
  const auto memory = [&](int64_t length) {
    const AttentionCost cost = cost_at(length);
    return static_cast<double>(cost.saved_bytes + cost.backward.workspace_bytes);
  };
  const auto state = [&](int64_t length) {
    return static_cast<double>(cost_at(length).state_bytes);
  };
  return {exponent(flops), exponent(memory), variant.info.decodable ? exponent(state) : kNone};
}

bool is_exact_softmax(const AttentionVariant& variant) {
  // Longer than the default of any window.
  const AttentionCase c = AttentionCase::of_length(300, variant.info.causal);
  const AttentionProbe probe(variant, {}, c);
  Definition<double> softmax = probe.definition<double>();
  softmax.each_output([&](int64_t b, int64_t i, int64_t h) {
    softmax.mix_normalised(b, i, h, [&](int64_t j) {
      return std::exp(softmax.dot(b, i, j, h) / std::sqrt(static_cast<double>(softmax.D)));
    });
  });
  return relative_error(as_doubles(probe.outputs()), softmax.outputs.data) <= kForwardTolerance;
}

}  // namespace lengthwise
