// One row times a matrix, as a token that is decoded meets keys and values: every element of the
// matrix is read once and nothing is copied. On the calling thread; nothing is counted.
#pragma once
#include "kernels/multiply.h"

namespace lengthwise {

/// c [n] = alpha * a [k] b [k,n] + beta * c. beta = 0 overwrites c, NaN included.
void row_multiply(int64_t n, int64_t k, float alpha, const float* a, MatrixView b, float beta,
                  float* c);

}  // namespace lengthwise
