// The next token of one long row of a user's, cut into blocks that train and blocks that validate.
// Every length is scored on the same targets.
#pragma once
#include <string>
#include <vector>

#include "tasks/task.h"

namespace lengthwise {

/// Offsets [first, end) into the row.
struct TokenRange {
  int64_t first, end;
  int64_t size() const { return end - first; }
};

/// Of so many blocks in a row the last validates and the others train.
inline constexpr int64_t kSplitBlocks = 10;

struct BlockSplit {
  /// Longest stretches without a token of a validation block; the last goes to the end of the row.
  std::vector<TokenRange> training_runs;
  /// Whole blocks only: a partial block at the end of the row trains.
  std::vector<TokenRange> validation_blocks;
};
/// Of a row of so many tokens, at least kSplitBlocks blocks.
BlockSplit split_blocks(int64_t tokens, int64_t block);

/// As few blocks as hold `wanted` tokens (0: all of them), spread evenly. UserError names `key`
/// where there are not so many.
std::vector<TokenRange> spread_blocks(std::string_view key, const std::vector<TokenRange>& blocks,
                                      int64_t wanted);

/// How a task's messages name its file and what is counted in it.
struct RowNames {
  std::string file_key, file, unit;  // "task.text.file", "data/bible.txt", "bytes"
};

class NextToken : public Task {
 public:
  NextToken(RowNames names, int64_t block, BlockSplit split, std::vector<TokenRange> scored_blocks);

  /// A training run is no longer than ten blocks, so that what passes also finds its context
  /// before the end of the first validation block, and never in another validation block.
  void check_length(int64_t length) const override;
  Batch training_batch(uint64_t seed, int64_t step, int64_t batch, int64_t length) const override;
  int64_t evaluation_examples(int64_t length, int64_t wanted) const override;
  Batch evaluation_batch(uint64_t seed, int64_t length, int64_t first,
                         int64_t count) const override;
  std::vector<std::string> parts(int64_t length) const override;

 protected:
  const std::vector<TokenRange>& training_runs() const { return split_.training_runs; }
  const std::vector<TokenRange>& scored_blocks() const { return scored_blocks_; }

 private:
  virtual int32_t token_at(int64_t place) const = 0;
  int64_t windows_in_block(int64_t length) const { return (block_ + length - 1) / length; }
  void append_window(int64_t target_end, int64_t labelled, int64_t row, Batch& result) const;

  RowNames names_;
  int64_t block_;
  BlockSplit split_;
  std::vector<TokenRange> scored_blocks_;
};

}  // namespace lengthwise
