#include "autograd/operations.h"
#include "base/parallel.h"

namespace lengthwise {
namespace {

constexpr int64_t kRow = 4096;  // elements of one row of draws

void dropout_elements(const Dropout& dropout, const float* in, float* out, int64_t n) {
  parallel_for(pieces(n, kRow), [&](int64_t row, int) {
    const int64_t begin = row * kRow;
    dropout_row(dropout, row, 0, in + begin, out + begin, piece_end(row, kRow, n) - begin);
  });
}

}  // namespace

Var dropout(const Var& x, const Dropout& dropout) {
  if (dropout.rate == 0) return x;
  Tensor out(x.shape(), result_tag());
  dropout_elements(dropout, x.data(), out.data(), out.size());
  return record(std::move(out), {x}, [to = x.gradient(), dropout](std::span<const float> from) {
    // out = mask * x
    Tensor kept({static_cast<int64_t>(from.size())}, Tag::workspace);
    dropout_elements(dropout, from.data(), kept.data(), kept.size());
    to->add(kept.values());
  });
}

}  // namespace lengthwise
