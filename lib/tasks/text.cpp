// Next-byte prediction on a file of the user's. Every length is scored on the same target bytes.
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "tasks/byte_ngram.h"
#include "tasks/next_token.h"
#include "tasks/user_file.h"

namespace lengthwise {
namespace {

constexpr const char* kKey = "task.text.file";
constexpr const char* kDefaultFile = "data/bible.txt";
constexpr int64_t kBlockBytes = 16384;

class Text final : public NextToken {
 public:
  struct Options {
    std::string file = kDefaultFile;
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

  explicit Text(const Options& options) : Text(options, read_bytes(options.file)) {}

  int64_t vocabulary() const override { return 256; }

  double chance(int64_t /*length*/) const override { return 1.0 / 256.0; }

  std::vector<NgramBaseline> baselines() const override {
    const std::span<const uint8_t> bytes = bytes_;
    std::vector<std::span<const uint8_t>> runs;
    for (const TokenRange& run : training_runs()) {
      runs.push_back(
          bytes.subspan(static_cast<size_t>(run.first), static_cast<size_t>(run.size())));
    }
    const ByteNgram model(runs);
    constexpr int64_t kMost = ByteNgram::kMostContext;
    std::array<double, kMost + 1> bits{};
    for (const TokenRange& block : scored_blocks()) {
      for (int64_t target = block.first; target < block.end; ++target) {
        const auto before = bytes.subspan(static_cast<size_t>(target - kMost)).first<kMost>();
        const auto probabilities = model.probabilities(before, bytes[static_cast<size_t>(target)]);
        for (size_t k = 0; k < bits.size(); ++k) bits[k] -= std::log2(probabilities[k]);
      }
    }
    const auto targets = static_cast<double>(std::ssize(scored_blocks()) * kBlockBytes);
    std::vector<NgramBaseline> result;
    for (int64_t k = 1; k <= kMost; ++k) {
      result.push_back({k, bits[static_cast<size_t>(k)] / targets});
    }
    return result;
  }

  uint64_t data_hash() const override { return hash_; }

 private:
  Text(const Options& options, DataVector<uint8_t>&& bytes)
      : Text(options, std::move(bytes), split_blocks(std::ssize(bytes), kBlockBytes)) {}
  Text(const Options& options, DataVector<uint8_t>&& bytes, const BlockSplit& split)
      : NextToken({kKey, options.file, "bytes"}, kBlockBytes, split,
                  spread_blocks("task.text.validation_bytes", split.validation_blocks,
                                options.validation_bytes)),
        bytes_(std::move(bytes)),
        hash_(hash_bytes(bytes_)) {}

  static DataVector<uint8_t> read_bytes(const std::string& file) {
    constexpr int64_t kLeastBytes = kSplitBlocks * kBlockBytes;
    const std::string where =
        file == kDefaultFile ? " (scripts/setup makes this one)" : std::string();
    return read_user_file(
        kKey, file, kLeastBytes,
        fmt::format("a readable file of at least {} bytes{}", kLeastBytes, where));
  }

  int32_t token_at(int64_t place) const override { return bytes_[static_cast<size_t>(place)]; }

  DataVector<uint8_t> bytes_;
  uint64_t hash_;
};

const bool registered = register_task<Text>();

}  // namespace
}  // namespace lengthwise
