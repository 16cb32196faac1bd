#include <fmt/format.h>
#include <hdf5_hl.h>

#include <algorithm>

#include "base/check.h"
#include "io/hdf5_codec.h"
#include "io/hdf5_handle.h"
#include "io/hdf5_memory_file.h"

namespace lengthwise {
namespace {

std::vector<std::string> link_names(hid_t file) {
  const Hdf5Handle group(H5Gopen2(file, "/", H5P_DEFAULT), H5Gclose, "list of variables");
  H5G_info_t info;
  hdf5_check(H5Gget_info(group, &info), "list of variables");
  const Hdf5Handle creation(H5Gget_create_plist(group), H5Pclose, "link order");
  unsigned order = 0;
  hdf5_check(H5Pget_link_creation_order(creation, &order), "link order");
  const auto index = (order & H5P_CRT_ORDER_TRACKED) != 0 ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    const ssize_t size =
        H5Lget_name_by_idx(group, ".", index, H5_ITER_INC, i, nullptr, 0, H5P_DEFAULT);
    hdf5_check(size, "name of a variable");
    std::string name(static_cast<size_t>(size) + 1, '\0');
    hdf5_check(H5Lget_name_by_idx(group, ".", index, H5_ITER_INC, i, name.data(), name.size(),
                                  H5P_DEFAULT),
               "name of a variable");
    name.pop_back();
    names.push_back(std::move(name));
  }
  return names;
}

// Ours are of fixed length; tools that add their own often write variable length.
std::string read_text(hid_t attribute, hid_t type) {
  if (H5Tis_variable_str(type) > 0) {
    const Hdf5Handle space(H5Aget_space(attribute), H5Sclose, "attribute");
    const hssize_t count = H5Sget_simple_extent_npoints(space);
    if (count != 1) return "";
    char* text = nullptr;
    const Hdf5Handle memory_type(H5Tget_native_type(type, H5T_DIR_ASCEND), H5Tclose, "attribute");
    hdf5_check(H5Aread(attribute, memory_type, &text), "attribute");
    std::string result = text == nullptr ? "" : text;
    H5free_memory(text);
    return result;
  }
  std::string text(static_cast<size_t>(H5Aget_storage_size(attribute)), '\0');
  if (text.empty()) return "";
  hdf5_check(H5Aread(attribute, type, text.data()), "attribute");
  return text.substr(0, text.find('\0'));
}

// "" where there is none or it is not text.
std::string read_text_attribute(hid_t object, const std::string& name) {
  const htri_t exists = H5Aexists(object, name.c_str());
  hdf5_check(exists, name);
  if (exists == 0) return "";
  const Hdf5Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose, name);
  const Hdf5Handle type(H5Aget_type(attribute), H5Tclose, name);
  return H5Tget_class(type) == H5T_STRING ? read_text(attribute, type) : "";
}

herr_t keep_name(hid_t, const char* name, const H5A_info_t*, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}

std::map<std::string, std::string> read_file_attributes(hid_t file) {
  std::vector<std::string> names;
  hsize_t first = 0;
  hdf5_check(H5Aiterate2(file, H5_INDEX_NAME, H5_ITER_INC, &first, keep_name, &names),
             "attributes");
  std::map<std::string, std::string> attributes;
  for (const std::string& name : names) {
    const Hdf5Handle attribute(H5Aopen(file, name.c_str(), H5P_DEFAULT), H5Aclose, name);
    const Hdf5Handle type(H5Aget_type(attribute), H5Tclose, name);
    if (name.starts_with("_NC")) continue;  // netCDF's own, of whoever touched the file last
    if (H5Tget_class(type) == H5T_STRING) attributes[name] = read_text(attribute, type);
  }
  return attributes;
}

struct Variable {
  std::string name;
  Hdf5Handle dataset;
  std::vector<hsize_t> extents;
  bool is_scale = false;
  bool is_bare_dimension = false;
};

