#include "io/archive.h"

#include <numeric>
#include <span>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "io/checked_file.h"
#include "io/hdf5_handle.h"
#include "io/hdf5_memory_file.h"
#include "io/replace_file.h"
#include "io/sealed_file.h"

namespace lengthwise {
namespace {

constexpr std::string_view kExpected = "a checkpoint (HDF5)";

void write_dataset(hid_t file, const std::string& name, hid_t file_type, hid_t memory_type,
                   const std::vector<hsize_t>& extents, const void* values) {
  const Hdf5Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose, "link creation");
  hdf5_check(H5Pset_create_intermediate_group(links, 1), "groups");
  const Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "dataset creation");
  hdf5_check(H5Pset_obj_track_times(creation, false), "dataset times");
  const Hdf5Handle space(
      H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr), H5Sclose, name);
  const Hdf5Handle dataset(
      H5Dcreate2(file, name.c_str(), file_type, space, links, creation, H5P_DEFAULT), H5Dclose,
      name);
  if (values != nullptr) {
    hdf5_check(H5Dwrite(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), name);
  }
}

std::vector<std::byte> encode_archive(const Archive& archive) {
  std::vector<std::byte> contents;
  Hdf5Handle file = create_hdf5_in(contents);
  const Hdf5Handle text_type = hdf5_text_type();
  for (const auto& [name, text] : archive.texts) {
    const char* pointer = text.c_str();
    write_dataset(file, name, text_type, text_type, {1}, &pointer);
  }
  for (const auto& [name, value] : archive.integers) {
    write_dataset(file, name, H5T_STD_I64LE, H5T_NATIVE_INT64, {1}, &value);
  }
  for (const auto& [name, values] : archive.numbers) {
    write_dataset(file, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, {values.size()}, values.data());
  }
  for (const auto& [name, array] : archive.arrays) {
    write_dataset(file, name, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT,
                  {array.shape.begin(), array.shape.end()}, array.values.data());
  }
  file.close("closing");
  cut_to_end_of_file(contents);
  return seal(std::move(contents));
}

void read_dataset(hid_t file, const std::string& name, Archive& archive) {
  const Hdf5Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose, name);
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose, name);
  const int rank = H5Sget_simple_extent_ndims(space);
  hdf5_check(rank, name);
  std::vector<hsize_t> extents(static_cast<size_t>(rank));
  hdf5_check(H5Sget_simple_extent_dims(space, extents.data(), nullptr), name);
  const size_t count =
      std::accumulate(extents.begin(), extents.end(), size_t{1}, std::multiplies<>());
  const Hdf5Handle type(H5Dget_type(dataset), H5Tclose, name);
  const H5T_class_t kind = H5Tget_class(type);
  if (kind == H5T_FLOAT && H5Tget_size(type) == sizeof(float)) {
    archive.arrays[name] = {{extents.begin(), extents.end()},
                            read_values<float>(dataset, {count}, H5T_NATIVE_FLOAT, name)};
  } else if (kind == H5T_FLOAT) {
    archive.numbers[name] = read_values<double>(dataset, {count}, H5T_NATIVE_DOUBLE, name);
  } else if (kind == H5T_INTEGER && count == 1) {
    archive.integers[name] = read_values<int64_t>(dataset, {count}, H5T_NATIVE_INT64, name).front();
  } else if (kind == H5T_STRING && count == 1 && H5Tis_variable_str(type) > 0) {
    archive.texts[name] = read_texts(dataset, {count}, name).front();
  } else {
    throw Hdf5Error(fmt::format("'{}' is neither float, double, one int64 nor one text", name));
  }
}

herr_t keep_dataset_name(hid_t, const char* name, const H5O_info_t* info, void* names) {
  if (info->type == H5O_TYPE_DATASET) {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  }
  return 0;
}

Archive decode_archive(std::span<const std::byte> contents) {
  const Hdf5Handle file = open_hdf5_in(contents);
  std::vector<std::string> names;
  hdf5_check(H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, keep_dataset_name, &names, H5O_INFO_BASIC),
             "list of datasets");
  Archive archive;
  for (const std::string& name : names) read_dataset(file, name, archive);
  return archive;
}

}  // namespace

void write_archive(const std::filesystem::path& path, const Archive& archive) {
  silence_hdf5();
  try {
    replace_file(path, encode_archive(archive));
  } catch (const Hdf5Error& error) {
    user_error("{}: cannot be written: HDF5 found '{}'", path.string(), error.what());
  }
}

Archive read_archive(const std::filesystem::path& path) {
  // Nobody else writes checkpoints: one without a seal is none, and HDF5 does not get to see it.
  const std::vector<std::byte> contents = read_sealed(path, kExpected);
  try {
    return decode_archive(contents);
  } catch (const Hdf5Error& error) {
    refuse_file(path, fmt::format("foreign contents ({})", error.what()), kExpected);
  }
}

}  // namespace lengthwise
