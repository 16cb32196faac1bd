// Next-byte prediction on a file of the user's. Every length is scored on the same target bytes.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "tasks/byte_ngram.h"
#include "tasks/task.h"
#include "tasks/text_corpus.h"

namespace lengthwise {
namespace {

class Text final : public Task {
 public:
  struct Options {
    std::string file = "data/bible.txt";
    int64_t validation_bytes = 0;
    void visit(OptionVisitor& visitor) {
      visitor.text("file", file, "the file to train on and, every tenth 16 KiB of it, to score");
      visitor.integer("validation_bytes", validation_bytes, {0, kLargestSize},
                      "bytes to score, rounded up to blocks of 16384; 0 for all");
    }
  };

  static TaskInfo info() {
    return {.name = "text",
            .summary = "next byte of a file of yours",
            .source = "",
            .chance = "1 in 256 bytes",
            .score = TaskScore::bits_per_byte,
            .labels_next = true};
  }

  static TokenText token_text(const Options&, TaskForm) { return byte_text(); }

  explicit Text(const Options& options)
      : file_(options.file),
        corpus_(read_corpus("task.text.file", options.file)),
        scored_blocks_(spread_blocks("task.text.validation_bytes", corpus_.validation_blocks,
                                     options.validation_bytes)) {}

  int64_t vocabulary() const override { return 256; }

  // A training run is no longer than ten blocks, so that what passes also finds its context before
  // the end of the first validation block, and never in another validation block.
  void check_length(int64_t length) const override {
    if (length < 1) user_error("length: found {}, expected at least 1", length);
    int64_t longest_run = 0;
    for (const ByteRange& run : corpus_.training_runs) {
      longest_run = std::max(longest_run, run.size());
    }
    if (length + 1 > longest_run) {
      user_error(
          "length: found {}, expected at most {}: task.text.file '{}' trains on runs of up to {} "
          "bytes",
          length, longest_run - 1, file_, longest_run);
    }
  }

  Batch training_batch(uint64_t seed, int64_t step, int64_t batch, int64_t length) const override {
    check_length(length);
    const auto starts_in = [&](const ByteRange& run) {
      return std::max<int64_t>(0, run.size() - length);
    };
    int64_t starts = 0;
    for (const ByteRange& run : corpus_.training_runs) starts += starts_in(run);
    Batch result = empty_batch(batch, length, batch * length);
    for (int64_t row = 0; row < batch; ++row) {
      RandomStream random(seed, Purpose::training, static_cast<uint64_t>(step),
                          static_cast<uint64_t>(row));
      int64_t start = random.below(starts);
      auto run = corpus_.training_runs.begin();
      for (; start >= starts_in(*run); ++run) start -= starts_in(*run);
      append_window(run->first + start + length + 1, length, row, result);
    }
    return result;
  }

  int64_t evaluation_examples(int64_t length, int64_t /*wanted*/) const override {
    check_length(length);
    return std::ssize(scored_blocks_) * windows_in_block(length);
  }

  Batch evaluation_batch(uint64_t /*seed*/, int64_t length, int64_t first,
                         int64_t count) const override {
    check_in_range(first, 0, evaluation_examples(length, 0) - count + 1, "first window");
    Batch result = empty_batch(count, length, count * length);
    for (int64_t row = 0; row < count; ++row) {
      const int64_t windows = windows_in_block(length);
      const ByteRange& block = scored_blocks_[static_cast<size_t>((first + row) / windows)];
      const int64_t first_target = block.first + (first + row) % windows * length;
      const int64_t target_end = std::min(first_target + length, block.end);
      append_window(target_end, target_end - first_target, row, result);
    }
    for (const int64_t label : result.labelled) {
      result.parts.push_back(bucket_of_context(label % length + 1));
    }
    return result;
  }

  std::vector<std::string> parts(int64_t length) const override {
    std::vector<std::string> names;
    for (int64_t most = kFirstBucket, least = 1; least <= length; least = most + 1, most *= 2) {
      names.push_back(fmt::format("context={}-{}", least, most));
    }
    return names;
  }

  double chance(int64_t /*length*/) const override { return 1.0 / 256.0; }

  std::vector<NgramBaseline> baselines() const override {
    const std::span<const uint8_t> bytes = corpus_.bytes;
    std::vector<std::span<const uint8_t>> runs;
    for (const ByteRange& run : corpus_.training_runs) {
      runs.push_back(
          bytes.subspan(static_cast<size_t>(run.first), static_cast<size_t>(run.size())));
    }
    const ByteNgram model(runs);
    constexpr int64_t kMost = ByteNgram::kMostContext;
    std::array<double, kMost + 1> bits{};
    for (const ByteRange& block : scored_blocks_) {
      for (int64_t target = block.first; target < block.end; ++target) {
        const auto before = bytes.subspan(static_cast<size_t>(target - kMost)).first<kMost>();
        const auto probabilities = model.probabilities(before, bytes[static_cast<size_t>(target)]);
        for (size_t k = 0; k < bits.size(); ++k) bits[k] -= std::log2(probabilities[k]);
      }
    }
    const auto targets = static_cast<double>(std::ssize(scored_blocks_) * kBlockBytes);
    std::vector<NgramBaseline> result;
    for (int64_t k = 1; k <= kMost; ++k) {
      result.push_back({k, bits[static_cast<size_t>(k)] / targets});
    }
    return result;
  }

  uint64_t data_hash() const override { return corpus_.hash; }

 private:
  static constexpr int64_t kFirstBucket = 16;  // bytes of context; each further one doubles

  static int32_t bucket_of_context(int64_t bytes) {
    int32_t bucket = 0;
    for (int64_t most = kFirstBucket; most < bytes; most *= 2) ++bucket;
    return bucket;
  }

  static int64_t windows_in_block(int64_t length) { return (kBlockBytes + length - 1) / length; }

  // The last `labelled` of the targets [target_end - T, target_end) count; each one's input is the
  // byte before it.
  void append_window(int64_t target_end, int64_t labelled, int64_t row, Batch& result) const {
    for (int64_t t = 0; t < result.length; ++t) {
      const int64_t target = target_end - result.length + t;
      result.tokens.push_back(corpus_.bytes[static_cast<size_t>(target - 1)]);
      if (t < result.length - labelled) continue;
      result.labelled.push_back(row * result.length + t);
      result.targets.push_back(corpus_.bytes[static_cast<size_t>(target)]);
    }
  }

  std::string file_;
  TextCorpus corpus_;
  std::vector<ByteRange> scored_blocks_;
};

const bool registered = register_task<Text>();

}  // namespace
}  // namespace lengthwise
