#include "base/counters.h"
#include "base/parallel.h"
#include "kernels/multiply.h"
#include "kernels/rows.h"
#include "kernels/tiled_geometry.h"

namespace lengthwise {
namespace {

using namespace tiled;  // NOLINT(google-build-using-namespace): the words of these files

constexpr int64_t kStrip = 64;  // queries of a strip where a tile is seen in part

// Calls body(queries, keys) for the parts of a tile that its products run over: the whole tile
// where every query sees every key, else strips of queries with the keys that any of them sees.
template <class Body>
void each_strip(const TiledSizes& s, const TiledTerms& t, int64_t b, Range queries, Range keys,
                const Body& body) {
  const auto sees = [&](Range rows) -> Range {
    return {std::max(keys.begin, t.begin(b, rows.begin, s.keys)),
            std::min(keys.end, t.end(b, rows.end - 1, s.keys))};
  };
  const bool whole = t.begin(b, queries.end - 1, s.keys) <= keys.begin &&
                     t.end(b, queries.begin, s.keys) >= keys.end;
  const int64_t step = whole ? queries.size() : kStrip;
  for (int64_t i = queries.begin; i < queries.end; i += step) {
    const Range rows{i, std::min(i + step, queries.end)};
    const Range seen = sees(rows);
    if (seen.begin < seen.end) body(rows, seen);
  }
}

// Scores of one strip [rows, keys]: scaled products, then what the terms add.
void score_strip(const TiledSizes& s, const TiledTerms& t, int64_t b, int64_t h, Range rows,
                 Range keys, const float* q, const float* k, float* scores) {
  const Layout at{s};
  const int64_t n = keys.size(), g = h / (s.heads / s.groups);
  multiply(rows.size(), n, s.width, static_cast<float>(t.scale),
           {q + at.query(b, rows.begin, h), at.query_stride()},
           {k + at.key(b, keys.begin, g), at.key_stride(), true}, 0, scores, n);
  const bool with_terms = t.row_term != nullptr || t.column_term != nullptr;
  if (t.bias == nullptr && !with_terms && !t.exclude_self) return;
  for (int64_t i = rows.begin; i < rows.end; ++i) {
    float* row = scores + (i - rows.begin) * n;
    const int64_t position = t.position(b, i);
    if (t.bias != nullptr) {
      const Range seen{std::max(keys.begin, t.begin(b, i, s.keys)),
                       std::min(keys.end, t.end(b, i, s.keys))};
      float* from = row + seen.begin - keys.begin;
      if (seen.size() > 0) {
        add_scaled_row(from, 1.0F, t.bias + h * t.distances + t.zero + seen.begin - position, from,
                       seen.size());
      }
    }
    if (with_terms) {
      const float across = t.row_term == nullptr ? 0.0F : t.row_term[at.row(b, h, i)];
      const float* along =
          t.column_term == nullptr ? nullptr : t.column_term + at.column(t, b, h, keys.begin);
      add_terms(along, across, row, n);
    }
    if (t.exclude_self && keys.begin <= position && position < keys.end) {
      row[position - keys.begin] = kLowest;
    }
  }
}

// Zeros a row of a strip where its query does not see the strip's keys; returns where it does.
Range clear_unseen(const TiledSizes& s, const TiledTerms& t, int64_t b, int64_t i, Range keys,
                   float* row) {
  const int64_t begin = std::clamp(t.begin(b, i, s.keys), keys.begin, keys.end);
  const int64_t end = std::clamp(t.end(b, i, s.keys), begin, keys.end);
  std::fill(row, row + (begin - keys.begin), 0.0F);
  std::fill(row + (end - keys.begin), row + keys.size(), 0.0F);
  return {begin, end};
}

// to [n] += the sums of slopes [m,n] down its columns; sums [n] is scratch.
void add_column_sums(const float* slopes, int64_t m, int64_t n, float* sums, float* to) {
  std::copy_n(slopes, n, sums);
  for (int64_t i = 1; i < m; ++i) add_scaled_row(sums, 1.0F, slopes + i * n, sums, n);
  add_scaled_row(to, 1.0F, sums, to, n);
}

// to [n] += parts [count,n], one after the other.
void add_parts(const float* parts, int64_t count, int64_t n, float* to) {
  parallel_ranges(n, 16384, [&](int64_t begin, int64_t end) {
    for (int64_t part = 0; part < count; ++part) {
      add_scaled_row(to + begin, 1.0F, parts + part * n + begin, to + begin, end - begin);
    }
  });
}

int64_t tile_floats(const TiledSizes& s) {
  return std::min(kQueries, s.queries) * std::min(kKeys, s.keys);
}

}  // namespace

int64_t tiled_backward_slab(const TiledSizes& s) { return 2 * tile_floats(s); }

int64_t tiled_query_parts(const TiledSizes& s) {
  constexpr int64_t kTasks = 8;
  return std::clamp<int64_t>(kTasks / (s.batch * s.groups), 1,
                             std::max<int64_t>(1, pieces(s.keys, kKeys)));
}

// out = weights v, weights = exp(score - log_sum): slope of a score w (g - delta), with
// g = out_gradient v^T and delta = out_gradient . out
// score = scale q.k + bias + (row_term + column_term)
void tiled_attention_backward(const TiledSizes& s, const TiledTerms& t, const float* q,
                              const float* k, const float* v, const float* out,
                              const float* log_sums, const float* from, float* deltas,
                              float* query_parts, float* row_parts, float* slabs,
                              const TiledGradients& to) {
  const Layout at{s};
  const int64_t parts = tiled_query_parts(s), key_tiles = pieces(s.keys, kKeys);
  const int64_t group = s.heads / s.groups, query_floats = s.batch * s.queries * s.heads * s.width;
  const int64_t row_floats = s.batch * s.heads * s.queries;
  parallel_ranges(s.batch * s.queries, 64, [&](int64_t begin, int64_t end) {
    for (int64_t token = begin; token < end; ++token) {
      for (int64_t h = 0; h < s.heads; ++h) {
        const int64_t b = token / s.queries, i = token % s.queries;
        const int64_t row = at.query(b, i, h);
        deltas[at.row(b, h, i)] = dot_row(from + row, out + row, s.width);
        for (int64_t part = 0; parts > 1 && part < parts; ++part) {
          std::fill_n(query_parts + part * query_floats + row, s.width, 0.0F);
          if (to.row_term != nullptr) row_parts[part * row_floats + at.row(b, h, i)] = 0;
        }
      }
    }
  });
  parallel_for(s.batch * s.groups * parts, [&](int64_t task, int worker) {
    const int64_t part = task % parts, g = task / parts % s.groups, b = task / parts / s.groups;
    float* q_slope = parts > 1 ? query_parts + part * query_floats : to.q;
    const bool row_apart = parts > 1 && to.row_term != nullptr;
    float* row_slope = row_apart ? row_parts + part * row_floats : to.row_term;
    float* weights = slabs + worker * tiled_backward_slab(s);
    float* slopes = weights + tile_floats(s);
    int64_t exponentials = 0;
    for (int64_t key_tile = part; key_tile < key_tiles; key_tile += parts) {
      const Range tile_keys{key_tile * kKeys, std::min((key_tile + 1) * kKeys, s.keys)};
      for (int64_t h = g * group; h < (g + 1) * group; ++h) {
        const auto strip_backward = [&](Range rows, Range keys) {
          const int64_t n = keys.size(), m = rows.size();
          const MatrixView strip_from{from + at.query(b, rows.begin, h), at.query_stride()};
          score_strip(s, t, b, h, rows, keys, q, k, weights);
          multiply(m, n, s.width, 1, strip_from,
                   {v + at.key(b, keys.begin, g), at.key_stride(), true}, 0, slopes, n);
          for (int64_t i = rows.begin; i < rows.end; ++i) {
            float* weight = weights + (i - rows.begin) * n;
            float* slope = slopes + (i - rows.begin) * n;
            const Range seen = clear_unseen(s, t, b, i, keys, weight);
            clear_unseen(s, t, b, i, keys, slope);
            const int64_t offset = seen.begin - keys.begin, row = at.row(b, h, i);
            exponentials += seen.size();
            if (log_sums[row] == kLowest) {
              std::fill_n(weight, n, 0.0F);
              std::fill_n(slope, n, 0.0F);
              continue;
            }
            if (t.dropout.rate > 0) {
              dropout_row(t.dropout, row, seen.begin, slope + offset, slope + offset, seen.size());
            }
            weight_and_slope_row(weight + offset, log_sums[row], deltas[row], slope + offset,
                                 seen.size());
            if (to.row_term != nullptr) row_slope[row] += sum_row(slope + offset, seen.size());
            if (t.dropout.rate > 0) {
              dropout_row(t.dropout, row, seen.begin, weight + offset, weight + offset,
                          seen.size());
            }
          }
          if (to.v != nullptr)
            multiply(n, s.width, m, 1, {weights, n, true}, strip_from, 1,
                     to.v + at.key(b, keys.begin, g), at.key_stride());
          if (to.k != nullptr)
            multiply(n, s.width, m, static_cast<float>(t.scale), {slopes, n, true},
                     {q + at.query(b, rows.begin, h), at.query_stride()}, 1,
                     to.k + at.key(b, keys.begin, g), at.key_stride());
          if (to.q != nullptr)
            multiply(m, s.width, n, static_cast<float>(t.scale), {slopes, n},
                     {k + at.key(b, keys.begin, g), at.key_stride()}, 1,
                     q_slope + at.query(b, rows.begin, h), at.query_stride());
          if (to.column_term != nullptr)  // the weights are done with: their first row gathers
            add_column_sums(slopes, m, n, weights, to.column_term + at.column(t, b, h, keys.begin));
        };
        for (int64_t tile = 0; tile < pieces(s.queries, kQueries); ++tile) {
          const Range queries = query_tile(s, tile);
          if (t.begin(b, queries.begin, s.keys) >= tile_keys.end) break;
          if (t.end(b, queries.end - 1, s.keys) <= tile_keys.begin) continue;
          each_strip(s, t, b, queries, tile_keys, strip_backward);
        }
      }
    }
    count_exponentials(exponentials);
  });
  if (parts == 1) return;
  if (to.q != nullptr) add_parts(query_parts, parts, query_floats, to.q);
  if (to.row_term != nullptr) add_parts(row_parts, parts, row_floats, to.row_term);
}

}  // namespace lengthwise