Variable open_variable(hid_t file, const std::string& name) {
  Hdf5Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose,
                     fmt::format("'{}' is not a readable dataset", name));
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose, name);
  const int rank = H5Sget_simple_extent_ndims(space);
  hdf5_check(rank, name);
  Variable variable{name, std::move(dataset), std::vector<hsize_t>(static_cast<size_t>(rank))};
  hdf5_check(H5Sget_simple_extent_dims(space, variable.extents.data(), nullptr), name);
  variable.is_scale = H5DSis_scale(variable.dataset) > 0;
  if (variable.is_scale && rank != 1) {
    throw Hdf5Error(fmt::format("dimension '{}' has {} axes", name, rank));
  }
  variable.is_bare_dimension =
      variable.is_scale && read_text_attribute(variable.dataset, "NAME")
                               .starts_with("This is a netCDF dimension but not a netCDF variable");
  return variable;
}

// Asking a scale for its name makes HDF5 search the whole file for it.
using ScaleNames = std::map<hobj_ref_t, std::string>;

// H5DSiterate_scales opens every scale that it names.
std::vector<hobj_ref_t> scales_of(const Variable& variable) {
  const auto rank = variable.extents.size();
  const Hdf5Handle attribute(H5Aopen(variable.dataset, "DIMENSION_LIST", H5P_DEFAULT), H5Aclose,
                             fmt::format("'{}' has no dimensions", variable.name));
  const Hdf5Handle space(H5Aget_space(attribute), H5Sclose, variable.name);
  if (H5Sget_simple_extent_npoints(space) != static_cast<hssize_t>(rank)) {
    throw Hdf5Error(fmt::format("'{}' has dimensions of another number of axes", variable.name));
  }
  const Hdf5Handle type(H5Tvlen_create(H5T_STD_REF_OBJ), H5Tclose, variable.name);
  std::vector<hvl_t> axes(rank);
  hdf5_check(H5Aread(attribute, type, axes.data()), variable.name);
  std::vector<hobj_ref_t> scales;
  for (const hvl_t& axis : axes) {
    scales.push_back(axis.len > 0 ? *static_cast<const hobj_ref_t*>(axis.p) : HADDR_UNDEF);
  }
  hdf5_check(H5Dvlen_reclaim(type, space, H5P_DEFAULT, axes.data()), variable.name);
  return scales;
}

std::vector<std::string> dimensions_of(const Variable& variable, const ScaleNames& names) {
  if (variable.is_scale) return {variable.name};
  const std::vector<hobj_ref_t> scales = scales_of(variable);
  std::vector<std::string> dimensions;
  for (size_t axis = 0; axis < scales.size(); ++axis) {
    const auto found = names.find(scales[axis]);
    if (found == names.end()) {
      throw Hdf5Error(fmt::format("axis {} of '{}' has no dimension", axis, variable.name));
    }
    dimensions.push_back(found->second);
  }
  return dimensions;
}

void read_selection(const Variable& variable, const Hdf5Selection& selection, Column& column) {
  const Hdf5Handle type(H5Dget_type(variable.dataset), H5Tclose, variable.name);
  const H5T_class_t kind = H5Tget_class(type);
  const size_t bytes = H5Tget_size(type);
  const bool is_signed = kind == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_2;
  if (kind == H5T_FLOAT && bytes <= sizeof(double)) {
    column.values =
        read_values<double>(variable.dataset, selection, H5T_NATIVE_DOUBLE, variable.name);
  } else if (kind == H5T_INTEGER && bytes == 1 && !is_signed) {
    column.values =
        read_values<uint8_t>(variable.dataset, selection, H5T_NATIVE_UINT8, variable.name);
  } else if (kind == H5T_INTEGER && (is_signed || bytes < sizeof(int64_t))) {
    column.values =
        read_values<int64_t>(variable.dataset, selection, H5T_NATIVE_INT64, variable.name);
  } else if (kind == H5T_STRING && H5Tis_variable_str(type) > 0) {
    column.values = read_texts(variable.dataset, selection, variable.name);
  } else {
    throw Hdf5Error(fmt::format("'{}' is neither float64, int64, uint8 nor variable-length text",
                                variable.name));
  }
}

// Of all runs, those that are read.
struct Runs {
  hsize_t first = 0, count = 0, all = 0;
};

