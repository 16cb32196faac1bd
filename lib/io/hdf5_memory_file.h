// An HDF5 file that grows in our memory, so that every failure of the disk is replace_file's to
// report: HDF5 itself, once a write has failed, can neither close nor let go of its file.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "io/hdf5_handle.h"

namespace lengthwise {

/// Links and attributes keep the order in which they were made; netCDF4 wants that.
inline constexpr unsigned kHdf5Ordered = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;

/// A new file whose bytes will be `contents`, which outlives it.
Hdf5Handle create_hdf5_in(std::vector<std::byte>& contents);
/// Once the file is closed: drops what memory holds past its end.
void cut_to_end_of_file(std::vector<std::byte>& contents);

/// The file whose bytes these are, to be read.
Hdf5Handle open_hdf5_in(std::span<const std::byte> contents);

/// Fixed length: netCDF and xarray want it so for attributes.
void write_text_attribute(hid_t object, const std::string& name, const std::string& value);

}  // namespace lengthwise
