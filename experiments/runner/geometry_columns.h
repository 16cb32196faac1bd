// What a model's weights do as maps, and what its positions are.
#pragma once
#include <vector>

#include "experiments/runner/run_config.h"
#include "experiments/runner/table_builder.h"
#include "insight/position_traits.h"
#include "insight/weight_maps.h"

namespace lengthwise {

/// By map, layer and head, where the table has its layers already; nothing of none.
void add_geometry(TableBuilder& table, const std::vector<WeightMap>& maps, int64_t model_heads);

struct PositionRecord {
  PositionTraits traits;
  double order_difference = 0;
};
/// At the run's length; permuted are at most kPermutedTokens words.
PositionRecord position_record(const RunConfig& config, const Transformer& model);
inline constexpr int64_t kPermutedTokens = 256;

void add_positions(TableBuilder& table, const PositionRecord& record);

}  // namespace lengthwise
