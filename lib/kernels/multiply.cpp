#include "kernels/multiply.h"

#include <cblas.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "base/check.h"
#include "base/counters.h"
#include "base/parallel.h"
#include "base/tensor.h"
#include "kernels/row_multiply.h"
#include "kernels/tile_multiply.h"

namespace lengthwise {
namespace {

struct Tile {
  int64_t rows, columns;
};

// Tiles depend on the size of the product alone: large ones where there are many, smaller ones
// (down to 32) where that is what keeps a few cores busy.
Tile tile_for(int64_t m, int64_t n, int64_t largest) {
  constexpr int64_t kSmallest = 32, kEnough = 8;
  Tile tile{largest, largest};
  while (pieces(m, tile.rows) * pieces(n, tile.columns) < kEnough) {
    const int64_t rows = std::min(tile.rows, m), columns = std::min(tile.columns, n);
    int64_t& larger = rows >= columns ? tile.rows : tile.columns;
    if (larger <= kSmallest) break;
    larger = std::max(kSmallest, std::min(larger, rows >= columns ? m : n) / 2);
  }
  return tile;
}

blasint blas_size(int64_t size) {
  check_in_range(size, int64_t{0}, int64_t{std::numeric_limits<blasint>::max()},
                 "an extent of a matrix product");
  return static_cast<blasint>(size);
}

// Products that are narrow in some extent are ours: there the library's copies of both operands do
// not pay. Few rows do not pay for turning b, which the library reads as it is.
bool is_narrow(int64_t m, int64_t n, int64_t k, MatrixView b) {
  constexpr int64_t kNarrow = 512, kFewRows = 24;
  return std::min({m, n, k}) <= kNarrow && (m >= kFewRows || !b.transposed);
}

void library_multiply(int64_t m, int64_t n, int64_t k, float alpha, MatrixView a, MatrixView b,
                      float beta, float* c, int64_t c_stride) {
  [[maybe_unused]] static const bool kSingleThreaded = (openblas_set_num_threads(1), true);
  cblas_sgemm(CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans,
              b.transposed ? CblasTrans : CblasNoTrans, blas_size(m), blas_size(n), blas_size(k),
              alpha, a.data, blas_size(a.stride), b.data, blas_size(b.stride), beta, c,
              blas_size(c_stride));
}

}  // namespace

void multiply(int64_t m, int64_t n, int64_t k, float alpha, MatrixView a, MatrixView b, float beta,
              float* c, int64_t c_stride) {
  if (m == 0 || n == 0) return;
  count_flops(2 * m * n * k);
  if (m == 1 && !a.transposed) return row_multiply(n, k, alpha, a.data, b, beta, c);
  const auto product = is_narrow(m, n, k, b) ? tile_multiply : library_multiply;
  product(m, n, k, alpha, a, b, beta, c, c_stride);
}

void parallel_multiply(int64_t m, int64_t n, int64_t k, float alpha, MatrixView a, MatrixView b,
                       float beta, float* c, int64_t c_stride, const TileWork& work) {
  if (m == 0 || n == 0) return;
  count_flops(2 * m * n * k);
  // The library copies both operands of every tile: larger ones share that.
  constexpr int64_t kOurTile = 256, kLibraryTile = 1024;
  // A single row goes the way of a few: a sequence decodes alike alone and beside others.
  const bool ours = is_narrow(m, n, k, b);
  const auto product = ours ? tile_multiply : library_multiply;
  const Tile tile = tile_for(m, n, ours ? kOurTile : kLibraryTile);
  const int64_t down = pieces(m, tile.rows), across = pieces(n, tile.columns);
  parallel_for(down * across, [&](int64_t task, int) {
    const int64_t i = task / across * tile.rows, j = task % across * tile.columns;
    const int64_t rows = std::min(tile.rows, m - i), columns = std::min(tile.columns, n - j);
    MatrixView a_rows = a, b_columns = b;
    a_rows.data += a.transposed ? i : i * a.stride;
    b_columns.data += b.transposed ? j * b.stride : j;
    if (work.before) work.before(i, rows, j, columns);
    product(rows, columns, k, alpha, a_rows, b_columns, beta, c + i * c_stride + j, c_stride);
    if (work.after) work.after(i, rows, j, columns);
  });
}

double probe_multiply_flops_per_second(int64_t size, int repeats) {
  const Tensor a = Tensor::zeros({size, size}, Tag::workspace);
  Tensor c({size, size}, Tag::workspace);
  double best = 0;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    parallel_multiply(size, size, size, 1, {a.data(), size}, {a.data(), size}, 0, c.data(), size);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2.0 * static_cast<double>(size * size * size) / seconds.count());
  }
  return best;
}

std::string multiply_library_config() { return openblas_get_config(); }
std::string multiply_library_core() { return openblas_get_corename(); }

}  // namespace lengthwise
