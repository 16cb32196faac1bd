// Amounts as a person types them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/memory.h"

namespace lengthwise {

/// "2GiB", "500MiB", "64KiB", "1TiB", or a number of bytes. UserError names the key.
int64_t parse_bytes(std::string_view key, std::string_view text);
/// "90", "90s", "15m", "2h": above 0. UserError names the key.
double parse_seconds(std::string_view key, std::string_view text);

/// As in "1.5 GiB".
std::string bytes_text(int64_t bytes);
/// As in "64.0 KiB wanted, 1.5 GiB in use, limit 1.5 GiB".
std::string memory_text(const OutOfMemory& error);
/// As in "1.2 s", "3 min 20 s", "2 h 5 min".
std::string seconds_text(double seconds);
/// As in "1.3 TFLOP".
std::string flops_text(double flops);

}  // namespace lengthwise
