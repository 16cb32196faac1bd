#include "kernels/linear_chunks.h"

namespace lengthwise {
namespace linear_chunks {
namespace {

int64_t chunk_of(const LinearSizes& s) {
  return std::min(s.chunk, std::max<int64_t>({1, s.queries, s.keys}));
}

// Gives out parts of a slab, each from a cache line on.
class Parts {
 public:
  explicit Parts(float* at) : at_(at) {}
  float* next(int64_t floats) {
    float* part = at_ + taken_;
    taken_ += pieces(floats, kLine) * kLine;
    return part;
  }

 private:
  float* at_;
  int64_t taken_ = 0;
};

// to <- load(row) of the rows; those from `real` on become 0.
template <class Load>
void load_each(const Rows& rows, int64_t b, int64_t h, Range range, int64_t real, float* to,
               Load load) {
  for (int64_t i = range.begin; i < range.end; ++i, to += rows.width) {
    rows.fetch_ahead(b, i, h);
    if (i < real) {
      load(rows.at(b, i, h), to, rows.width);
    } else {
      std::fill_n(to, rows.width, 0.0F);
    }
  }
}

// A double as two floats, the second what the first has lost.
void split(double value, float& high, float& low) {
  high = static_cast<float>(value);
  low = static_cast<float>(value - static_cast<double>(high));
}
double joined(float high, float low) {
  return static_cast<double>(high) + static_cast<double>(low);
}

}  // namespace

Slab::Slab(const LinearSizes& s, float* at) {
  const int64_t rows = chunk_of(s) * s.width, square = chunk_of(s) * chunk_of(s);
  Parts parts(at);
  for (float** part : {&query, &key, &value, &slope, &turned, &result, &other}) {
    *part = parts.next(rows);
  }
  scores = parts.next(square);
  sums = parts.next(chunk_of(s));
  for (float** part : {&state, &add, &turned_state}) *part = parts.next(s.state_floats());
  total = reinterpret_cast<double*>(parts.next(2 * s.state_floats()));
}

int64_t Slab::floats(const LinearSizes& s) {
  const auto lines = [](int64_t floats) { return pieces(floats, kLine) * kLine; };
  return 7 * lines(chunk_of(s) * s.width) + lines(chunk_of(s) * chunk_of(s)) + lines(chunk_of(s)) +
         3 * lines(s.state_floats()) + lines(2 * s.state_floats());
}

void load_features(const Rows& rows, int64_t b, int64_t h, Range range, int64_t real,
                   float* features) {
  count_exponentials(range.size() * rows.width);
  load_each(rows, b, h, range, real, features, elu_plus_one_row);
}

void load_rows(const Rows& rows, int64_t b, int64_t h, Range range, int64_t real, float* copy) {
  load_each(rows, b, h, range, real, copy,
            [](const float* from, float* to, int64_t n) { std::copy_n(from, n, to); });
}

void product(int64_t m, int64_t n, int64_t k, MatrixView a, MatrixView b, float beta, float* c) {
  count_flops(2 * m * n * k);
  tile_multiply(m, n, k, 1, a, b, beta, c, n);
}

void add_to_total(const LinearSizes& s, const Slab& slab, int64_t n, const float* left,
                  const float* right, const float* weights) {
  const int64_t D = s.width;
  product(D, D, n, {left, D, true}, {right, D}, 0, slab.add);
  count_flops(2 * n * D);
  float* column_sums = slab.add + D * D;
  std::fill_n(column_sums, D, 0.0F);
  for (int64_t i = 0; i < n; ++i) {
    add_scaled_row(column_sums, weights == nullptr ? 1.0F : weights[i], left + i * D, column_sums,
                   D);
  }
  for (int64_t e = 0; e < s.state_floats(); ++e) {
    slab.total[e] += static_cast<double>(slab.add[e]);
    slab.state[e] = static_cast<float>(slab.total[e]);
  }
}

void begin_total(const LinearSizes& s, const Slab& slab, const float* before) {
  for (int64_t e = 0; e < s.state_floats(); ++e) {
    slab.total[e] = before == nullptr ? 0.0 : joined(before[e], before[s.state_floats() + e]);
    slab.state[e] = static_cast<float>(slab.total[e]);
  }
}

void store_total(const LinearSizes& s, const double* total, float* high_and_low) {
  for (int64_t e = 0; e < s.state_floats(); ++e) {
    split(total[e], high_and_low[e], high_and_low[s.state_floats() + e]);
  }
}

Range segment(const LinearSizes& s, int64_t tokens, int64_t index, int64_t count) {
  const int64_t chunks = pieces(tokens, s.chunk);
  return {std::min(tokens, index * chunks / count * s.chunk),
          std::min(tokens, (index + 1) * chunks / count * s.chunk)};
}

void sum_segments(const LinearSizes& s, Sum sum, int64_t segments, float* states) {
  constexpr int64_t kElements = 256;
  const int64_t size = s.state_floats(), parts = pieces(size, kElements);
  parallel_for(s.batch * s.groups * parts, [&](int64_t task, int) {
    const int64_t begin = task % parts * kElements, n = std::min(kElements, size - begin);
    float* first = states + task / parts * segments * 2 * size + begin;
    double total[kElements] = {};
    for (int64_t step = 0; step < segments; ++step) {
      float* high = first + (sum == Sum::after ? segments - 1 - step : step) * 2 * size;
      float* low = high + size;
      for (int64_t e = 0; e < n; ++e) {
        const double own = joined(high[e], low[e]);
        split(total[e], high[e], low[e]);
        total[e] += own;
      }
    }
    for (int64_t e = 0; sum == Sum::all && e < n; ++e) split(total[e], first[e], first[size + e]);
  });
}

void keep_lower(float* scores, int64_t n) {
  for (int64_t i = 0; i < n; ++i) std::fill(scores + i * n + i + 1, scores + (i + 1) * n, 0.0F);
}

void sum_keys(const LinearSizes& s, const float* k, const float* v, int64_t segments, float* slabs,
              float* states) {
  const Rows keys{k, s.keys, s.groups, s.width, s.chunk},
      values{v, s.keys, s.groups, s.width, s.chunk};
  over_segments(s, s.keys, segments, slabs, [&](const Segment& own) {
    begin_total(s, own.slab, nullptr);
    each_chunk(s, own.tokens, Order::forward, [&](Range chunk) {
      load_features(keys, own.b, own.g, chunk, s.real(own.b), own.slab.key);
      load_rows(values, own.b, own.g, chunk, s.real(own.b), own.slab.value);
      add_to_total(s, own.slab, chunk.size(), own.slab.key, own.slab.value, nullptr);
    });
    store_total(s, own.slab.total, state_of(s, states, segments, own.b, own.g, own.index));
  });
}

}  // namespace linear_chunks

int64_t linear_slab(const LinearSizes& s) { return linear_chunks::Slab::floats(s); }

int64_t linear_states(const LinearSizes& s, int64_t tokens) {
  return s.batch * s.groups * s.segments(tokens) * 2 * s.state_floats();
}

}  // namespace lengthwise
