#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "io/table.h"

namespace lengthwise {

/// The bytes of the results file, sealed: the same for the same table. Hdf5Error.
std::vector<std::byte> encode_table(const Table& table);

/// Of the bytes of a file, sealed or not. Hdf5Error where they hold what a table cannot, or where
/// HDF5 sees the damage that they have. Where `wanted` names columns, these alone are read, as far
/// as they are there; their only dimension is "run".
Table decode_table(std::span<const std::byte> contents, std::span<const std::string> wanted = {});

}  // namespace lengthwise
