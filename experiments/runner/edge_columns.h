// What a trained model's attention is worth as a reason for its answers, at each length of the
// test.
#pragma once
#include <algorithm>
#include <vector>

#include "experiments/runner/table_builder.h"
#include "insight/edge_cuts.h"
#include "tasks/task.h"

namespace lengthwise {

/// Heads are chosen on one part of the validation examples and reported on the other.
inline constexpr int64_t kEvidenceExamples = 128;  // of each part
inline constexpr int64_t kRemovalExamples = 8;
/// A few thousand tokens: weights of every pair of a row are held.
constexpr int64_t evidence_rows_at_once(int64_t length) {
  return std::clamp<int64_t>(4096 / length, 1, kEvidenceExamples);
}

struct EvidenceAtLength {
  int64_t length = 0;
  Evidence choosing, reporting;
};
/// Of a task that says at which token an answer is to be read.
EvidenceAtLength evidence_at(const Transformer& model, const Task& task, uint64_t seed,
                             int64_t length);

struct RemovalAtLength {
  int64_t length = 0;
  std::vector<HeadRemoval> heads;
};
RemovalAtLength removal_at(const Transformer& model, const Task& task, uint64_t seed,
                           int64_t length);

/// How many heads the table tells apart: it gets a coordinate of so many where it has none. One of
/// add_attention's may have fewer than the model, and then no layer's attention has more.
int64_t add_head_numbers(TableBuilder& table, int64_t heads);

/// By test_length, split, layer and head, where the table has its layers already; nothing of none.
void add_evidence(TableBuilder& table, std::vector<EvidenceAtLength> lengths, int64_t model_heads);
/// By test_length, layer, head and, of effects, weight_bin.
void add_removal(TableBuilder& table, std::vector<RemovalAtLength> lengths, int64_t model_heads);

}  // namespace lengthwise
