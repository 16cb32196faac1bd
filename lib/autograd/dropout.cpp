#include "autograd/operations.h"
#include "base/parallel.h"
#include "base/random.h"

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

void dropout_row(const Dropout& dropout, int64_t row, int64_t first, const float* in, float* out,
                 int64_t n) {
  constexpr int64_t kDraws = 4;
  // A row has its own range of 2^32 groups, so that its draws do not depend on how long rows are.
  const uint64_t first_group = static_cast<uint64_t>(row) << 32;
  const auto threshold = static_cast<uint32_t>(dropout.rate * 0x1p32);
  const auto kept = static_cast<float>(1.0 / (1.0 - dropout.rate));
  RandomQuad draws{};
  for (int64_t j = 0; j < n; ++j) {
    const int64_t element = first + j;
    if (j == 0 || element % kDraws == 0) {
      draws = random_quad(dropout.key, first_group + static_cast<uint64_t>(element / kDraws));
    }
    out[j] = draws.word[element % kDraws] < threshold ? 0.0F : in[j] * kept;
  }
}

Var dropout(const Var& x, const Dropout& dropout) {
  if (dropout.rate == 0) return x;
  Tensor out(x.shape(), result_tag());
  dropout_elements(dropout, x.data(), out.data(), out.size());
  return record(std::move(out), {x}, [to = x.gradient(), dropout](std::span<const float> from) {
    // out = mask * x
    Tensor kept({static_cast<int64_t>(from.size())}, Tag::workspace);
    dropout_elements(dropout, from.data(), kept.data(), kept.size());
    add_into(kept.data(), to->data(), kept.size());
  });
}

}  // namespace lengthwise
