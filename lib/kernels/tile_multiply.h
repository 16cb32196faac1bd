// Matrix multiply for operands that stay in the cache, as attention's tiles and narrow layers do:
// the copies of both operands that a library's general product makes do not pay there. Everything
// on the calling thread; nothing is counted.
#pragma once
#include "kernels/multiply.h"

namespace lengthwise {

/// c [m,n] = alpha * a [m,k] b [k,n] + beta * c, in blocks of registers. beta = 0 overwrites c, NaN
/// included.
void tile_multiply(int64_t m, int64_t n, int64_t k, float alpha, MatrixView a, MatrixView b,
                   float beta, float* c, int64_t c_stride);

/// c [m,n] = a [m,k] b [k,n] + c diag(factors): what a running softmax does when its maxima rise.
void tile_multiply_onto_scaled(int64_t m, int64_t n, int64_t k, MatrixView a, MatrixView b,
                               const float* factors, float* c, int64_t c_stride);

/// to [columns, rows] = from [rows, columns] transposed.
void transpose(const float* from, int64_t from_stride, int64_t rows, int64_t columns, float* to,
               int64_t to_stride);

}  // namespace lengthwise
