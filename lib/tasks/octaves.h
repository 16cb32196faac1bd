// Parts of a score by size: as many at 4 to 7 as at 8 to 15, each named by its least number.
#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"

namespace lengthwise {

/// 0 for 1, 1 for 2 and 3, 2 for 4 to 7; number >= 1.
inline int64_t octave_of(int64_t number) {
  return std::bit_width(static_cast<uint64_t>(number)) - 1;
}

/// "distance=3", "distance=4", "distance=8" for distances 3 to 10: the octaves from least to most.
inline std::vector<std::string> octave_names(std::string_view what, int64_t least, int64_t most) {
  std::vector<std::string> names;
  for (int64_t octave = octave_of(least); octave <= octave_of(most); ++octave) {
    names.push_back(fmt::format("{}={}", what, std::max(least, int64_t{1} << octave)));
  }
  return names;
}

}  // namespace lengthwise
