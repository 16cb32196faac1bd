// Matrix multiply; multiply.cpp is the only file that includes cblas.h.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

namespace lengthwise {

/// A row-major matrix in memory with `stride` elements from row to row; when `transposed`, what
/// enters the product is its transpose.
struct MatrixView {
  const float* data;
  int64_t stride;
  bool transposed = false;
};

/// c [m,n] = alpha * a [m,k] b [k,n] + beta * c, on the calling thread. Counts 2*m*n*k FLOPs.
/// beta = 0 overwrites c, NaN included.
void multiply(int64_t m, int64_t n, int64_t k, float alpha, MatrixView a, MatrixView b, float beta,
              float* c, int64_t c_stride);

/// What is done with a tile of c right before and right after its product, while it is in the
/// cache.
struct TileWork {
  using Body = std::function<void(int64_t row, int64_t rows, int64_t column, int64_t columns)>;
  Body before, after;  // empty: nothing
};

/// The same over all threads, in tiles of c cut by size.
void parallel_multiply(int64_t m, int64_t n, int64_t k, float alpha, MatrixView a, MatrixView b,
                       float beta, float* c, int64_t c_stride, const TileWork& work = {});

/// FLOP per second of a product of two square matrices over all threads, the best of `repeats`.
double probe_multiply_flops_per_second(int64_t size, int repeats);

/// What the library says of itself: its build and the core it runs for.
std::string multiply_library_config();
std::string multiply_library_core();

}  // namespace lengthwise
