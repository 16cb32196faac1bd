// Ways to cut a sequence into the pieces that decoding takes.
#pragma once
#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace lengthwise {

/// T tokens of every row, of which the first taken[b] are real.
struct DecodePiece {
  int64_t tokens = 0;
  std::vector<int64_t> taken;  // [B]
};

struct DecodePieces {
  std::string_view name;
  /// Until every row has taken `length` tokens.
  std::vector<DecodePiece> (*of)(int64_t batch, int64_t length);
};

/// Token by token, at once, prefilled by half, in uneven pieces, rows at different speeds.
std::span<const DecodePieces> decode_pieces();

}  // namespace lengthwise
