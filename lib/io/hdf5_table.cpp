#include <cerrno>
#include <fstream>
#include <new>
#include <stdexcept>
#include <system_error>

#include "base/check.h"
#include "io/hdf5_codec.h"
#include "io/hdf5_handle.h"
#include "io/replace_file.h"
#include "io/table.h"
#include "io/table_fault.h"

namespace lengthwise {
namespace {

[[noreturn]] void not_a_table(const std::filesystem::path& path, std::string_view found) {
  user_error("{}: found {}, expected a results file (HDF5)", path.string(), found);
}

// What HDF5 would only call "unable to open file".
void refuse_what_is_no_hdf5(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) not_a_table(path, "no such file");
  if (error) not_a_table(path, "'" + error.message() + "'");
  if (std::filesystem::is_directory(status)) not_a_table(path, "a folder");
  if (!std::filesystem::is_regular_file(status)) not_a_table(path, "no regular file");
  errno = 0;
  if (!std::ifstream(path)) {
    not_a_table(path, "'" + std::generic_category().message(errno) + "'");
  }
  if (std::filesystem::file_size(path, error) == 0) not_a_table(path, "an empty file");
  if (H5Fis_hdf5(path.c_str()) == 0) not_a_table(path, "a file that is not HDF5");
}

}  // namespace

void write_table(const std::filesystem::path& path, const Table& table) {
  const std::string fault = table_fault(table);
  check(fault.empty(), fault);
  silence_hdf5();
  std::vector<std::byte> contents;
  try {
    contents = encode_table(table);
  } catch (const Hdf5Error& error) {
    user_error("{}: cannot be written: HDF5 found '{}'", path.string(), error.what());
  }
  replace_file(path, contents);
}

Table read_table(const std::filesystem::path& path) {
  silence_hdf5();
  refuse_what_is_no_hdf5(path);
  Table table;
  try {
    table = decode_table(path);
  } catch (const Hdf5Error& error) {
    not_a_table(path, fmt::format("a damaged or foreign HDF5 file ({})", error.what()));
  } catch (const std::bad_alloc&) {
    not_a_table(path, "HDF5 with more data than fits in memory");
  } catch (const std::length_error&) {
    not_a_table(path, "HDF5 with more data than fits in memory");
  }
  const std::string fault = table_fault(table);
  if (!fault.empty()) not_a_table(path, fmt::format("HDF5 with a fault ({})", fault));
  return table;
}

}  // namespace lengthwise
