// A checksum behind what HDF5 takes for the end of its file: every reader ignores it, and a program
// that writes to the file cuts it off. HDF5 1.10 can crash or loop on a damaged file, so a file is
// held to its seal before HDF5 sees it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lengthwise {

/// What is appended: 16 bytes of magic with the version of the seal, the length of the contents and
/// their checksum, both little-endian.
inline constexpr size_t kSealBytes = 32;

/// The contents with their seal behind them.
std::vector<std::byte> seal(std::vector<std::byte> contents);

/// Whether these, the last bytes of a file, are those of a seal, whole or broken.
bool ends_in_seal(std::span<const std::byte> bytes);

/// What the seal, the last kSealBytes, says against contents of so many bytes with this checksum;
/// "" where they are what was sealed.
std::string seal_fault(std::span<const std::byte> seal, size_t bytes, uint64_t checksum);

struct SealedFile {
  std::span<const std::byte> contents;
  std::string damage;  // "" where the contents are what was sealed
};
/// Of a whole file that ends in a seal.
SealedFile open_sealed(std::span<const std::byte> bytes);

/// 64 bits, not for secrets. Two texts of one length that differ in one aligned word of eight bytes
/// alone never have the same.
uint64_t checksum_of(std::span<const std::byte> bytes);

/// The same of contents that come in pieces, all but the last of whole words of eight bytes.
class Checksum {
 public:
  explicit Checksum(size_t all_bytes) : sum_(all_bytes) {}
  void add(std::span<const std::byte> piece);
  uint64_t value() const;

 private:
  uint64_t sum_, rest_ = 0;
};

}  // namespace lengthwise
