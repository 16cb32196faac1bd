// What tasks of source and target have in common: the source `x1 .. xn end`, and the target
// `begin y1 .. ym`, from each token of which the next is asked for, and from the last the end.
// Sutskever et al. 2014, arXiv:1409.3215.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "tasks/task.h"

namespace lengthwise {

/// Without begin and end.
struct SourceTarget {
  std::vector<int32_t> source, target;
};

/// Rows of T tokens, on either side: what is shorter is filled with ends, of which no label and no
/// real token of the source is. Parts: the target's tokens (`content`) and its end (`end`).
class SourceTargetTask : public Task {
 public:
  int64_t vocabulary() const final { return symbols() + 2; }
  Batch training_batch(uint64_t seed, int64_t step, int64_t batch, int64_t length) const final;
  /// Its rows are full: every token is real and has a label.
  Batch measured_batch(uint64_t seed, int64_t batch, int64_t length) const final;
  Batch evaluation_batch(uint64_t seed, int64_t length, int64_t first, int64_t count) const final;
  std::vector<std::string> parts(int64_t /*length*/) const final { return {"content", "end"}; }

 protected:
  enum class Split { training, validation };
  /// UserError where rows of this length hold no token beside the end.
  static void check_rows(std::string_view task, int64_t length);

 private:
  /// Tokens of sources and targets are 0 .. symbols - 1; begin and end come after them.
  virtual int64_t symbols() const = 0;
  /// At most T - 1 tokens on either side. `index` counts validation examples.
  virtual SourceTarget example(RandomStream& random, Split split, int64_t index,
                               int64_t length) const = 0;
  void append(const SourceTarget& example, bool fills, Batch& batch) const;
  Batch validation_batch(uint64_t seed, int64_t length, int64_t first, int64_t count,
                         bool fills) const;
};

}  // namespace lengthwise
