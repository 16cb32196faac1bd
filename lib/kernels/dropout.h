#pragma once
#include <cstdint>

namespace lengthwise {

/// Each element is dropped with probability `rate` and otherwise divided by 1 - rate; which, is a
/// function of the key and the element's place alone.
struct Dropout {
  double rate = 0;
  uint64_t key = 0;
};

/// Writes in[j] * (dropped ? 0 : 1 / (1 - rate)) to out[j] for the elements first .. first + n - 1
/// of row number `row`; `in` and `out` point at element `first`; out may be in.
void dropout_row(const Dropout& dropout, int64_t row, int64_t first, const float* in, float* out,
                 int64_t n);

}  // namespace lengthwise
