// What a trained model's attention looks at, at each length of the test.
#pragma once
#include <string>
#include <vector>

#include "experiments/runner/table_builder.h"
#include "insight/attention_maps.h"
#include "tasks/task.h"

namespace lengthwise {

/// Means over a few validation examples of one length; of a head NaN where a layer has no weights.
struct AttentionAtLength {
  struct Head {
    std::string role;
    int64_t layer = 0, head = 0;
    HeadSummary summary;
    double stream_size = 0;  // of its layer
  };
  int64_t length = 0;
  std::vector<Head> heads;
};

/// Over the first kAttentionExamples of the `examples` that are scored.
AttentionAtLength attention_at(const Transformer& model, const Task& task, uint64_t seed,
                               int64_t length, int64_t examples);
inline constexpr int64_t kAttentionExamples = 4;

inline constexpr const char* kLayerName = "layer of the model, from 0";
inline constexpr const char* kHeadName = "head of a layer, from 0";

/// The coordinates role and head.
void add_head_coordinates(TableBuilder& table, const std::vector<std::string>& roles,
                          const std::vector<int64_t>& heads);

/// attention_entropy and attention_distance [test_length, role, layer, head] and stream_size
/// [test_length, role, layer], where the table has its layers already; nothing of none.
void add_attention(TableBuilder& table, std::vector<AttentionAtLength> lengths);

}  // namespace lengthwise
