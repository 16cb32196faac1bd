#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/memory.h"

namespace lengthwise {

/// The bytes of a file that the user named under this key. UserError where it cannot be read or has
/// fewer: `{key}: found {what} at '{path}', expected {expected}`.
DataVector<uint8_t> read_user_file(std::string_view key, const std::string& path,
                                   int64_t least_bytes, std::string_view expected);

/// FNV-1a, 64 bits, of all bytes.
uint64_t hash_bytes(const DataVector<uint8_t>& bytes);

}  // namespace lengthwise
