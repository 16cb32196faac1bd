// Tables over lengths for the terminal.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/text_table.h"

namespace lengthwise {

using Rows = std::vector<std::vector<std::string>>;

template <class Map>
std::vector<int64_t> keys_of(const Map& map) {
  std::vector<int64_t> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

/// "no memory", "timed out": in the place of a number.
inline std::string failure_text(const std::string& status) {
  std::string words = status == "out_of_memory" ? "no memory" : status;
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

inline size_t widest_line(std::string_view text) {
  size_t widest = 0;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    widest = std::max(widest, display_width(text.substr(start, end - start)));
    start = end + 1;
  }
  return widest;
}

/// The table that `rows_of` makes of the lengths, without the shortest where all do not fit in 110
/// columns.
template <class RowsOf>
std::string fitting_table(std::vector<int64_t> lengths, const RowsOf& rows_of) {
  constexpr size_t kWidth = 110, kFewestLengths = 3;
  size_t left_out = 0;
  std::string text = aligned(rows_of(lengths));
  while (widest_line(text) > kWidth && lengths.size() > kFewestLengths) {
    lengths.erase(lengths.begin());
    ++left_out;
    text = aligned(rows_of(lengths));
  }
  if (left_out > 0) text += fmt::format("({} shorter lengths: --json)\n", left_out);
  return text;
}

}  // namespace lengthwise