void read_column_values(const Variable& variable, const Runs& runs, Column& column) {
  std::vector<hsize_t> begin(variable.extents.size()), extents = variable.extents;
  const bool has_runs = !column.dimensions.empty() && column.dimensions.front() == "run";
  const bool in_part = has_runs && runs.count < runs.all;
  if (in_part && extents.front() != runs.all) {
    throw Hdf5Error(
        fmt::format("'{}' has {} rows of {}", variable.name, extents.front(), runs.all));
  }
  if (in_part) begin.front() = runs.first, extents.front() = runs.count;
  size_t count = 1;
  for (const hsize_t extent : extents) count *= extent;
  if (!in_part) return read_selection(variable, {count}, column);
  const Hdf5Handle memory(
      H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr), H5Sclose,
      variable.name);
  const Hdf5Handle file(H5Dget_space(variable.dataset), H5Sclose, variable.name);
  hdf5_check(
      H5Sselect_hyperslab(file, H5S_SELECT_SET, begin.data(), nullptr, extents.data(), nullptr),
      variable.name);
  read_selection(variable, {count, memory, file}, column);
}

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> result;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    if (end > begin) result.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return result;
}

Column read_column(const Variable& variable, const ScaleNames& scales, const Runs& runs) {
  Column column;
  column.name = variable.name;
  column.dimensions = dimensions_of(variable, scales);
  column.units = read_text_attribute(variable.dataset, "units");
  column.long_name = read_text_attribute(variable.dataset, "long_name");
  column.flag_meanings = words(read_text_attribute(variable.dataset, "flag_meanings"));
  read_column_values(variable, runs, column);
  return column;
}

std::vector<std::string> those_there(hid_t file, std::span<const std::string> wanted) {
  std::vector<std::string> names = {"run"};
  names.insert(names.end(), wanted.begin(), wanted.end());
  std::erase_if(names, [&](const std::string& name) {
    return H5Lexists(file, name.c_str(), H5P_DEFAULT) <= 0;
  });
  return names;
}

struct OpenTable {
  Table without_columns;
  std::vector<Variable> variables;
  ScaleNames scales;
};

OpenTable open_table(hid_t file, std::span<const std::string> wanted) {
  OpenTable table;
  table.without_columns.attributes = read_file_attributes(file);
  auto& dimensions = table.without_columns.dimensions;
  for (const std::string& name : wanted.empty() ? link_names(file) : those_there(file, wanted)) {
    table.variables.push_back(open_variable(file, name));
    const Variable& variable = table.variables.back();
    if (!variable.is_scale) continue;
    dimensions[name] = static_cast<int64_t>(variable.extents.front());
    table.scales[reference_to(variable.dataset)] = name;
  }
  // before the columns: of a stranger's file, this is what there is to say
  if (!dimensions.contains("run")) throw Hdf5Error("no dimension 'run'");
  return table;
}

Table read_runs(const OpenTable& open, const Runs& runs) {
  Table table = open.without_columns;
  table.dimensions["run"] = static_cast<int64_t>(runs.count);
  for (const Variable& variable : open.variables) {
    if (variable.is_bare_dimension) continue;
    table.columns.push_back(read_column(variable, open.scales, runs));
  }
  return table;
}

hsize_t runs_of(const OpenTable& table) {
  return static_cast<hsize_t>(table.without_columns.dimensions.at("run"));
}

// Without HDF5's lock, which some file systems of clusters refuse.
Hdf5Handle open_hdf5_at(const std::string& path) {
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "file access");
  hdf5_check(H5Pset_file_locking(access, false, true), "file access");
  return {H5Fopen(path.c_str(), H5F_ACC_RDONLY, access), H5Fclose, "opening"};
}

}  // namespace

Table decode_table(std::span<const std::byte> contents, std::span<const std::string> wanted) {
  const Hdf5Handle file = open_hdf5_in(contents);
  const OpenTable table = open_table(file, wanted);
  return read_runs(table, {0, runs_of(table), runs_of(table)});
}

void decode_in_pieces(const std::string& path, std::span<const std::string> wanted,
                      size_t most_runs, const std::function<void(const Table&)>& use) {
  const Hdf5Handle file = open_hdf5_at(path);
  const OpenTable table = open_table(file, wanted);
  const hsize_t runs = runs_of(table);
  hsize_t first = 0;
  do {
    const hsize_t count = std::min<hsize_t>(most_runs, runs - first);
    use(read_runs(table, {first, count, runs}));
    first += count;
  } while (first < runs);
}

}  // namespace lengthwise
