#include "kernels/tile_multiply.h"

#include <algorithm>
#include <array>

#include "kernels/simd.h"

HWY_BEFORE_NAMESPACE();
namespace lengthwise {
namespace {

using namespace simd;  // NOLINT(google-build-using-namespace): the words of this file

// A block of c is kRows x kVectors accumulators: with a row of b and one element of a they fill the
// registers (32 or 16 of them).
constexpr int64_t kRows = 6, kVectors = HWY_TARGET <= HWY_AVX3 ? 4 : 2;
constexpr int64_t kPanel = kVectors * kLanes;  // columns of a block
constexpr int64_t kDepth = 256;                // rows of b that a block meets at a time

// One block's product. The panel of b is [depth, its columns], `b_stride` from row to row.
struct Block {
  const float* a;
  int64_t a_stride;
  const float* b;
  int64_t b_stride;
  int64_t depth;
  float alpha, beta;
  const float* factors;  // of c's columns, in beta's place; null without any
  float* c;
  int64_t c_stride;
  size_t last_lanes;  // columns in the last vector
};

template <int rows, int vectors, bool a_transposed>
void multiply_block(const Block& block) {
  const Lanes d;
  const auto inside = hn::FirstN(d, block.last_lanes);
  const auto load = [&](auto v, const float* from) HWY_ATTR {
    if constexpr (v + 1 < vectors) return hn::LoadU(d, from + v * kLanes);
    return hn::MaskedLoad(inside, d, from + v * kLanes);
  };
  Vector sums[rows][vectors];
  unrolled<rows * vectors>([&](auto i) HWY_ATTR { sums[i / vectors][i % vectors] = hn::Zero(d); });
  const float *a = block.a, *b = block.b;
  const int64_t a_stride = block.a_stride, depth = block.depth;
  for (int64_t p = 0; p < depth; ++p, b += block.b_stride) {
    Vector row[vectors];
    unrolled<vectors>([&](auto v) HWY_ATTR { row[v] = load(v, b); });
    unrolled<rows>([&](auto r) HWY_ATTR {
      const Vector factor = hn::Set(d, a_transposed ? a[p * a_stride + r] : a[r * a_stride + p]);
      unrolled<vectors>([&](auto v)
                            HWY_ATTR { sums[r][v] = hn::MulAdd(factor, row[v], sums[r][v]); });
    });
  }
  const Vector alpha = hn::Set(d, block.alpha), beta = hn::Set(d, block.beta);
  unrolled<rows * vectors>([&](auto i) HWY_ATTR {
    constexpr std::integral_constant<int, i % vectors> kColumn;
    float* c = block.c + i / vectors * block.c_stride;
    Vector sum = hn::Mul(alpha, sums[i / vectors][kColumn]);
    if (block.factors != nullptr) {
      sum = hn::MulAdd(load(kColumn, block.factors), load(kColumn, c), sum);
    } else if (block.beta != 0) {
      sum = hn::MulAdd(beta, load(kColumn, c), sum);
    }
    if constexpr (kColumn + 1 < vectors) {
      hn::StoreU(sum, d, c + kColumn * kLanes);
    } else {
      hn::BlendedStore(sum, inside, d, c + kColumn * kLanes);
    }
  });
}

using BlockKernel = void (*)(const Block&);

// The kernel for so many rows and vectors, at [rows - 1][vectors - 1].
template <bool a_transposed>
BlockKernel block_kernel(int64_t rows, int64_t vectors) {
  constexpr auto kTable = []<size_t... i>(std::index_sequence<i...>) {
    return std::array<BlockKernel, sizeof...(i)>{
        multiply_block<static_cast<int>(i) / kVectors + 1, static_cast<int>(i) % kVectors + 1,
                       a_transposed>...};
  }
  (std::make_index_sequence<kRows * kVectors>());
  return kTable[static_cast<size_t>((rows - 1) * kVectors + vectors - 1)];
}

// panel [depth, kPanel] <- b's rows and columns; columns past `columns` are left as they are.
void pack_panel(MatrixView b, int64_t depth, int64_t columns, float* panel) {
  if (b.transposed) {
    transpose(b.data, b.stride, columns, depth, panel, kPanel);
    return;
  }
  for (int64_t p = 0; p < depth; ++p) {
    std::copy_n(b.data + p * b.stride, columns, panel + p * kPanel);
  }
}

void multiply_tile(int64_t m, int64_t n, int64_t k, float alpha, MatrixView a, MatrixView b,
                   float beta, const float* factors, float* c, int64_t c_stride) {
  // Rows of b far apart share few lines of the cache: worth a copy if many blocks read it.
  constexpr int64_t kWorthPacking = 24, kFar = 2 * kPanel;
  const bool packs = b.transposed || (m >= kWorthPacking && b.stride >= kFar);
  alignas(64) float panel[kDepth * kPanel];
  const auto kernel_for = [&](int64_t rows, int64_t vectors) {
    return a.transposed ? block_kernel<true>(rows, vectors) : block_kernel<false>(rows, vectors);
  };
  for (int64_t j = 0; j < n; j += kPanel) {
    const int64_t columns = std::min(kPanel, n - j), vectors = (columns + kLanes - 1) / kLanes;
    const BlockKernel whole = kernel_for(kRows, vectors);
    int64_t p = 0;
    do {  // once even where k is 0, for beta
      const int64_t depth = std::min(kDepth, k - p);
      const MatrixView b_panel{b.data + (b.transposed ? j * b.stride + p : p * b.stride + j),
                               b.stride, b.transposed};
      if (packs) pack_panel(b_panel, depth, columns, panel);
      Block block{.a = nullptr,
                  .a_stride = a.stride,
                  .b = packs ? panel : b_panel.data,
                  .b_stride = packs ? kPanel : b.stride,
                  .depth = depth,
                  .alpha = alpha,
                  .beta = p == 0 ? beta : 1.0F,
                  .factors = p == 0 && factors != nullptr ? factors + j : nullptr,
                  .c = nullptr,
                  .c_stride = c_stride,
                  .last_lanes = static_cast<size_t>(columns - (vectors - 1) * kLanes)};
      for (int64_t i = 0; i < m; i += kRows) {
        const int64_t rows = std::min(kRows, m - i);
        block.a = a.data + (a.transposed ? p * a.stride + i : i * a.stride + p);
        block.c = c + i * c_stride + j;
        (rows == kRows ? whole : kernel_for(rows, vectors))(block);
      }
      p += depth;
    } while (p < k);
  }
}

}  // namespace

void tile_multiply(int64_t m, int64_t n, int64_t k, float alpha, MatrixView a, MatrixView b,
                   float beta, float* c, int64_t c_stride) {
  multiply_tile(m, n, k, alpha, a, b, beta, nullptr, c, c_stride);
}

void tile_multiply_onto_scaled(int64_t m, int64_t n, int64_t k, MatrixView a, MatrixView b,
                               const float* factors, float* c, int64_t c_stride) {
  multiply_tile(m, n, k, 1, a, b, 1, factors, c, c_stride);
}

// Four by four.
void transpose(const float* from, int64_t from_stride, int64_t rows, int64_t columns, float* to,
               int64_t to_stride) {
  const hn::Full128<float> d;
  const hn::RepartitionToWide<decltype(d)> pairs;
  const auto wide = [&](auto v) HWY_ATTR { return hn::BitCast(pairs, v); };
  int64_t j = 0;
  for (; j + 4 <= rows; j += 4) {
    const float* row = from + j * from_stride;
    int64_t p = 0;
    for (; p + 4 <= columns; p += 4) {
      const auto r0 = hn::LoadU(d, row + p), r1 = hn::LoadU(d, row + from_stride + p),
                 r2 = hn::LoadU(d, row + 2 * from_stride + p),
                 r3 = hn::LoadU(d, row + 3 * from_stride + p);
      const auto low01 = wide(hn::InterleaveLower(d, r0, r1)),
                 low23 = wide(hn::InterleaveLower(d, r2, r3)),
                 high01 = wide(hn::InterleaveUpper(d, r0, r1)),
                 high23 = wide(hn::InterleaveUpper(d, r2, r3));
      float* at = to + p * to_stride + j;
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23)), d, at);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23)), d, at + to_stride);
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23)), d, at + 2 * to_stride);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23)), d, at + 3 * to_stride);
    }
    for (; p < columns; ++p) {
      for (int64_t r = 0; r < 4; ++r) to[p * to_stride + j + r] = row[r * from_stride + p];
    }
  }
  for (; j < rows; ++j) {
    for (int64_t p = 0; p < columns; ++p) to[p * to_stride + j] = from[j * from_stride + p];
  }
}

}  // namespace lengthwise
HWY_AFTER_NAMESPACE();
