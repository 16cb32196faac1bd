#include <fmt/format.h>
#include <fmt/ranges.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#include "io/hdf5_codec.h"
#include "io/hdf5_handle.h"
#include "io/hdf5_memory_file.h"
#include "io/sealed_file.h"
#include "io/table_fault.h"
#include "io/text.h"

namespace lengthwise {
namespace {

constexpr hsize_t kChunkBytes = hsize_t{1} << 20;
constexpr hsize_t kCompactBytes = hsize_t{1} << 13;  // an object header holds less than 64 KiB

void write_array_attribute(hid_t object, const char* name, hid_t file_type, hid_t memory_type,
                           hsize_t count, const void* values) {
  const Hdf5Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose, name);
  const Hdf5Handle attribute(H5Acreate2(object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT),
                             H5Aclose, name);
  hdf5_check(H5Awrite(attribute, memory_type, values), name);
}

struct Layout {
  std::vector<hsize_t> extents, largest, chunk;
  bool chunked = false;
  bool compact = false;  // in the object header
};

Layout layout_of(const Table& table, const std::vector<std::string>& dimensions,
                 size_t element_bytes) {
  Layout layout;
  hsize_t row_bytes = element_bytes, bytes = element_bytes;
  for (const std::string& name : dimensions) {
    const auto extent = static_cast<hsize_t>(table.dimensions.at(name));
    // the index of chunks takes 2 KiB a column: too much for one run
    const bool unlimited = name == "run" && extent != 1;
    layout.chunked = layout.chunked || unlimited;
    layout.extents.push_back(extent);
    bytes *= extent;
    layout.largest.push_back(unlimited ? H5S_UNLIMITED : extent);
    layout.chunk.push_back(std::max<hsize_t>(extent, 1));  // a chunk has no extent of 0
    if (&name != &dimensions.front()) row_bytes *= layout.chunk.back();
  }
  const hsize_t rows = std::max<hsize_t>(kChunkBytes / row_bytes, 1);
  layout.chunk.front() = std::min(layout.chunk.front(), rows);
  layout.compact = !layout.chunked && bytes > 0 && bytes <= kCompactBytes;
  return layout;
}

Hdf5Handle dataset_creation(const Layout& layout) {
  Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "dataset creation");
  hdf5_check(H5Pset_attr_creation_order(creation, kHdf5Ordered), "attribute order");
  hdf5_check(H5Pset_obj_track_times(creation, false), "dataset times");
  if (layout.chunked) {
    const int rank = static_cast<int>(layout.chunk.size());
    hdf5_check(H5Pset_chunk(creation, rank, layout.chunk.data()), "chunks");
  }
  if (layout.compact) hdf5_check(H5Pset_layout(creation, H5D_COMPACT), "layout");
  return creation;
}

Hdf5Handle create_dataset(hid_t file, const std::string& name, hid_t type, const Layout& layout,
                          hid_t creation) {
  const Hdf5Handle space(H5Screate_simple(static_cast<int>(layout.extents.size()),
                                          layout.extents.data(), layout.largest.data()),
                         H5Sclose, name);
  return {H5Dcreate2(file, name.c_str(), type, space, H5P_DEFAULT, creation, H5P_DEFAULT), H5Dclose,
          name};
}

// A dimension without a variable of its name; netCDF knows it by this text.
Hdf5Handle write_bare_dimension(hid_t file, const Table& table, const std::string& name) {
  const Layout layout = layout_of(table, {name}, sizeof(float));
  const Hdf5Handle creation = dataset_creation(layout);
  Hdf5Handle scale = create_dataset(file, name, H5T_IEEE_F32BE, layout, creation);
  const std::string label = fmt::format(
      "This is a netCDF dimension but not a netCDF variable.{:10}", table.dimensions.at(name));
  hdf5_check(H5DSset_scale(scale, label.c_str()), name);
  return scale;
}

struct Kind {
  hid_t file_type, memory_type;
  size_t element_bytes;
};

Kind kind_of(const Column::Numbers&) { return {H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 8}; }
Kind kind_of(const Column::Integers&) { return {H5T_STD_I64LE, H5T_NATIVE_INT64, 8}; }
Kind kind_of(const Column::Flags&) { return {H5T_STD_U8LE, H5T_NATIVE_UINT8, 1}; }

