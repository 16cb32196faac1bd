#pragma once
#include <algorithm>
#include <cmath>
#include <span>

#include "autograd/tape.h"
#include "base/parallel.h"

namespace lengthwise {

/// The angle at a position of the pair that a channel belongs to, channels 2d and 2d+1:
/// position * base^(-2d/width).
inline double pair_angle(int64_t position, int64_t channel, int64_t width, double base) {
  const double share = static_cast<double>(channel - channel % 2) / static_cast<double>(width);
  return static_cast<double>(position) * std::pow(base, -share);
}

/// Constant values by position [positions, width] under the tag `data`, made when first asked for
/// and remade when a longer sequence comes.
class PositionTable {
 public:
  /// Rows for positions up to max(first) + length - 1; value(position, channel) in double.
  template <class Value>
  Var rows(int64_t length, std::span<const int64_t> first, int64_t width,
           const Value& value) const {
    int64_t positions = length;
    for (const int64_t start : first) positions = std::max(positions, start + length);
    if (!table_.defined() || table_.extent(0) < positions || table_.extent(1) != width) {
      // Decoding asks for one more position each time.
      if (table_.defined()) positions = std::max(positions, 2 * table_.extent(0));
      table_ = Tensor({positions, width}, Tag::data);
      parallel_ranges(positions, 64, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
          for (int64_t c = 0; c < width; ++c) {
            table_.data()[p * width + c] = static_cast<float>(value(p, c));
          }
        }
      });
    }
    return Var(table_);
  }

 private:
  mutable Tensor table_;  // a cache: what rows returns is a function of its arguments
};

}  // namespace lengthwise
