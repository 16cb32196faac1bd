#include "tasks/text_corpus.h"

#include "base/check.h"
#include "tasks/user_file.h"

namespace lengthwise {

TextCorpus read_corpus(std::string_view key, const std::string& path) {
  TextCorpus corpus;
  constexpr int64_t kLeastBytes = kSplitBlocks * kBlockBytes;
  corpus.bytes = read_user_file(key, path, kLeastBytes,
                                fmt::format("a readable file of at least {} bytes", kLeastBytes));
  corpus.hash = hash_bytes(corpus.bytes);
  const int64_t size = std::ssize(corpus.bytes);
  int64_t run_first = 0;
  for (int64_t block = kSplitBlocks - 1; (block + 1) * kBlockBytes <= size; block += kSplitBlocks) {
    const ByteRange validation{block * kBlockBytes, (block + 1) * kBlockBytes};
    corpus.training_runs.push_back({run_first, validation.first});
    corpus.validation_blocks.push_back(validation);
    run_first = validation.end;
  }
  if (run_first < size) corpus.training_runs.push_back({run_first, size});
  return corpus;
}

std::vector<ByteRange> spread_blocks(std::string_view key, const std::vector<ByteRange>& blocks,
                                     int64_t wanted_bytes) {
  const int64_t there = std::ssize(blocks);
  if (wanted_bytes == 0) return blocks;
  if (wanted_bytes > there * kBlockBytes) {
    user_error("{}: found {}, expected 0 for all or at most the {} that the file has", key,
               wanted_bytes, there * kBlockBytes);
  }
  const int64_t wanted = (wanted_bytes + kBlockBytes - 1) / kBlockBytes;
  std::vector<ByteRange> chosen;
  for (int64_t i = 0; i < wanted; ++i) {  // the middle of each of `wanted` equal parts
    chosen.push_back(blocks[static_cast<size_t>((2 * i + 1) * there / (2 * wanted))]);
  }
  return chosen;
}

}  // namespace lengthwise
