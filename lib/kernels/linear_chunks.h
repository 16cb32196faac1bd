// What the forward and the backward pass of linear attention share: a worker's scratch, the loading
// of a chunk, and sums over segments.
#pragma once
#include "base/counters.h"
#include "kernels/linear_attention.h"
#include "kernels/rows.h"
#include "kernels/tile_multiply.h"

namespace lengthwise::linear_chunks {

inline constexpr int64_t kLine = 16;  // floats of a cache line

struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

/// One worker's scratch, for chunks of c tokens. A chunk's rows are [c,D], turned ones [D,c].
struct Slab {
  float *query = nullptr, *key = nullptr;    // features
  float *value = nullptr, *slope = nullptr;  // v, and slopes of the numerators
  float *turned = nullptr, *result = nullptr, *other = nullptr;
  float* scores = nullptr;                 // [c,c]
  float* sums = nullptr;                   // [c]: denominators, or their slopes
  float *state = nullptr, *add = nullptr;  // [D(D+1)]: the sum so far, and what a chunk adds
  float* turned_state = nullptr;
  double* total = nullptr;  // the sum so far

  Slab(const LinearSizes& s, float* at);
  static int64_t floats(const LinearSizes& s);
};

/// Rows of x [B,length,heads,D]. A head's stand far apart, so that the machine does not see the
/// next chunk's coming: whoever reads row i fetches row i + ahead.
struct Rows {
  const float* x;
  int64_t length, heads, width, ahead;
  const float* at(int64_t b, int64_t i, int64_t h) const {
    return x + ((b * length + i) * heads + h) * width;
  }
  int64_t stride() const { return heads * width; }
  void fetch_ahead(int64_t b, int64_t i, int64_t h) const {
    if (i + ahead < 0 || i + ahead >= length) return;
    const float* row = at(b, i + ahead, h);
    for (int64_t d = 0; d < width; d += kLine) __builtin_prefetch(row + d, 0, 2);
  }
};

/// Features of the rows; those from `real` on become 0.
void load_features(const Rows& rows, int64_t b, int64_t h, Range range, int64_t real,
                   float* features);
/// The rows themselves; those from `real` on become 0.
void load_rows(const Rows& rows, int64_t b, int64_t h, Range range, int64_t real, float* copy);

/// Counts and multiplies on the calling thread.
void product(int64_t m, int64_t n, int64_t k, MatrixView a, MatrixView b, float beta, float* c);

/// total += left^T right and the column sums of left, weighted by `weights` where there are any:
/// left, right [n,D]; state <- total.
void add_to_total(const LinearSizes& s, const Slab& slab, int64_t n, const float* left,
                  const float* right, const float* weights);
/// total and state <- the sum before, a double in two floats; 0 where it is null.
void begin_total(const LinearSizes& s, const Slab& slab, const float* before);
void store_total(const LinearSizes& s, const double* total, float* high_and_low);

/// Segment `index` of `count`: whole chunks.
Range segment(const LinearSizes& s, int64_t tokens, int64_t index, int64_t count);

enum class Sum { before, after, all };
/// states [B,G,segments,2,..] holds each segment's sum: becomes the sum of the segments before,
/// after, or of all of them (then in the first).
void sum_segments(const LinearSizes& s, Sum sum, int64_t segments, float* states);

/// Zeros what a causal chunk must not see: scores [n,n] above the diagonal.
void keep_lower(float* scores, int64_t n);

/// Each segment's sum of phi(k) [v,1]^T.
void sum_keys(const LinearSizes& s, const float* k, const float* v, int64_t segments, float* slabs,
              float* states);

inline float* state_of(const LinearSizes& s, float* states, int64_t segments, int64_t b, int64_t g,
                       int64_t index) {
  return states + ((b * s.groups + g) * segments + index) * 2 * s.state_floats();
}

/// Where a task of a parallel loop over segments stands, with its scratch.
struct Segment {
  int64_t b, g, index;
  Range tokens;
  Slab slab;
};

/// Calls body(segment) for each segment of each row and group, over all threads.
template <class Body>
void over_segments(const LinearSizes& s, int64_t tokens, int64_t segments, float* slabs,
                   const Body& body) {
  parallel_for(s.batch * s.groups * segments, [&](int64_t task, int worker) {
    const int64_t index = task % segments, row = task / segments;
    body(Segment{row / s.groups, row % s.groups, index, segment(s, tokens, index, segments),
                 Slab(s, slabs + worker * Slab::floats(s))});
  });
}

/// Calls body(chunk) for the chunks of a segment, first to last or last to first.
enum class Order { forward, backward };
template <class Body>
void each_chunk(const LinearSizes& s, Range tokens, Order order, const Body& body) {
  const int64_t chunks = pieces(tokens.size(), s.chunk);
  for (int64_t step = 0; step < chunks; ++step) {
    const int64_t c = order == Order::forward ? step : chunks - 1 - step;
    const int64_t begin = tokens.begin + c * s.chunk;
    body(Range{begin, std::min(begin + s.chunk, tokens.end)});
  }
}

/// Calls body(b, head, chunk, slab) for each chunk of `tokens`, each on its own, over all threads.
template <class Body>
void over_chunks(const LinearSizes& s, int64_t tokens, int64_t heads, float* slabs,
                 const Body& body) {
  const int64_t chunks = pieces(tokens, s.chunk);
  parallel_for(s.batch * heads * chunks, [&](int64_t task, int worker) {
    const int64_t begin = task % chunks * s.chunk, row = task / chunks;
    body(row / heads, row % heads, Range{begin, std::min(begin + s.chunk, tokens)},
         Slab(s, slabs + worker * Slab::floats(s)));
  });
}

/// Calls body(head) for the query heads of a group.
template <class Body>
void each_head(const LinearSizes& s, int64_t g, const Body& body) {
  for (int64_t h = g * s.heads_per_group(); h < (g + 1) * s.heads_per_group(); ++h) body(h);
}

}  // namespace lengthwise::linear_chunks
