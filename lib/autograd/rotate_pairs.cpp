#include <vector>

#include "autograd/operations.h"
#include "base/check.h"
#include "base/parallel.h"

namespace lengthwise {
namespace {

struct RotationSizes {
  int64_t batch, length, heads, width;
};

// to[b,i,h] += or = rotation(first(b) + i) from[b,i,h]; the inverse turns the other way.
template <bool inverse_and_add>
void rotate(const RotationSizes& s, const float* from, const float* table,
            std::span<const int64_t> first, float* to) {
  constexpr int64_t kRows = 32;
  parallel_ranges(s.batch * s.length, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t b = row / s.length, i = row % s.length;
      const int64_t position = (first.empty() ? 0 : first[static_cast<size_t>(b)]) + i;
      const float* turn = table + position * s.width;
      for (int64_t h = 0; h < s.heads; ++h) {
        const float* in = from + (row * s.heads + h) * s.width;
        float* out = to + (row * s.heads + h) * s.width;
        for (int64_t d = 0; d < s.width; d += 2) {
          const float cosine = turn[d], sine = turn[d + 1];
          if constexpr (inverse_and_add) {
            out[d] += cosine * in[d] + sine * in[d + 1];
            out[d + 1] += cosine * in[d + 1] - sine * in[d];
          } else {
            out[d] = cosine * in[d] - sine * in[d + 1];
            out[d + 1] = cosine * in[d + 1] + sine * in[d];
          }
        }
      }
    }
  });
}

}  // namespace

Var rotate_pairs(const Var& x, const Var& table, std::span<const int64_t> first) {
  const RotationSizes sizes{x.extent(0), x.extent(1), x.extent(2), x.extent(3)};
  check_equal(sizes.width % 2, 0, "rotate_pairs: remainder of the head width by 2");
  check_equal(table.value().size() / table.extent(0), sizes.width, "rotate_pairs: table width");
  Tensor out(x.shape(), result_tag());
  rotate<false>(sizes, x.data(), table.data(), first, out.data());
  return record(
      std::move(out), {x},
      [sizes, angles = table.value(), starts = std::vector<int64_t>(first.begin(), first.end()),
       to = x.gradient()](std::span<const float> from) {
        // out = rotation x, whose inverse is its transpose
        rotate<true>(sizes, from.data(), angles.data(), starts, to->data());
      });
}

}  // namespace lengthwise
