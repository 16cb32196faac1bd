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

void Checksum::add(std::span<const std::byte> piece) {
  uint64_t sum = sum_;
  for (; piece.size() >= kWord; piece = piece.subspan(kWord)) sum = stirred(sum, word_at(piece));
  sum_ = sum;
  rest_ = word_at(piece);
}

uint64_t Checksum::value() const {
  const uint64_t sum = stirred(sum_, rest_);
  return sum ^ sum >> 32;
}

uint64_t checksum_of(std::span<const std::byte> bytes) {
  Checksum checksum(bytes.size());
  checksum.add(bytes);
  return checksum.value();
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

std::string seal_fault(std::span<const std::byte> seal, size_t bytes, uint64_t checksum) {
  const uint64_t length = word_at(seal.last(2 * kWord)), sealed = word_at(seal.last(kWord));
  if (length != bytes) return fmt::format("{} bytes, sealed with {}", bytes, length);
  if (checksum == sealed) return "";
  return fmt::format("checksum {:016x}, sealed with {:016x}", checksum, sealed);
}

SealedFile open_sealed(std::span<const std::byte> bytes) {
  check(ends_in_seal(bytes), "found no seal at the end of the file, expected one");
  const auto contents = bytes.first(bytes.size() - kSealBytes);
  return {contents, seal_fault(bytes.last(kSealBytes), contents.size(), checksum_of(contents))};
}

}  // namespace lengthwise
