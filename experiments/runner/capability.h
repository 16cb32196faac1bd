// What a variant can do, for `lengthwise list`: from its traits, its cost and its definition.
#pragma once
#include <string>

#include "nn/attention.h"

namespace lengthwise {

/// NaN where the variant predicts no cost, or has no state.
struct GrowthExponents {
  double flops, memory, state;
};

/// Exponents of the length, of a training pass in one layer, over lengths that are past every
/// window and chunk.
GrowthExponents growth_exponents(const AttentionVariant& variant);

/// The output is that of softmax attention over all keys, tried on random inputs.
bool is_exact_softmax(const AttentionVariant& variant);

}  // namespace lengthwise
