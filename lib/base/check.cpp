#include "base/check.h"

namespace lengthwise {

void check_failed(std::string_view what, CodePlace where) {
  throw CheckFailure(fmt::format("{}:{}: {}", where.file, where.line, what));
}

}  // namespace lengthwise
