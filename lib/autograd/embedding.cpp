#include <algorithm>
#include <vector>

#include "autograd/operations.h"
#include "base/check.h"
#include "base/parallel.h"
#include "kernels/rows.h"

namespace lengthwise {
namespace {

constexpr int64_t kRows = 64;     // rows of one task
constexpr int64_t kColumns = 16;  // a cache line: tasks that scatter own columns, not rows

int64_t position_of(std::span<const int64_t> first, int64_t b, int64_t t) {
  return (first.empty() ? 0 : first[static_cast<size_t>(b)]) + t;
}

// table[index(row)] += scale * from[row] for all rows in order, so that sums do not depend on
// threads.
template <class Index>
void scatter_add(const float* from, int64_t rows, int64_t width, float scale, Index index,
                 float* table) {
  parallel_ranges(width, kColumns, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < rows; ++row) {
      float* to = table + index(row) * width + begin;
      add_scaled_row(to, scale, from + row * width + begin, to, end - begin);
    }
  });
}

}  // namespace

Var embedding(std::span<const int32_t> tokens, int64_t batch, int64_t length, const Var& table,
              double scale) {
  check_equal(static_cast<int64_t>(tokens.size()), batch * length, "embedding: tokens");
  const int64_t vocabulary = table.extent(0), width = table.extent(1);
  for (const int32_t token : tokens) check_in_range(token, 0, vocabulary, "embedding: a token");
  Tensor out({batch, length, width}, result_tag());
  const auto factor = static_cast<float>(scale);
  parallel_ranges(batch * length, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* from = table.data() + tokens[static_cast<size_t>(row)] * width;
      float* to = out.data() + row * width;
      for (int64_t c = 0; c < width; ++c) to[c] = factor * from[c];
    }
  });
  return record(std::move(out), {table},
                [saved = DataVector<int32_t>(tokens.begin(), tokens.end()), width, factor,
                 to = table.gradient()](std::span<const float> from) {
                  // out[row] = factor * table[token(row)]
                  scatter_add(
                      from.data(), static_cast<int64_t>(saved.size()), width, factor,
                      [&](int64_t row) { return int64_t{saved[static_cast<size_t>(row)]}; },
                      to->data());
                });
}

Var add_position_rows(const Var& x, const Var& table, std::span<const int64_t> first) {
  const int64_t batch = x.extent(0), length = x.extent(1), width = x.extent(2);
  check_equal(table.extent(1), width, "add_position_rows: width of the table");
  for (int64_t b = 0; b < batch; ++b) {
    check_in_range(position_of(first, b, length - 1), 0, table.extent(0),
                   "add_position_rows: the last position");
  }
  Tensor out(x.shape(), result_tag());
  parallel_ranges(batch * length, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      add_scaled_row(x.data() + row * width, 1.0F,
                     table.data() + position_of(first, row / length, row % length) * width,
                     out.data() + row * width, width);
    }
  });
  std::vector<int64_t> starts(first.begin(), first.end());
  return record(
      std::move(out), {x, table},
      [batch, length, width, starts, to_x = x.gradient(),
       to_table = table.gradient()](std::span<const float> from) {
        // out[b,t] = x[b,t] + table[first(b) + t]
        if (to_x) to_x->add(from);
        if (to_table) {
          scatter_add(
              from.data(), batch * length, width, 1.0F,
              [&](int64_t row) { return position_of(starts, row / length, row % length); },
              to_table->data());
        }
      });
}

Var gather_rows(const Var& x, std::span<const int64_t> rows) {
  const int64_t width = x.shape().back(), all = x.value().size() / width;
  const auto count = static_cast<int64_t>(rows.size());
  for (const int64_t row : rows) check_in_range(row, 0, all, "gather_rows: a row");
  Tensor out({count, width}, result_tag());
  parallel_ranges(count, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      std::copy_n(x.data() + rows[static_cast<size_t>(n)] * width, width, out.data() + n * width);
    }
  });
  return record(std::move(out), {x},
                [saved = DataVector<int64_t>(rows.begin(), rows.end()), width,
                 to = x.gradient()](std::span<const float> from) {
                  // out[n] = x[rows[n]]
                  scatter_add(
                      from.data(), static_cast<int64_t>(saved.size()), width, 1.0F,
                      [&](int64_t n) { return saved[static_cast<size_t>(n)]; }, to->data());
                });
}

}  // namespace lengthwise
