#include "kernels/dropout.h"

#include "base/random.h"

namespace lengthwise {

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

}  // namespace lengthwise
