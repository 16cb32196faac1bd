#include "io/hdf5_memory_file.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>

#include "base/check.h"
#include "io/text.h"

namespace lengthwise {
namespace {

using Contents = std::vector<std::byte>;

// The callbacks through which HDF5 keeps a file in our memory.
void* resize_contents(void*, size_t size, H5FD_file_image_op_t, void* contents) {
  try {
    static_cast<Contents*>(contents)->resize(size);
  } catch (const std::exception&) {
    return nullptr;  // HDF5 is C: it takes no exceptions, and makes this an error of its own
  }
  return static_cast<Contents*>(contents)->data();
}
herr_t keep_contents(void*, H5FD_file_image_op_t, void*) { return 0; }
void* same_contents(void* contents) { return contents; }
herr_t not_ours_to_free(void*) { return 0; }

}  // namespace

Hdf5Handle create_hdf5_in(std::vector<std::byte>& contents) {
  constexpr size_t kGrowthBytes = size_t{1} << 20;
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "file access");
  hdf5_check(H5Pset_fapl_core(access, kGrowthBytes, false), "file in memory");
  H5FD_file_image_callbacks_t callbacks = {};
  callbacks.image_realloc = resize_contents;
  callbacks.image_free = keep_contents;
  callbacks.udata_copy = same_contents;
  callbacks.udata_free = not_ours_to_free;
  callbacks.udata = &contents;
  hdf5_check(H5Pset_file_image_callbacks(access, &callbacks), "file in memory");
  hdf5_check(H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18), "file format");
  const Hdf5Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "file creation");
  // without creation order netCDF4 opens the file for reading only
  hdf5_check(H5Pset_link_creation_order(creation, kHdf5Ordered), "link order");
  hdf5_check(H5Pset_attr_creation_order(creation, kHdf5Ordered), "attribute order");
  hdf5_check(H5Pset_obj_track_times(creation, false), "file times");
  return {H5Fcreate("table", H5F_ACC_TRUNC, creation, access), H5Fclose, "file in memory"};
}

// The memory has grown in steps; where the file ends, its superblock (version 2) says.
// H5Fget_file_image would know, but of this version it returns a wrong checksum (HDF5 issue 1915).
void cut_to_end_of_file(std::vector<std::byte>& contents) {
  constexpr size_t kVersion = 8, kEndOfFile = 28;
  check(contents.size() >= kEndOfFile + 8 && contents[kVersion] == std::byte{2},
        "HDF5 wrote a superblock of another version");
  size_t size = 0;
  for (size_t i = 8; i-- > 0;) size = size << 8 | std::to_integer<size_t>(contents[kEndOfFile + i]);
  contents.resize(size);
}

Hdf5Handle open_hdf5_in(std::span<const std::byte> contents) {
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "file access");
  hdf5_check(H5Pset_fapl_core(access, size_t{1} << 20, false), "file in memory");
  // HDF5 copies the image and does not write to it
  hdf5_check(H5Pset_file_image(access, const_cast<std::byte*>(contents.data()), contents.size()),
             "file in memory");
  // by the name alone HDF5 tells files in memory apart: two of one name would be the same file
  static std::atomic<int64_t> number = 0;
  return {H5Fopen(fmt::format("contents {}", ++number).c_str(), H5F_ACC_RDONLY, access), H5Fclose,
          "opening"};
}

void write_text_attribute(hid_t object, const std::string& name, const std::string& value) {
  const std::string text = readable_text(value);
  const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose, name);
  // a string of no bytes is not allowed: "" is one byte of padding
  hdf5_check(H5Tset_size(type, std::max<size_t>(text.size(), 1)), name);
  hdf5_check(H5Tset_strpad(type, H5T_STR_NULLPAD), name);
  hdf5_check(H5Tset_cset(type, H5T_CSET_UTF8), name);
  const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose, name);
  const Hdf5Handle attribute(
      H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose, name);
  hdf5_check(H5Awrite(attribute, type, text.c_str()), name);
}

}  // namespace lengthwise
