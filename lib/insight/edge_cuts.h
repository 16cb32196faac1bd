// What becomes of a model's answers when a query is kept from a key: whether a weight is a reason.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "nn/transformer.h"

namespace lengthwise {

/// Rows of one sequence [B,T] and what should come out at N of their flat positions b*T + t.
struct LabelledTokens {
  std::span<const int32_t> tokens;
  int64_t batch = 0, length = 0;
  std::span<const int64_t> labelled;
  std::span<const int32_t> targets;
};

/// From the query at one flat position to the key at another of the same row.
struct Edge {
  int64_t query = 0, key = 0;
};
inline constexpr int64_t kEvery = -1;  // layer, or head

/// Logits [N,V] where this head of this layer gives these keys, at most one to a query, no weight
/// and its other keys take over their share, as if the score were masked; a query without another
/// key gets 0. A layer whose attention has no weights mixes as it does.
Var logits_without(const Transformer& model, const LabelledTokens& rows,
                   std::span<const Edge> edges, int64_t layer, int64_t head);

/// One head of self-attention: means over the labels. `evidence` and `distractors` are the flat
/// positions at which a label's answer is to be read, and of something like it that is not it.
struct HeadEvidence {
  int64_t layer = 0, head = 0;
  double weight = 0, distractor_weight = 0;  // that the label's query gives them
  double accuracy_without = 0, accuracy_without_distractor = 0;  // with that edge cut in this head
};
struct Evidence {
  double accuracy = 0, accuracy_without = 0;  // with the edge to the evidence cut in every head
  std::vector<HeadEvidence> heads{};
};
Evidence evidence_of(const Transformer& model, const LabelledTokens& rows,
                     std::span<const int64_t> evidence, std::span<const int64_t> distractors);

/// What a head's weights say of the effect: how much the loss of a row's last label changes, in
/// nats, when one key that its query sees is kept from it in this head.
struct HeadRemoval {
  static constexpr size_t kBins = 10;  // of weights: [0, 0.1), ..., [0.9, 1]
  int64_t layer = 0, head = 0;
  double rank_correlation = 0;         // Spearman's, of weight and |effect|, over labels and keys
  std::array<double, kBins> effect{};  // mean |effect| in a bin; NaN where it is empty
};
/// T L H passes.
std::vector<HeadRemoval> removal_of(const Transformer& model, const LabelledTokens& rows);

}  // namespace lengthwise
