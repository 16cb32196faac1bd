#include "kernels/row_multiply.h"

#include <algorithm>

#include "kernels/simd.h"

HWY_BEFORE_NAMESPACE();
namespace lengthwise {
namespace {

using namespace simd;  // NOLINT(google-build-using-namespace): the words of this file

void store_scaled(Vector sums, int64_t lanes, float alpha, float beta, float* c) {
  const Lanes d;
  const auto inside = hn::FirstN(d, static_cast<size_t>(lanes));
  Vector scaled = hn::Mul(hn::Set(d, alpha), sums);
  if (beta != 0) scaled = hn::MulAdd(hn::Set(d, beta), hn::MaskedLoad(inside, d, c), scaled);
  hn::BlendedStore(scaled, inside, d, c);
}

// Lane i of the result is the sum of the lanes of vector i.
template <int count>
Vector sums_of(Vector (&vectors)[kLanes]) {
  if constexpr (count == 1) {
    return vectors[0];
  } else {
    const Lanes d;
    unrolled<count / 2>([&](auto i) HWY_ATTR {
      const Vector low = vectors[2 * i], high = vectors[2 * i + 1];
      vectors[i] = hn::Add(hn::ConcatEven(d, high, low), hn::ConcatOdd(d, high, low));
    });
    return sums_of<count / 2>(vectors);
  }
}

// b's columns lie along its memory: kLanes dot products at a time.
void dot_products(int64_t n, int64_t k, float alpha, const float* a, MatrixView b, float beta,
                  float* c) {
  const Lanes d;
  for (int64_t j = 0; j < n; j += kLanes) {
    const int64_t columns = std::min(kLanes, n - j);
    const float* from[kLanes];
    Vector sums[kLanes];
    unrolled<kLanes>([&](auto i) HWY_ATTR {
      from[i] = b.data + (j + std::min<int64_t>(i, columns - 1)) * b.stride;
      sums[i] = hn::Zero(d);
    });
    int64_t p = 0;
    for (; p + kLanes <= k; p += kLanes) {
      const Vector row = hn::LoadU(d, a + p);
      unrolled<kLanes>(
          [&](auto i) HWY_ATTR { sums[i] = hn::MulAdd(row, hn::LoadU(d, from[i] + p), sums[i]); });
    }
    if (p < k) {
      const auto inside = hn::FirstN(d, static_cast<size_t>(k - p));
      const Vector row = hn::MaskedLoad(inside, d, a + p);
      unrolled<kLanes>([&](auto i) HWY_ATTR {
        sums[i] = hn::MulAdd(row, hn::MaskedLoad(inside, d, from[i] + p), sums[i]);
      });
    }
    store_scaled(sums_of<static_cast<int>(kLanes)>(sums), columns, alpha, beta, c + j);
  }
}

// Columns of a few vectors; several rows of b gather apart, so that none waits for another.
template <int vectors>
void mix_columns(int64_t columns, int64_t k, float alpha, const float* a, MatrixView b, float beta,
                 float* c) {
  constexpr int kChains = 8 / vectors;
  const Lanes d;
  const int64_t last = columns - (vectors - 1) * kLanes;
  const auto inside = hn::FirstN(d, static_cast<size_t>(last));
  const auto load = [&](auto v, const float* from) HWY_ATTR {
    if constexpr (v + 1 < vectors) return hn::LoadU(d, from + v * kLanes);
    return hn::MaskedLoad(inside, d, from + v * kLanes);
  };
  Vector sums[kChains][vectors];
  unrolled<kChains * vectors>([&](auto i)
                                  HWY_ATTR { sums[i / vectors][i % vectors] = hn::Zero(d); });
  const auto take = [&](auto chain, int64_t p) HWY_ATTR {
    const Vector factor = hn::Set(d, a[p]);
    unrolled<vectors>([&](auto v) HWY_ATTR {
      sums[chain][v] = hn::MulAdd(factor, load(v, b.data + p * b.stride), sums[chain][v]);
    });
  };
  int64_t p = 0;
  for (; p + kChains <= k; p += kChains) {
    unrolled<kChains>([&](auto chain) HWY_ATTR { take(chain, p + chain); });
  }
  for (; p < k; ++p) take(std::integral_constant<int, 0>(), p);
  unrolled<vectors>([&](auto v) HWY_ATTR {
    Vector sum = sums[0][v];
    unrolled<kChains - 1>([&](auto chain) HWY_ATTR { sum = hn::Add(sum, sums[chain + 1][v]); });
    store_scaled(sum, v + 1 < vectors ? kLanes : last, alpha, beta, c + v * kLanes);
  });
}

}  // namespace

void row_multiply(int64_t n, int64_t k, float alpha, const float* a, MatrixView b, float beta,
                  float* c) {
  if (b.transposed) return dot_products(n, k, alpha, a, b, beta, c);
  constexpr int kVectors = 4;
  constexpr int64_t kPanel = kVectors * kLanes;
  for (int64_t j = 0; j < n; j += kPanel) {
    const int64_t columns = std::min(kPanel, n - j);
    constexpr decltype(&mix_columns<1>) kKernels[] = {mix_columns<1>, mix_columns<2>,
                                                      mix_columns<3>, mix_columns<4>};
    kKernels[(columns - 1) / kLanes](columns, k, alpha, a, {b.data + j, b.stride}, beta, c + j);
  }
}

}  // namespace lengthwise
HWY_AFTER_NAMESPACE();
