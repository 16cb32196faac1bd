// A user's file, cut into blocks that train and blocks that validate.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/memory.h"

namespace lengthwise {

inline constexpr int64_t kBlockBytes = 16384;
/// Of so many blocks in a row the last validates and the others train.
inline constexpr int64_t kSplitBlocks = 10;

/// Offsets [first, end) into the file.
struct ByteRange {
  int64_t first, end;
  int64_t size() const { return end - first; }
};

struct TextCorpus {
  DataVector<uint8_t> bytes;
  /// Longest stretches without a byte of a validation block; the last goes to the end of the file.
  std::vector<ByteRange> training_runs;
  /// Whole blocks only: a partial block at the end of the file trains.
  std::vector<ByteRange> validation_blocks;
  /// FNV-1a, 64 bits, of all bytes.
  uint64_t hash = 0;
};

/// UserError names `key` and path where the file cannot be read or has no validation block.
TextCorpus read_corpus(std::string_view key, const std::string& path);

/// As few blocks as hold `wanted_bytes` (0: all of them), spread evenly. UserError names `key`
/// where there are not so many.
std::vector<ByteRange> spread_blocks(std::string_view key, const std::vector<ByteRange>& blocks,
                                     int64_t wanted_bytes);

}  // namespace lengthwise
