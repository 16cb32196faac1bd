#include "experiments/runner/geometry_columns.h"

#include <algorithm>

#include "experiments/runner/edge_columns.h"

namespace lengthwise {

void add_geometry(TableBuilder& table, const std::vector<WeightMap>& maps, int64_t model_heads) {
  if (maps.empty()) return;
  const int64_t heads = add_head_numbers(table, model_heads);
  table.text_coordinate("map", {"query_key", "value_output"},
                        "what a head's weights do: W_Q W_K^T to scores, W_V W_O to the stream");
  const int64_t layers = table.table.dimensions.at("layer");
  const auto column = [&](const std::string& name, double MapTraits::*member,
                          const std::string& long_name, bool of_writes_alone = false) {
    const int64_t kinds = of_writes_alone ? 1 : 2;
    Column::Numbers values(static_cast<size_t>(kinds * layers * heads), kAbsent);
    for (const WeightMap& map : maps) {
      const bool writes = map.kind == WeightMapKind::value_output;
      if (of_writes_alone && !writes) continue;
      const int64_t kind = writes && !of_writes_alone ? 1 : 0;
      values[static_cast<size_t>((kind * layers + map.layer) * heads + map.head)] =
          map.traits.*member;
    }
    std::vector<std::string> dimensions = {"layer", "head"};
    if (!of_writes_alone) dimensions.insert(dimensions.begin(), "map");
    table.numbers(name, dimensions, std::move(values), "1", long_name);
  };
  column("map_largest", &MapTraits::largest, "largest singular value of a head's map");
  column("map_participation_ratio", &MapTraits::participation_ratio,
         "how many directions it has: (sum s^2)^2 / sum s^4 of its singular values");
  column("map_rotation_share", &MapTraits::rotation_share,
         "how equal its singular values are: (mean s)^2 / mean s^2, 1 of a rotation");
  column("map_symmetric_share", &MapTraits::symmetric_share,
         "square of its symmetric part over its own");
  column("copying_share", &MapTraits::copying_share,
         "sum of the real parts of W_V W_O's eigenvalues over that of their sizes", true);
}

PositionRecord position_record(const RunConfig& config, const Transformer& model) {
  ModelSetup setup = config.model_setup(0);
  const AttentionSizes& sizes = model.position_sizes();
  const int64_t length = config.run.length;
  const PositionCodes codes =
      position_codes(model.position(), position_scheme(config.run.position).info,
                     config.model.width, sizes, 4 * length);
  // The textbook's attention, which takes every scheme and sees all words.
  setup.attention = "full";
  setup.attention_options.clear();
  setup.model.heads = sizes.heads;
  setup.model.key_value_heads = 0;
  return {position_traits(codes, length),
          order_difference(setup, model, std::min(length, kPermutedTokens))};
}

void add_positions(TableBuilder& table, const PositionRecord& record) {
  const PositionTraits& traits = record.traits;
  table.number("position_size", traits.size, "1",
               "largest root mean square of what a position is given, up to the run's length");
  table.number("position_growth", traits.growth, "1", "that up to four times the length over it");
  table.number("position_least_distance", traits.least_distance, "1",
               "least distance of two positions over the root mean square of all; 0: not unique");
  table.number("position_largest_cosine", traits.largest_cosine, "1",
               "of two positions; 1: they differ in size alone");
  table.number("position_repeating_share", traits.repeating_share, "1",
               "share of channels that both rise and fall");
  table.integer_coordinate("offset", {kPositionOffsets.begin(), kPositionOffsets.end()}, "token",
                           "from one position to another");
  table.numbers("position_offset_residual", {"offset"},
                {traits.offset_residual.begin(), traits.offset_residual.end()}, "1",
                "what an affine map from a position to the one at this offset leaves");
  table.number("order_difference", record.order_difference, "1",
               "of an encoder layer's outputs when its words are permuted; 0: it is told no order");
}

}  // namespace lengthwise
