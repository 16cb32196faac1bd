#pragma once
#include <string>
#include <string_view>

namespace lengthwise {

/// The same text with U+FFFD in place of every byte that is NUL or not part of valid UTF-8.
std::string readable_text(std::string_view text);

}  // namespace lengthwise
