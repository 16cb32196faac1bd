#pragma once
#include <vector>

#include "nn/transformer.h"

namespace lengthwise {

// All weights, one after the other in their order.
inline std::vector<float> weights_of(const Transformer& model) {
  std::vector<float> all;
  for (const Parameter& p : model.parameters()) {
    all.insert(all.end(), p.variable.value().values().begin(), p.variable.value().values().end());
  }
  return all;
}

}  // namespace lengthwise
