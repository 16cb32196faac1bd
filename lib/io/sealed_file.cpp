#include "io/sealed_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string_view>

#include "base/check.h"

namespace lengthwise {
namespace {

static_assert(std::endian::native == std::endian::little, "words are read as they lie in memory");

constexpr std::string_view kMagic = "\nlengthwiseSeal1";
constexpr size_t kWord = sizeof(uint64_t);
static_assert(kMagic.size() + 2 * kWord == kSealBytes);

uint64_t word_at(std::span<const std::byte> bytes) {
  uint64_t word = 0;
  if (!bytes.empty()) std::memcpy(&word, bytes.data(), std::min(bytes.size(), kWord));
  return word;
}

// Each step turns different words into different sums and different sums into different sums.
uint64_t stirred(uint64_t sum, uint64_t word) {
  return std::rotl(sum ^ word, 29) * 0x9e3779b97f4a7c15U;
}

void append_word(std::vector<std::byte>& bytes, uint64_t word) {
  const auto parts = std::bit_cast<std::array<std::byte, kWord>>(word);
  bytes.insert(bytes.end(), parts.begin(), parts.end());
}

}  // namespace

uint64_t checksum_of(std::span<const std::byte> bytes) {
  uint64_t sum = bytes.size();
  for (; bytes.size() >= kWord; bytes = bytes.subspan(kWord)) sum = stirred(sum, word_at(bytes));
  sum = stirred(sum, word_at(bytes));
  return sum ^ sum >> 32;
}

std::vector<std::byte> seal(std::vector<std::byte> contents) {
  const uint64_t length = contents.size(), checksum = checksum_of(contents);
  for (const char c : kMagic) contents.push_back(static_cast<std::byte>(c));
  append_word(contents, length);
  append_word(contents, checksum);
  return contents;
}

bool ends_in_seal(std::span<const std::byte> bytes) {
  return bytes.size() >= kSealBytes &&
         std::memcmp(bytes.last(kSealBytes).data(), kMagic.data(), kMagic.size()) == 0;
}

SealedFile open_sealed(std::span<const std::byte> bytes) {
  check(ends_in_seal(bytes), "found no seal at the end of the file, expected one");
  SealedFile file{bytes.first(bytes.size() - kSealBytes), ""};
  const uint64_t length = word_at(bytes.last(2 * kWord)), checksum = word_at(bytes.last(kWord));
  if (length != file.contents.size()) {
    file.damage = fmt::format("{} bytes, sealed with {}", file.contents.size(), length);
  } else if (const uint64_t found = checksum_of(file.contents); found != checksum) {
    file.damage = fmt::format("checksum {:016x}, sealed with {:016x}", found, checksum);
  }
  return file;
}

}  // namespace lengthwise