template <class Values>
Hdf5Handle write_values(hid_t file, const Table& table, const Column& column,
                        const Values& values) {
  const Kind kind = kind_of(values);
  const Layout layout = layout_of(table, column.dimensions, kind.element_bytes);
  const Hdf5Handle creation = dataset_creation(layout);
  if (layout.chunked) hdf5_check(H5Pset_fletcher32(creation), "checksum");
  constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();
  constexpr bool kNumbers = std::is_same_v<Values, Column::Numbers>;
  if (kNumbers) {
    hdf5_check(H5Pset_fill_value(creation, kind.memory_type, &kAbsent), "fill value");
  }
  Hdf5Handle dataset = create_dataset(file, column.name, kind.file_type, layout, creation);
  // integers have none: with one, xarray makes them float64 and corrupts seeds
  if (kNumbers) {
    write_array_attribute(dataset, "_FillValue", kind.file_type, kind.memory_type, 1, &kAbsent);
  }
  if (!values.empty()) {
    hdf5_check(H5Dwrite(dataset, kind.memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
               column.name);
  }
  return dataset;
}

Hdf5Handle write_values(hid_t file, const Table& table, const Column& column,
                        const Column::Texts& values) {
  const Hdf5Handle type = hdf5_text_type();
  const Layout layout = layout_of(table, column.dimensions, sizeof(hvl_t));
  const Hdf5Handle creation = dataset_creation(layout);
  Hdf5Handle dataset = create_dataset(file, column.name, type, layout, creation);
  std::vector<std::string> texts;
  std::vector<const char*> pointers;
  for (const std::string& text : values) texts.push_back(readable_text(text));
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  if (!values.empty()) {
    hdf5_check(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, hdf5_text_transfer(), pointers.data()),
               column.name);
  }
  return dataset;
}

Hdf5Handle write_column(hid_t file, const Table& table, const Column& column) {
  Hdf5Handle dataset = std::visit(
      [&](const auto& values) { return write_values(file, table, column, values); }, column.values);
  if (!column.long_name.empty()) write_text_attribute(dataset, "long_name", column.long_name);
  if (!column.units.empty()) write_text_attribute(dataset, "units", column.units);
  if (!column.flag_meanings.empty()) {
    std::vector<uint8_t> flags;
    for (size_t i = 0; i < column.flag_meanings.size(); ++i) {
      flags.push_back(static_cast<uint8_t>(i));
    }
    write_array_attribute(dataset, "flag_values", H5T_STD_U8LE, H5T_NATIVE_UINT8, flags.size(),
                          flags.data());
    write_text_attribute(dataset, "flag_meanings",
                         fmt::format("{}", fmt::join(column.flag_meanings, " ")));
  }
  if (is_coordinate(column)) hdf5_check(H5DSset_scale(dataset, column.name.c_str()), column.name);
  return dataset;
}

// What H5DSattach_scale writes: a column refers to its dimensions, and each dimension to all its
// columns. That function writes a dimension's whole list anew for every column.
struct ScaleUse {
  hobj_ref_t dataset;
  int axis;
  int padding = 0;  // goes into the file, which is the same for the same table
};
using Objects = std::map<std::string, Hdf5Handle>;
using References = std::map<std::string, hobj_ref_t>;
using ScaleUses = std::map<std::string, std::vector<ScaleUse>>;

void write_dimension_list(hid_t dataset, const Column& column, const References& references) {
  std::vector<hvl_t> axes;
  for (const std::string& name : column.dimensions) {
    axes.push_back({1, const_cast<hobj_ref_t*>(&references.at(name))});  // HDF5 only reads it
  }
  const Hdf5Handle type(H5Tvlen_create(H5T_STD_REF_OBJ), H5Tclose, column.name);
  write_array_attribute(dataset, "DIMENSION_LIST", type, type, axes.size(), axes.data());
}

void write_reference_list(hid_t scale, const std::vector<ScaleUse>& uses) {
  const Hdf5Handle type(H5Tcreate(H5T_COMPOUND, sizeof(ScaleUse)), H5Tclose, "reference list");
  hdf5_check(H5Tinsert(type, "dataset", HOFFSET(ScaleUse, dataset), H5T_STD_REF_OBJ), "dataset");
  hdf5_check(H5Tinsert(type, "dimension", HOFFSET(ScaleUse, axis), H5T_NATIVE_INT), "dimension");
  write_array_attribute(scale, "REFERENCE_LIST", type, type, uses.size(), uses.data());
}

void attach_dimensions(const Table& table, const Objects& objects) {
  References references;
  for (const auto& [name, object] : objects) references[name] = reference_to(object);
  ScaleUses uses;
  for (const Column& column : table.columns) {
    if (is_coordinate(column)) continue;
    write_dimension_list(objects.at(column.name), column, references);
    for (size_t axis = 0; axis < column.dimensions.size(); ++axis) {
      uses[column.dimensions[axis]].push_back({references.at(column.name), static_cast<int>(axis)});
    }
  }
  for (const auto& [name, list] : uses) write_reference_list(objects.at(name), list);
}

}  // namespace

std::vector<std::byte> encode_table(const Table& table) {
  std::vector<std::byte> contents;
  Hdf5Handle file = create_hdf5_in(contents);
  for (const auto& [name, value] : table.attributes) write_text_attribute(file, name, value);
  {
    Objects objects;
    for (const auto& [name, extent] : table.dimensions) {
      if (table.find(name) == nullptr) {
        objects.emplace(name, write_bare_dimension(file, table, name));
      }
    }
    for (const Column& column : table.columns) {
      objects.emplace(column.name, write_column(file, table, column));
    }
    attach_dimensions(table, objects);
  }
  file.close("closing");
  cut_to_end_of_file(contents);
  return seal(std::move(contents));
}

}  // namespace lengthwise
