#include "tasks/next_token.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/random.h"

namespace lengthwise {
namespace {

constexpr int64_t kFirstBucket = 16;  // tokens of context; each further one doubles

int32_t bucket_of_context(int64_t tokens) {
  int32_t bucket = 0;
  for (int64_t most = kFirstBucket; most < tokens; most *= 2) ++bucket;
  return bucket;
}

}  // namespace

BlockSplit split_blocks(int64_t tokens, int64_t block) {
  BlockSplit split;
  int64_t run_first = 0;
  for (int64_t index = kSplitBlocks - 1; (index + 1) * block <= tokens; index += kSplitBlocks) {
    const TokenRange validation{index * block, (index + 1) * block};
    split.training_runs.push_back({run_first, validation.first});
    split.validation_blocks.push_back(validation);
    run_first = validation.end;
  }
  if (run_first < tokens) split.training_runs.push_back({run_first, tokens});
  return split;
}

std::vector<TokenRange> spread_blocks(std::string_view key, const std::vector<TokenRange>& blocks,
                                      int64_t wanted) {
  if (wanted == 0) return blocks;
  const int64_t there = std::ssize(blocks), block = blocks.front().size();
  if (wanted > there * block) {
    user_error("{}: found {}, expected 0 for all or at most the {} that the file has", key, wanted,
               there * block);
  }
  const int64_t blocks_wanted = (wanted + block - 1) / block;
  std::vector<TokenRange> chosen;
  for (int64_t i = 0; i < blocks_wanted; ++i) {  // the middle of each of as many equal parts
    chosen.push_back(blocks[static_cast<size_t>((2 * i + 1) * there / (2 * blocks_wanted))]);
  }
  return chosen;
}

NextToken::NextToken(RowNames names, int64_t block, BlockSplit split,
                     std::vector<TokenRange> scored_blocks)
    : names_(std::move(names)),
      block_(block),
      split_(std::move(split)),
      scored_blocks_(std::move(scored_blocks)) {}

void NextToken::check_length(int64_t length) const {
  if (length < 1) user_error("length: found {}, expected at least 1", length);
  int64_t longest_run = 0;
  for (const TokenRange& run : training_runs()) longest_run = std::max(longest_run, run.size());
  if (length + 1 > longest_run) {
    user_error("length: found {}, expected at most {}: {} '{}' trains on runs of up to {} {}",
               length, longest_run - 1, names_.file_key, names_.file, longest_run, names_.unit);
  }
}

Batch NextToken::training_batch(uint64_t seed, int64_t step, int64_t batch, int64_t length) const {
  check_length(length);
  const auto starts_in = [&](const TokenRange& run) {
    return std::max<int64_t>(0, run.size() - length);
  };
  int64_t starts = 0;
  for (const TokenRange& run : training_runs()) starts += starts_in(run);
  Batch result = empty_batch(batch, length, batch * length);
  for (int64_t row = 0; row < batch; ++row) {
    RandomStream random(seed, Purpose::training, static_cast<uint64_t>(step),
                        static_cast<uint64_t>(row));
    int64_t start = random.below(starts);
    auto run = training_runs().begin();
    for (; start >= starts_in(*run); ++run) start -= starts_in(*run);
    append_window(run->first + start + length + 1, length, row, result);
  }
  return result;
}

int64_t NextToken::evaluation_examples(int64_t length, int64_t /*wanted*/) const {
  check_length(length);
  return std::ssize(scored_blocks_) * windows_in_block(length);
}

Batch NextToken::evaluation_batch(uint64_t /*seed*/, int64_t length, int64_t first,
                                  int64_t count) const {
  check_in_range(first, 0, evaluation_examples(length, 0) - count + 1, "first window");
  Batch result = empty_batch(count, length, count * length);
  for (int64_t row = 0; row < count; ++row) {
    const int64_t windows = windows_in_block(length);
    const TokenRange& block = scored_blocks_[static_cast<size_t>((first + row) / windows)];
    const int64_t first_target = block.first + (first + row) % windows * length;
    const int64_t target_end = std::min(first_target + length, block.end);
    append_window(target_end, target_end - first_target, row, result);
  }
  for (const int64_t label : result.labelled) {
    result.parts.push_back(bucket_of_context(label % length + 1));
  }
  return result;
}

std::vector<std::string> NextToken::parts(int64_t length) const {
  std::vector<std::string> names;
  for (int64_t most = kFirstBucket, least = 1; least <= length; least = most + 1, most *= 2) {
    names.push_back(fmt::format("context={}-{}", least, most));
  }
  return names;
}

// The last `labelled` of the targets [target_end - T, target_end) count; each one's input is the
// token before it.
void NextToken::append_window(int64_t target_end, int64_t labelled, int64_t row,
                              Batch& result) const {
  for (int64_t t = 0; t < result.length; ++t) {
    const int64_t target = target_end - result.length + t;
    result.tokens.push_back(token_at(target - 1));
    if (t < result.length - labelled) continue;
    result.labelled.push_back(row * result.length + t);
    result.targets.push_back(token_at(target));
  }
}

}  // namespace lengthwise
