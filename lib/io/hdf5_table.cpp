#include <fmt/format.h>

#include <new>
#include <optional>
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

void refuse_faults(const std::filesystem::path& path, const Table& table) {
  const std::string fault = table_fault(table);
  if (!fault.empty()) refuse_file(path, fmt::format("HDF5 with a fault ({})", fault), kExpected);
}

// What `decode` gives, or a UserError that names the path.
template <class Decode>
auto decoded_or_refused(const std::filesystem::path& path, const Decode& decode) {
  try {
    return decode();
  } catch (const Hdf5Error& error) {
    refuse_file(path, fmt::format("a damaged or foreign HDF5 file ({})", error.what()), kExpected);
  } catch (const std::out_of_range& error) {
    refuse_file(path, fmt::format("a damaged HDF5 file ({})", error.what()), kExpected);
  } catch (const std::bad_alloc&) {
    refuse_file(path, "HDF5 with more data than fits in memory", kExpected);
  } catch (const std::length_error&) {
    refuse_file(path, "HDF5 with more data than fits in memory", kExpected);
  }
}

template <class Decode>
Table table_or_refusal(const std::filesystem::path& path, const Decode& decode) {
  Table table = decoded_or_refused(path, decode);
  refuse_faults(path, table);
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

void read_in_pieces(const std::filesystem::path& path, std::span<const std::string> wanted,
                    size_t most_runs, const std::function<void(const Table&)>& use) {
  const std::optional<OpenFile> file = open_checked(path, kExpected);
  if (!file) return use(read_columns(path, wanted));
  decoded_or_refused(path, [&] {
    decode_in_pieces(file->path(), wanted, most_runs, [&](const Table& piece) {
      refuse_faults(path, piece);
      use(piece);
    });
  });
}

}  // namespace lengthwise
