// A results file as CSV or JSON, for tools that read no HDF5. Knows tables, not the schema.
#pragma once
#include <string>

#include "io/table.h"

namespace lengthwise {

/// A header and one row for each run (RFC 4180, lines end in CR LF). A column over run alone stands
/// under its name; one over further dimensions is one field for each place, named by the places'
/// coordinates, or their numbers from 0 where a dimension has none:
/// `forward_seconds[0]`, `accuracy[512]`, `live_bytes[attention,activations]`. Absent numbers are
/// empty, flags stand by their meaning, numbers read back as the same doubles.
std::string export_csv(const Table& table);

/// {"attributes": {...},
///  "dimensions": {name: coordinates, or the extent where there are none},
///  "columns": {name: {"dimensions", "units", "long_name"}},
///  "runs": [{name: value, or values in nested arrays}, ...]}
/// in the file's order. Absent and infinite numbers are null, flags stand by their meaning, bytes
/// that are not UTF-8 become U+FFFD.
std::string export_json(const Table& table);

}  // namespace lengthwise
