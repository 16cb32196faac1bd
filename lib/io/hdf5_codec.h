#pragma once
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "io/table.h"

namespace lengthwise {

/// The bytes of the results file, sealed: the same for the same table. Hdf5Error.
std::vector<std::byte> encode_table(const Table& table);

/// Of the bytes of a file, sealed or not. Hdf5Error where they hold what a table cannot, or where
/// HDF5 sees the damage that they have. Where `wanted` names columns, these alone are read, as far
/// as they are there; their dimensions but "run" are named too.
Table decode_table(std::span<const std::byte> contents, std::span<const std::string> wanted = {});

/// The same of a file on disk, `most_runs` at a time: at least one table, of no runs where there
/// are none.
void decode_in_pieces(const std::string& path, std::span<const std::string> wanted,
                      size_t most_runs, const std::function<void(const Table&)>& use);

}  // namespace lengthwise
