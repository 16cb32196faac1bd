// What each layer of a model looks at while it reads.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "insight/attention_summary.h"
#include "nn/transformer.h"

namespace lengthwise {

/// One layer's attention over a batch. B batch, H heads, T queries, S keys.
struct AttentionMap {
  std::string role;  // "encoder" (of a source, or alone), "decoder" or "cross" (over a source)
  int64_t layer = 0;
  std::string variant;
  int64_t batch = 0, heads = 0, queries = 0, keys = 0;
  std::vector<double> weights;  // [B,H,T,S], as the layer applies them; empty where there are none
  std::string why_none;         // "" where there are some
  /// The largest difference from the definition's weights, where it was asked for; NaN otherwise.
  double exact_error = std::numeric_limits<double>::quiet_NaN();
  double stream_size = 0;        // root mean square of what enters the layer, of its real tokens
  std::vector<int64_t> visible;  // [B,T] keys that a query may see, from the first; 0: padding

  HeadWeights head(int64_t row, int64_t head) const;
  std::vector<HeadWeights> heads_of(int64_t row) const;
  /// Of this head, over all rows.
  HeadSummary summary(int64_t head) const;
};

struct MapOptions {
  bool against_definition = false;  // slow
};

/// One pass over tokens [B,T], as Transformer::logits takes them, and every layer's map on the way:
/// an encoder's from the first layer to the last, then a decoder's, its self-attention before its
/// cross-attention. Of an encoder_decoder pass.row_lengths says which tokens of a target are real.
void map_attention(const Transformer& model, std::span<const int32_t> tokens, int64_t batch,
                   int64_t length, ForwardPass pass, const MapOptions& options,
                   const std::function<void(AttentionMap)>& use);

}  // namespace lengthwise
