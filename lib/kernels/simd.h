// What the SIMD files of this folder share; included by .cpp files alone. Google Highway, static
// dispatch.
#pragma once
// Also lets Highway 1.0.3 compile where the best target is AVX3_DL (Zen 5).
#define HWY_COMPILE_ONLY_STATIC
#include <hwy/highway.h>

#include <cstdint>
#include <utility>

// Below AVX2 a masked load wants alignment and reads what the mask hides.
#if HWY_ARCH_X86 && HWY_TARGET > HWY_AVX2
#error "lib/kernels needs AVX2 or more: a newer CPU, or LENGTHWISE_NATIVE=OFF to build for one"
#endif

HWY_BEFORE_NAMESPACE();
namespace lengthwise::simd {

namespace hn = hwy::HWY_NAMESPACE;

using Lanes = hn::ScalableTag<float>;
using Vector = hn::Vec<Lanes>;
inline constexpr int64_t kLanes = HWY_LANES(float);

/// body(0), ..., body(n - 1) as constants, so that arrays of vectors stay in registers.
template <int n, class Body>
HWY_INLINE void unrolled(Body body) {
  [&]<int... i>(std::integer_sequence<int, i...>) HWY_ATTR {
    (body(std::integral_constant<int, i>()), ...);
  }
  (std::make_integer_sequence<int, n>());
}

/// Calls step(index, load, store) over whole vectors and once over the rest, whose missing lanes
/// load as `fill` and are not stored: every row goes through one code path.
template <class Step>
HWY_INLINE void over_row(int64_t n, Step step) {
  const Lanes d;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    step(
        i, [&](const float* p, float) HWY_ATTR { return hn::LoadU(d, p); },
        [&](Vector v, float* p) HWY_ATTR { hn::StoreU(v, d, p); });
  }
  if (i < n) {
    const auto inside = hn::FirstN(d, static_cast<size_t>(n - i));
    step(
        i,
        [&](const float* p, float fill) HWY_ATTR {
          return hn::IfThenElse(inside, hn::MaskedLoad(inside, d, p), hn::Set(d, fill));
        },
        [&](Vector v, float* p) HWY_ATTR { hn::BlendedStore(v, inside, d, p); });
  }
}

/// exp(x) for x <= 88 to 2 ulp: 2^n 2^f with n the nearest integer to x log2(e). Below -87 it is
/// 0; NaN stays NaN.
HWY_INLINE Vector exponential(Vector x) {
  const Lanes d;
  const hn::RebindToSigned<Lanes> integers;
  const auto k = [&](float c) HWY_ATTR { return hn::Set(d, c); };
  // (Coefficients by N. Juffa, public domain.) Adding 1.5 * 2^23 leaves the nearest integer in the
  // low bits of the sum.
  const Vector rounder = k(12582912.0F), t = hn::Mul(x, k(1.44269504088896341F));
  const Vector z = hn::Add(t, rounder);
  // The part of x that 2^n does not hold, with ln 2 in two parts.
  const Vector n = hn::Sub(z, rounder);
  const Vector r = hn::NegMulAdd(n, k(1.42860677e-6F), hn::NegMulAdd(n, k(0.693145752F), x));
  Vector p = hn::MulAdd(k(1.37805939e-3F), r, k(8.37312452e-3F));
  p = hn::MulAdd(p, r, k(4.16695364e-2F));
  p = hn::MulAdd(p, r, k(1.66664720e-1F));
  p = hn::MulAdd(p, r, k(4.99999851e-1F));
  p = hn::MulAdd(p, r, k(1.0F));
  p = hn::MulAdd(p, r, k(1.0F));
  const auto scaled =
      hn::Add(hn::BitCast(integers, p), hn::ShiftLeft<23>(hn::BitCast(integers, z)));
  return hn::IfThenZeroElse(hn::Lt(x, k(-87.0F)), hn::BitCast(d, scaled));
}

}  // namespace lengthwise::simd
HWY_AFTER_NAMESPACE();
