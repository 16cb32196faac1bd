// The results file: columns over named dimensions, in HDF5 that is also netCDF-4.
// Everything about HDF5 stays behind this header.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace lengthwise {

/// One variable. Its first dimension is "run", unless it is a coordinate: then its only dimension
/// bears its own name. Values are in row-major order. Absent numbers are NaN, absent text is "".
struct Column {
  using Numbers = std::vector<double>;
  using Integers = std::vector<int64_t>;
  using Texts = std::vector<std::string>;
  using Flags = std::vector<uint8_t>;

  std::string name;
  std::vector<std::string> dimensions;
  std::variant<Numbers, Integers, Texts, Flags> values;
  std::string units;  // "s", "byte", "1" ...; "" for text
  std::string long_name;
  std::vector<std::string> flag_meanings;  // of Flags: the meaning of 0, 1, 2 ...
};

struct Table {
  std::map<std::string, std::string> attributes;  // of the file: title, Conventions, version ...
  /// Name -> extent. In the file "run" can grow where there is not exactly one: the row of a single
  /// run is kept without chunks, whose index would be most of its file.
  std::map<std::string, int64_t> dimensions;
  std::vector<Column> columns;

  /// nullptr where there is none.
  const Column* find(const std::string& name) const;
};

/// Writes path + ".tmp", closes it, fsyncs it, renames it to path and fsyncs the folder: path is
/// either the old file or the whole new one. UserError names the path where it cannot be written;
/// CheckFailure where the table breaks what is said above. Bytes of texts that are not UTF-8 become
/// U+FFFD: no reader could decode them, and the rest of the run is worth keeping.
void write_table(const std::filesystem::path& path, const Table& table);

/// UserError names the path where it is missing, not HDF5, truncated, or not a table of ours.
Table read_table(const std::filesystem::path& path);

/// These columns alone, as far as they are there, with all their dimensions but "run" named among
/// them; none named: all. Much quicker where a table has many. UserError as read_table.
Table read_columns(const std::filesystem::path& path, std::span<const std::string> wanted);

/// The same of a table that may be larger than memory: in pieces of at most so many runs, in their
/// order, each as a table of its own; one piece where there are no runs, or where the file has no
/// seal. UserError as read_table.
void read_in_pieces(const std::filesystem::path& path, std::span<const std::string> wanted,
                    size_t most_runs, const std::function<void(const Table&)>& use);

/// The rows of all parts, in their order. A dimension with a coordinate becomes the sorted union of
/// the parts' coordinates (text coordinates: order of first appearance) and values move to their
/// new place; one without (repeats, steps of a curve) becomes as long as the longest. Gaps are NaN
/// or "". A column that a part lacks is absent there (NaN, ""; integers and flags: UserError).
/// Attributes and units are those of the first part that has them; units, kinds or dimensions that
/// contradict each other are a UserError. Flags are renumbered by their meaning.
Table merge_tables(std::span<const Table> parts);

/// The table of one of its runs, with all dimensions: merging those of every run gives it back.
Table row_of(const Table& table, size_t row);

}  // namespace lengthwise
