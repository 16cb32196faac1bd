// The header of a safetensors file: 8 bytes that say how long it is (little-endian), then JSON that
// names each tensor's type, shape and place in what follows. huggingface.co/docs/safetensors
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lengthwise {

struct SafetensorsEntry {
  std::string type;  // as the format names it: "F32"
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // bytes, counted from the end of the header
};

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::map<std::string, SafetensorsEntry> tensors;
  uint64_t bytes = 0;  // of the header with its length: where the tensors begin
};

inline constexpr uint64_t kSafetensorsLengthBytes = 8;
inline constexpr uint64_t kMostSafetensorsHeaderBytes = 100'000'000;  // as the format's authors set

/// How long the header is, its 8 bytes of length included, of a file of so many bytes that begins
/// with these. UserError, as below, says what was found and what was expected, without the path.
uint64_t safetensors_header_bytes(std::span<const std::byte> start, uint64_t file_bytes);

/// The header that these bytes are, of a file of so many bytes. UserError where it is none, or not
/// of this file: a name or key twice, an unknown type, a size that is not the shape's, tensors that
/// overlap, leave holes or bytes over, or end past the file.
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> header, uint64_t file_bytes);

/// The bytes of a header of these tensors, whose places are set so that they follow one another;
/// with spaces at its end, so that the first begins at a multiple of 64 bytes.
std::string safetensors_header_text(SafetensorsHeader& header);

/// Bytes of one element; 0: no type of the format.
uint64_t safetensors_type_bytes(std::string_view type);

}  // namespace lengthwise
