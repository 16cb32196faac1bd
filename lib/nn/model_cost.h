// What a model costs, from sizes alone: nothing is built or allocated, and nothing is shared with
// the counters and the ledger that it is held to.
#pragma once
#include <array>

#include "nn/transformer.h"

namespace lengthwise {

/// One batch: sequences, tokens of each, and labelled positions over all of them; of an
/// encoder_decoder also the tokens of each source, all of them real.
struct BatchSizes {
  int64_t batch = 0, length = 0, labelled = 0;
  bool checkpoint_layers = false;  // as in ForwardPass
  int64_t source_length = 0;
};

/// FLOPs and exponentials by scope, as executed.
struct PassCost {
  std::array<int64_t, kScopes> flops{}, exponentials{};
};

/// Bytes as the ledger counts them. Attention dropout is not in it: what a variant's cost leaves
/// out, this does too.
struct ModelCost {
  int64_t parameters = 0;
  PassCost forward, backward;
  int64_t parameter_bytes = 0, optimizer_bytes = 0;
  int64_t gradient_bytes = 0;    // of the parameters, and of the loss, after the backward pass
  int64_t activation_bytes = 0;  // held between the forward and the backward pass
  int64_t data_bytes = 0;        // tokens, labels, tables of positions; before the backward pass
  int64_t peak_bytes = 0;        // of a training step, everything included
  int64_t state_bytes = 0;       // of decoding rows of this length; 0: does not decode
  int64_t inference_peak_bytes = 0;  // of a forward pass with loss, optimizer included
};

/// Every variant must predict its cost. `threads` matters to workspace alone.
ModelCost model_cost(const ModelSetup& setup, const BatchSizes& sizes, int threads);
/// Around variants and a scheme that need not be registered.
ModelCost model_cost(const ModelSetup& setup, const ModelPatterns& patterns,
                     const PositionScheme& scheme, const BatchSizes& sizes, int threads);

}  // namespace lengthwise
