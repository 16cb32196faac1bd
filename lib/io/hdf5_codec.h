#pragma once
#include <cstddef>
#include <filesystem>
#include <vector>

#include "io/table.h"

namespace lengthwise {

/// The bytes of the results file: the same for the same table. Hdf5Error.
std::vector<std::byte> encode_table(const Table& table);

/// Hdf5Error where the file is damaged or holds what a table cannot.
Table decode_table(const std::filesystem::path& path);

}  // namespace lengthwise
