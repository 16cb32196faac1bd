#include "base/check.h"

namespace lengthwise {

void check_failed(std::string_view what, const std::source_location& where) {
  throw CheckFailure(fmt::format("{}:{}: {}", where.file_name(), where.line(), what));
}

}  // namespace lengthwise
