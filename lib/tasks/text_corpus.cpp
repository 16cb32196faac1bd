#include "tasks/text_corpus.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "base/check.h"

namespace lengthwise {
namespace {

DataVector<uint8_t> read_bytes(std::string_view key, const std::string& path) {
  constexpr int64_t kLeastBytes = kSplitBlocks * kBlockBytes;
  const auto refuse = [&](std::string_view found) {
    user_error("{}: found {} at '{}', expected a readable file of at least {} bytes", key, found,
               path, kLeastBytes);
  };
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) refuse("nothing");
  if (error) refuse(error.message());
  if (std::filesystem::is_directory(status)) refuse("a directory");
  if (!std::filesystem::is_regular_file(status)) refuse("a device or pipe");  // may never end
  const auto size = static_cast<int64_t>(std::filesystem::file_size(path, error));
  if (error) refuse(error.message());
  if (size == 0) refuse("an empty file");
  if (size < kLeastBytes) refuse(fmt::format("only {} bytes", size));

  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse(std::generic_category().message(errno));
  DataVector<uint8_t> bytes(static_cast<size_t>(size));
  file.read(reinterpret_cast<char*>(bytes.data()), size);
  if (file.gcount() != size)
    refuse(fmt::format("only {} of {} bytes to read", file.gcount(), size));
  return bytes;
}

uint64_t fnv1a(const DataVector<uint8_t>& bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

}  // namespace

TextCorpus read_corpus(std::string_view key, const std::string& path) {
  TextCorpus corpus;
  corpus.bytes = read_bytes(key, path);
  corpus.hash = fnv1a(corpus.bytes);
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
