#pragma once
#include <string>

#include "io/table.h"

namespace lengthwise {

/// In one line, how the table breaks what table.h promises of it; "" where it does not.
std::string table_fault(const Table& table);

/// "numbers", "integers", "texts" or "flags".
std::string kind_name(const Column& column);

/// A dimension's own variable.
bool is_coordinate(const Column& column);

}  // namespace lengthwise
