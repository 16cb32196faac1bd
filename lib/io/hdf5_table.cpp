#include <fmt/format.h>

#include <new>
#include <stdexcept>

#include "base/check.h"
#include "io/checked_file.h"
#include "io/hdf5_codec.h"
#include "io/hdf5_handle.h"
#include "io/replace_file.h"
#include "io/table.h"
#include "io/table_bytes.h"
#include "io/table_fault.h"

namespace lengthwise {
namespace {

constexpr std::string_view kExpected = "a results file (HDF5)";

// What `decode` gives, or a UserError that names the path.
template <class Decode>
Table table_or_refusal(const std::filesystem::path& path, const Decode& decode) {
  Table table;
  try {
    table = decode();
  } catch (const Hdf5Error& error) {
    refuse_file(path, fmt::format("a damaged or foreign HDF5 file ({})", error.what()), kExpected);
  } catch (const std::out_of_range& error) {
    refuse_file(path, fmt::format("a damaged HDF5 file ({})", error.what()), kExpected);
  } catch (const std::bad_alloc&) {
    refuse_file(path, "HDF5 with more data than fits in memory", kExpected);
  } catch (const std::length_error&) {
    refuse_file(path, "HDF5 with more data than fits in memory", kExpected);
  }
  const std::string fault = table_fault(table);
  if (!fault.empty()) refuse_file(path, fmt::format("HDF5 with a fault ({})", fault), kExpected);
  return table;
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

Table read_table(const std::filesystem::path& path) { return read_columns(path, {}); }

Table read_columns(const std::filesystem::path& path, std::span<const std::string> wanted) {
  const auto decoded = [&](std::span<const std::byte> contents) {
    return table_or_refusal(path, [&] { return decode_table(contents, wanted); });
  };
  const CheckedFile file =
      read_checked(path, kExpected, [&](auto contents) { return pack_table(decoded(contents)); });
  if (file.sealed) return decoded(file.bytes);
  return table_or_refusal(path, [&] { return unpack_table(file.bytes); });
}

}  // namespace lengthwise
