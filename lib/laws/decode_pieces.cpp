#include "laws/decode_pieces.h"

namespace lengthwise {
namespace {

using Pieces = std::vector<DecodePiece>;

DecodePiece even(int64_t batch, int64_t tokens) {
  return {tokens, std::vector<int64_t>(static_cast<size_t>(batch), tokens)};
}

Pieces one_by_one(int64_t batch, int64_t length) {
  return Pieces(static_cast<size_t>(length), even(batch, 1));
}

Pieces at_once(int64_t batch, int64_t length) { return {even(batch, length)}; }

Pieces prefilled(int64_t batch, int64_t length) {
  Pieces pieces = one_by_one(batch, length - length / 2);
  if (length > 1) pieces.insert(pieces.begin(), even(batch, length / 2));
  return pieces;
}

Pieces uneven(int64_t batch, int64_t length) {
  Pieces pieces;
  for (int64_t done = 0, tokens = 1; done < length; done += tokens) {
    tokens = std::min(length - done, (5 * tokens + 3) % 23 + 1);
    pieces.push_back(even(batch, tokens));
  }
  return pieces;
}

// Row b takes one token less a piece than row b - 1, and none now and then.
Pieces ragged(int64_t batch, int64_t length) {
  Pieces pieces;
  std::vector<int64_t> left(static_cast<size_t>(batch), length);
  for (int64_t n = 0; std::any_of(left.begin(), left.end(), [](int64_t l) { return l > 0; }); ++n) {
    DecodePiece piece{4, {}};
    for (size_t b = 0; b < left.size(); ++b) {
      const int64_t wanted = std::max<int64_t>(0, (n % 3) + 2 - static_cast<int64_t>(b));
      piece.taken.push_back(std::min(left[b], wanted));
      left[b] -= piece.taken.back();
    }
    pieces.push_back(piece);
  }
  return pieces;
}

constexpr DecodePieces kPieces[] = {{"token by token", one_by_one},
                                    {"at once", at_once},
                                    {"prefilled by half", prefilled},
                                    {"in uneven pieces", uneven},
                                    {"ragged", ragged}};

}  // namespace

std::span<const DecodePieces> decode_pieces() { return kPieces; }

}  // namespace lengthwise
