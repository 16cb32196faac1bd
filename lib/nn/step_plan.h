// The tape with sizes in place of values: operations allocate and free bytes in the order in which
// the real ones do, so that live bytes and their peak come out without running anything.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "base/memory.h"
#include "nn/model_cost.h"

namespace lengthwise {

class StepPlan {
 public:
  /// Bytes that are given back when the last holder goes.
  using Block = std::shared_ptr<const int64_t>;

  /// Where a variable's gradient would gather.
  struct Gradient {
    int64_t floats = 0;
    Block buffer;
  };

  struct Value {
    int64_t floats = 0;
    Block block;
    std::shared_ptr<Gradient> gradient;  // null for a constant
  };

  explicit StepPlan(bool recording) : recording_(recording) {}
  StepPlan(const StepPlan&) = delete;
  StepPlan& operator=(const StepPlan&) = delete;

  Block allocate(int64_t bytes, Tag tag);
  Block floats(int64_t count, Tag tag) { return allocate(4 * count, tag); }
  /// A result of an operation, not yet recorded.
  Value result(int64_t count);
  Value parameter(int64_t count);

  void count(int64_t flops, int64_t exponentials);
  Scope scope = Scope::rest;

  /// What an operation saves stays until its backward has run; `backward` may allocate, and names
  /// the inputs whose gradients it adds to.
  Value record(Value out, std::vector<Block> saved, std::vector<Value> inputs,
               std::function<void()> backward);
  void backward(const Value& output);
  /// What `checkpointed` does: only x and the result stay, and the backward pass records body
  /// again.
  Value checkpointed(const Value& x, const std::function<Value(const Value&)>& body);

  bool recording() const { return recording_; }
  int64_t live_bytes(Tag tag) const { return live_by_tag_[static_cast<size_t>(tag)]; }
  int64_t peak_bytes() const { return peak_bytes_; }
  PassCost cost;  // of what was counted since it was last cleared

 private:
  void touch(Gradient& gradient);

  struct Node {
    std::shared_ptr<Gradient> output;
    std::vector<Block> saved;
    std::vector<Value> inputs;  // gradients only: the blocks are let go
    std::function<void()> backward;
    Scope scope;
  };
  bool recording_;
  int64_t live_bytes_ = 0, peak_bytes_ = 0;
  std::array<int64_t, kTags> live_by_tag_{};
  std::vector<Node> nodes_;
};

}  // namespace lengthwise
