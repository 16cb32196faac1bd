#include <cmath>

#include "base/counters.h"
#include "base/parallel.h"
#include "kernels/columns.h"
#include "kernels/tile_multiply.h"
#include "kernels/tiled_geometry.h"

namespace lengthwise {
namespace {

using namespace tiled;  // NOLINT(google-build-using-namespace): the words of these files

// One head's queries of a panel, and what they have gathered. Everything is turned, a query to a
// column: queries [D, kPanelQueries], out the same.
struct Panel {
  Range rows;
  float *queries, *out;
  RunningSoftmax running;
};

int64_t panel_floats(const TiledSizes& s) { return kPanelQueries * (2 * s.width + 3); }

// The task of one call: a head's queries of one tile, against all keys that they see.
struct Task {
  const TiledSizes& s;
  const TiledTerms& t;
  int64_t b, h, g;
};

// Which of the panel's queries see key j: a range that moves on from that of the key before, since
// what a query sees moves on with it.
Range queries_that_see(const Task& task, Range rows, int64_t j, Range seeing) {
  const auto& [s, t, b, h, g] = task;
  while (seeing.begin < rows.end && t.end(b, seeing.begin, s.keys) <= j) ++seeing.begin;
  seeing.end = std::max(seeing.end, seeing.begin);
  while (seeing.end < rows.end && t.begin(b, seeing.end, s.keys) <= j) ++seeing.end;
  return seeing;
}

// scores [keys, kPanelQueries]: -inf where a query does not see a key.
void hide_unseen(const Task& task, Range rows, Range keys, float* scores) {
  const auto& [s, t, b, h, g] = task;
  const bool whole =
      t.begin(b, rows.end - 1, s.keys) <= keys.begin && t.end(b, rows.begin, s.keys) >= keys.end;
  Range seeing{rows.begin, rows.begin};
  for (int64_t j = keys.begin; !whole && j < keys.end; ++j) {
    float* row = scores + (j - keys.begin) * kPanelQueries;
    seeing = queries_that_see(task, rows, j, seeing);
    std::fill(row, row + (seeing.begin - rows.begin), kLowest);
    std::fill(row + (seeing.end - rows.begin), row + rows.size(), kLowest);
  }
  for (int64_t i = rows.begin; t.exclude_self && i < rows.end; ++i) {
    const int64_t j = t.position(b, i);
    if (keys.begin <= j && j < keys.end) {
      scores[(j - keys.begin) * kPanelQueries + i - rows.begin] = kLowest;
    }
  }
}

// scores += bias by distance. Along a key's row distances fall: `turned` holds the bias so that
// they rise; distances that the table lacks are none that a query sees.
void add_bias(const Task& task, Range rows, Range keys, float* turned, float* scores) {
  const auto& [s, t, b, h, g] = task;
  const float* bias = t.bias + h * t.distances;
  const int64_t most = t.zero + keys.end - 1 - t.position(b, rows.begin);
  for (int64_t x = 0; x < keys.size() + rows.size() - 1; ++x) {
    const int64_t column = most - x;
    turned[x] = column >= 0 && column < t.distances ? bias[column] : 0.0F;
  }
  for (int64_t j = keys.begin; j < keys.end; ++j) {
    float* row = scores + (j - keys.begin) * kPanelQueries;
    const float* from = turned + (keys.end - 1 - j);
    for (int64_t i = 0; i < rows.size(); ++i) row[i] += from[i];
  }
}

// scores += row_term + column_term.
void add_row_and_column(const Task& task, Range rows, Range keys, float* scores) {
  const auto& [s, t, b, h, g] = task;
  const Layout at{s};
  const float* along = t.row_term == nullptr ? nullptr : t.row_term + at.row(b, h, rows.begin);
  for (int64_t j = keys.begin; j < keys.end; ++j) {
    const float across = t.column_term == nullptr ? 0.0F : t.column_term[at.column(t, b, h, j)];
    add_terms(along, across, scores + (j - keys.begin) * kPanelQueries, rows.size());
  }
}

// Dropout is drawn along a query's keys: `factors` holds one query's.
void drop(const Task& task, Range rows, Range keys, float* factors, float* weights) {
  const Layout at{task.s};
  for (int64_t i = rows.begin; i < rows.end; ++i) {
    std::fill_n(factors, keys.size(), 1.0F);
    dropout_row(task.t.dropout, at.row(task.b, task.h, i), keys.begin, factors, factors,
                keys.size());
    float* column = weights + (i - rows.begin);
    for (int64_t j = 0; j < keys.size(); ++j) column[j * kPanelQueries] *= factors[j];
  }
}

// One panel meets one block of keys.
void mix(const Task& task, const Panel& panel, Range keys, const float* k, const float* v,
         float* scores, float* scratch) {
  const auto& [s, t, b, h, g] = task;
  const Layout at{s};
  const int64_t m = keys.size(), n = panel.rows.size();
  count_flops(4 * m * n * s.width);
  count_exponentials(m * n);
  // A query's padding columns hold what they held: nothing leaves its column.
  tile_multiply(m, n, s.width, static_cast<float>(t.scale),
                {k + at.key(b, keys.begin, g), at.key_stride()}, {panel.queries, kPanelQueries}, 0,
                scores, kPanelQueries);
  if (t.bias != nullptr) add_bias(task, panel.rows, keys, scratch, scores);
  if (t.row_term != nullptr || t.column_term != nullptr) {
    add_row_and_column(task, panel.rows, keys, scores);
  }
  hide_unseen(task, panel.rows, keys, scores);
  step_softmax(scores, m, panel.running);
  if (t.dropout.rate > 0) drop(task, panel.rows, keys, scratch, scores);
  tile_multiply_onto_scaled(s.width, n, m, {v + at.key(b, keys.begin, g), at.key_stride(), true},
                            {scores, kPanelQueries}, panel.running.shrink, panel.out,
                            kPanelQueries);
}

}  // namespace

int64_t tiled_forward_slab(const TiledSizes& s) {
  const int64_t panels = std::min(pieces(s.queries, kPanelQueries), kQueries / kPanelQueries);
  const int64_t keys = std::min(kKeys, s.keys);
  return panels * panel_floats(s) + keys * kPanelQueries + keys + kPanelQueries;
}

void tiled_attention_forward(const TiledSizes& s, const TiledTerms& t, const float* q,
                             const float* k, const float* v, float* log_sums, float* out,
                             float* slabs) {
  const Layout at{s};
  const int64_t tiles = pieces(s.queries, kQueries);
  parallel_for(s.batch * s.heads * tiles, [&](int64_t index, int worker) {
    // The last tiles of a causal sequence are the longest: they come first.
    const int64_t tile = tiles - 1 - index / (s.batch * s.heads);
    const int64_t h = index % s.heads, b = index / s.heads % s.batch;
    const Task task{s, t, b, h, h / (s.heads / s.groups)};
    const Range queries = query_tile(s, tile);
    const int64_t panels = pieces(queries.size(), kPanelQueries);
    float* slab = slabs + worker * tiled_forward_slab(s);
    float* scores = slab + panels * panel_floats(s);
    float* scratch = scores + std::min(kKeys, s.keys) * kPanelQueries;
    const auto panel_at = [&](int64_t index_in_tile) -> Panel {
      const int64_t begin = queries.begin + index_in_tile * kPanelQueries;
      float* first = slab + index_in_tile * panel_floats(s);
      float* gathered = first + kPanelQueries * s.width;
      float* running = gathered + kPanelQueries * s.width;
      return {{begin, std::min(begin + kPanelQueries, queries.end)},
              first,
              gathered,
              {running, running + kPanelQueries, running + 2 * kPanelQueries}};
    };
    for (int64_t p = 0; p < panels; ++p) {
      const Panel panel = panel_at(p);
      transpose(q + at.query(b, panel.rows.begin, h), at.query_stride(), panel.rows.size(), s.width,
                panel.queries, kPanelQueries);
      std::fill_n(panel.out, kPanelQueries * s.width, 0.0F);
      begin_softmax(panel.running);
    }
    const int64_t begin = t.begin(b, queries.begin, s.keys);
    for (int64_t j = begin / kKeys * kKeys; j < t.end(b, queries.end - 1, s.keys); j += kKeys) {
      for (int64_t p = 0; p < panels; ++p) {
        const Panel panel = panel_at(p);
        const Range seen{std::max(j, t.begin(b, panel.rows.begin, s.keys)),
                         std::min(j + kKeys, t.end(b, panel.rows.end - 1, s.keys))};
        if (seen.size() > 0) mix(task, panel, seen, k, v, scores, scratch);
      }
    }
    for (int64_t p = 0; p < panels; ++p) {
      const Panel panel = panel_at(p);
      const int64_t n = panel.rows.size();
      for (int64_t i = 0; i < n; ++i) {
        const float most = panel.running.most[i];
        log_sums[at.row(b, h, panel.rows.begin + i)] =
            panel.running.sum[i] == 0 ? kLowest : most + std::log(panel.running.sum[i]);
      }
      finish_softmax(panel.out, s.width, panel.running);
      transpose(panel.out, kPanelQueries, s.width, n, out + at.query(b, panel.rows.begin, h),
                at.query_stride());
    }
  });
}

}  // namespace lengthwise
