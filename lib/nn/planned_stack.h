// The layers of an encoder or a decoder with sizes in place of values.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "nn/planned_operations.h"

namespace lengthwise {

/// What stacks share: an object of the scheme keeps its table from its first use on, and makes it
/// anew for longer rows.
struct PlannedPositions {
  struct Table {
    StepPlan::Block block;
    int64_t positions = 0;
    int64_t least = 0;  // positions that it has from an earlier pass
  };
  PlannedPositions(const PositionInfo& scheme, PositionShares of)
      : info(scheme), shares(std::move(of)), tables(shares.sizes.size()) {}
  PositionInfo info;
  PositionShares shares;
  std::vector<Table> tables;
};

/// So many tokens a row; memory_length: of what a decoder attends over.
struct PlannedStackSizes {
  int64_t batch = 0, length = 0, memory_length = 0;
  int threads = 1;
  bool checkpoint_layers = false;
};

/// Mirrors Transformer line by line: what is a variable there is one here, so that bytes live as
/// long.
class PlannedStack {
 public:
  using Value = StepPlan::Value;
  using Block = StepPlan::Block;

  /// The position object of its first part is shares.of_part[first_part]. All outlive it.
  PlannedStack(PlannedOperations& operations, const ModelOptions& options,
               PlannedPositions& positions, const StackSetup& of, size_t first_part,
               const PlannedStackSizes& sizes);

  /// From tokens to what leaves the last layer; `memory` is what a decoder attends over.
  Value run(const std::optional<Value>& memory);
  /// The score biases, as long as the pass lasts.
  void end_pass() { biases_.clear(); }
  /// Of decoding rows of this length.
  int64_t state_bytes() const;

 private:
  struct Part {
    AttentionInfo info;
    AttentionCost cost;
    size_t position = 0;  // its object of the scheme
  };
  using Memory = std::optional<Value>;

  Part planned_part(const AttentionPart& part, int64_t keys, bool causal) const;
  const Part& part(const std::vector<Part>& parts, int64_t layer) const {
    return parts[static_cast<size_t>(layer) % parts.size()];
  }
  void tabulate(size_t position, int64_t width);
  Value rotate(const Value& x, size_t position);
  Value embed(const Value& x);
  Value mix(const std::string& parameters, const AttentionCost& cost, const Value& q,
            const Value& k, const Value& v, const Block& bias);
  Value attend(const std::string& layer, const Part& part, const Value& stream);
  Value attend_across(const std::string& layer, const Part& part, const Value& x,
                      const Value& memory);
  Value feed_forward(const std::string& layer, const Value& x);
  Value run_post_norm(int64_t index, const Value& x, const Memory& memory);
  Value run_layer(int64_t index, const Value& x, const Memory& memory);
  std::string layer_name(int64_t index) const {
    return prefix_ + "layers." + std::to_string(index) + ".";
  }

  PlannedOperations& operations_;
  StepPlan& plan_;
  const ModelOptions& options_;
  PlannedPositions& positions_;
  std::string prefix_;
  PlannedStackSizes sizes_;
  std::vector<Part> self_, cross_;
  std::vector<Block> biases_;  // of each object of the scheme
};

}  // namespace lengthwise
