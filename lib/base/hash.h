#pragma once
#include <cstdint>
#include <string_view>

namespace lengthwise {

/// FNV-1a, 64 bits: names streams, runs and data; not for secrets.
constexpr uint64_t hash_text(std::string_view text, uint64_t hash = 0xcbf29ce484222325U) {
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3U;
  }
  return hash;
}

}  // namespace lengthwise
