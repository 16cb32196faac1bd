// Where things stand, for the files of tiled attention.
#pragma once
#include <limits>

#include "kernels/tiled_attention.h"

namespace lengthwise::tiled {

inline constexpr int64_t kQueries = 256, kKeys = 256;  // of a tile
inline constexpr float kLowest = -std::numeric_limits<float>::infinity();

struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

struct Layout {
  const TiledSizes& s;
  int64_t query_stride() const { return s.heads * s.width; }
  int64_t key_stride() const { return s.groups * s.width; }
  int64_t query(int64_t b, int64_t i, int64_t h) const {
    return ((b * s.queries + i) * s.heads + h) * s.width;
  }
  int64_t key(int64_t b, int64_t j, int64_t g) const {
    return ((b * s.key_rows + j) * s.groups + g) * s.width;
  }
  int64_t row(int64_t b, int64_t h, int64_t i) const { return (b * s.heads + h) * s.queries + i; }
  int64_t column(const TiledTerms& t, int64_t b, int64_t h, int64_t j) const {
    return (b * s.heads + h) * t.column_stride + j;
  }
};

inline Range query_tile(const TiledSizes& s, int64_t tile) {
  return {tile * kQueries, std::min((tile + 1) * kQueries, s.queries)};
}

// scores[x] += along[x] + across, along null: 0. The two terms meet before the score: sums of gates
// along a sequence are large, with opposite signs, and rounding to their size would swallow it.
inline void add_terms(const float* along, float across, float* scores, int64_t n) {
  for (int64_t x = 0; x < n; ++x) scores[x] += along == nullptr ? across : along[x] + across;
}

}  // namespace lengthwise::tiled
