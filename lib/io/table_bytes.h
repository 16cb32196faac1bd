// A table as plain bytes, for the way from one process of ours to another.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "io/table.h"

namespace lengthwise {

std::vector<std::byte> pack_table(const Table& table);

/// std::out_of_range where the bytes are not all of a packed table and nothing else.
Table unpack_table(std::span<const std::byte> bytes);

}  // namespace lengthwise
