#include "kernels/rows.h"

#include <cmath>
#include <limits>

#include "kernels/simd.h"

HWY_BEFORE_NAMESPACE();
namespace lengthwise {
namespace {

using namespace simd;  // NOLINT(google-build-using-namespace): the words of this file

HWY_INLINE float sum_lanes(Vector v) {
  const Lanes d;
  return hn::GetLane(hn::SumOfLanes(d, v));
}

// erf to 1 ulp: a polynomial of x^2 near 0 and 1 - exp(polynomial of |x|) beyond (N. Juffa's
// coefficients, public domain).
HWY_INLINE Vector erf_vector(Vector x) {
  const Lanes d;
  const auto k = [&](float c) HWY_ATTR { return hn::Set(d, c); };
  const Vector t = hn::Abs(x), s = hn::Mul(x, x);
  Vector far = hn::MulAdd(k(-1.72853470e-5F), t, k(3.83197126e-4F));
  const Vector u = hn::MulAdd(k(-3.88396438e-3F), t, k(2.42546219e-2F));
  far = hn::MulAdd(far, s, u);
  far = hn::MulAdd(far, t, k(-1.06777877e-1F));
  far = hn::MulAdd(far, t, k(-6.34846687e-1F));
  far = hn::MulAdd(far, t, k(-1.28717512e-1F));
  far = hn::MulAdd(far, t, hn::Neg(t));
  far = hn::CopySign(hn::Sub(k(1.0F), exponential(far)), x);
  Vector near = k(-5.96761703e-4F);
  near = hn::MulAdd(near, s, k(4.99119423e-3F));
  near = hn::MulAdd(near, s, k(-2.67681349e-2F));
  near = hn::MulAdd(near, s, k(1.12819925e-1F));
  near = hn::MulAdd(near, s, k(-3.76125336e-1F));
  near = hn::MulAdd(near, s, k(1.28379166e-1F));
  near = hn::MulAdd(near, x, x);
  return hn::IfThenElse(hn::Gt(t, k(0.927734375F)), far, near);
}

constexpr float kInverseSqrt2 = 0.70710678118654752440F;
constexpr float kInverseSqrt2Pi = 0.39894228040143267794F;

}  // namespace

float max_row(const float* row, int64_t n) {
  const Lanes d;
  const float lowest = -std::numeric_limits<float>::infinity();
  Vector most = hn::Set(d, lowest), strange = hn::Zero(d);
  over_row(n, [&](int64_t i, auto load, auto) HWY_ATTR {
    const Vector v = load(row + i, lowest);
    most = hn::Max(most, v);  // which may pass a NaN over
    strange = hn::IfThenElse(hn::IsNaN(v), v, strange);
  });
  if (!hn::AllFalse(d, hn::IsNaN(strange))) return std::numeric_limits<float>::quiet_NaN();
  return hn::GetLane(hn::MaxOfLanes(d, most));
}

float exp_and_sum_row(const float* row, float shift, float* out, int64_t n) {
  const Lanes d;
  const Vector minus = hn::Set(d, shift);
  Vector sum = hn::Zero(d);
  over_row(n, [&](int64_t i, auto load, auto store) HWY_ATTR {
    const Vector e = exponential(hn::Sub(load(row + i, -1e30F), minus));
    sum = hn::Add(sum, e);
    store(e, out + i);
  });
  return sum_lanes(sum);
}

void weight_and_slope_row(float* weight, float shift, float mean, float* slope, int64_t n) {
  const Lanes d;
  const Vector minus = hn::Set(d, shift), less = hn::Set(d, mean);
  over_row(n, [&](int64_t i, auto load, auto store) HWY_ATTR {
    const Vector w = exponential(hn::Sub(load(weight + i, -1e30F), minus));
    store(w, weight + i);
    store(hn::Mul(w, hn::Sub(load(slope + i, 0.0F), less)), slope + i);
  });
}

void softmax_row(float* row, int64_t n) {
  if (n == 0) return;
  const float most = max_row(row, n);
  if (most == -std::numeric_limits<float>::infinity()) {
    for (int64_t i = 0; i < n; ++i) row[i] = 0;
    return;
  }
  const float sum = exp_and_sum_row(row, most, row, n);
  scale_row(1.0F / sum, row, n);
}

float normalise_sum_row(float* row, int64_t n) {
  const Lanes d;
  Vector total = hn::Zero(d);
  over_row(n, [&](int64_t i, auto load, auto)
                  HWY_ATTR { total = hn::Add(total, hn::Abs(load(row + i, 0.0F))); });
  const float sum = sum_lanes(total);
  if (sum > 0) scale_row(1.0F / sum, row, n);
  return sum;
}

float dot_row(const float* a, const float* b, int64_t n) {
  const Lanes d;
  Vector sum = hn::Zero(d);
  over_row(n, [&](int64_t i, auto load, auto)
                  HWY_ATTR { sum = hn::MulAdd(load(a + i, 0.0F), load(b + i, 0.0F), sum); });
  return sum_lanes(sum);
}

float sum_row(const float* a, int64_t n) {
  const Lanes d;
  Vector sum = hn::Zero(d);
  over_row(n, [&](int64_t i, auto load, auto) HWY_ATTR { sum = hn::Add(sum, load(a + i, 0.0F)); });
  return sum_lanes(sum);
}

void add_scaled_row(const float* a, float factor, const float* b, float* out, int64_t n) {
  const Lanes d;
  const Vector f = hn::Set(d, factor);
  over_row(n, [&](int64_t i, auto load, auto store) HWY_ATTR {
    store(hn::MulAdd(f, load(b + i, 0.0F), load(a + i, 0.0F)), out + i);
  });
}

void scale_row(float factor, float* row, int64_t n) {
  const Lanes d;
  const Vector f = hn::Set(d, factor);
  over_row(n, [&](int64_t i, auto load, auto store)
                  HWY_ATTR { store(hn::Mul(f, load(row + i, 0.0F)), row + i); });
}

int64_t largest_in_row(const float* row, int64_t n) {
  const float most = max_row(row, n);
  for (int64_t i = 0; i < n; ++i) {
    if (row[i] == most) return i;
  }
  return 0;
}

float log_sum_exp_row(const float* row, int64_t n) {
  const Lanes d;
  const float most = max_row(row, n);
  const Vector minus = hn::Set(d, most);
  Vector sum = hn::Zero(d);
  over_row(n, [&](int64_t i, auto load, auto) HWY_ATTR {
    sum = hn::Add(sum, exponential(hn::Sub(load(row + i, -1e30F), minus)));
  });
  return most + std::log(sum_lanes(sum));
}

void add_exp_row(const float* row, float shift, float factor, float* out, int64_t n) {
  const Lanes d;
  const Vector minus = hn::Set(d, shift), f = hn::Set(d, factor);
  over_row(n, [&](int64_t i, auto load, auto store) HWY_ATTR {
    const Vector e = exponential(hn::Sub(load(row + i, -1e30F), minus));
    store(hn::MulAdd(f, e, load(out + i, 0.0F)), out + i);
  });
}

namespace {

void erf_gelu_row(const float* x, float* out, int64_t n) {
  const Lanes d;
  const Vector half = hn::Set(d, 0.5F);
  over_row(n, [&](int64_t i, auto load, auto store) HWY_ATTR {
    const Vector v = load(x + i, 0.0F), h = hn::Mul(half, v);
    store(hn::MulAdd(h, erf_vector(hn::Mul(v, hn::Set(d, kInverseSqrt2))), h), out + i);
  });
}

void erf_gelu_backward_row(const float* x, const float* out_gradient, float* x_gradient,
                           int64_t n) {
  const Lanes d;
  const Vector half = hn::Set(d, 0.5F);
  over_row(n, [&](int64_t i, auto load, auto store) HWY_ATTR {
    const Vector v = load(x + i, 0.0F);
    const Vector below = hn::MulAdd(half, erf_vector(hn::Mul(v, hn::Set(d, kInverseSqrt2))), half);
    const Vector density =
        hn::Mul(hn::Set(d, kInverseSqrt2Pi), exponential(hn::Mul(hn::Neg(half), hn::Mul(v, v))));
    const Vector slope = hn::MulAdd(v, density, below);
    store(hn::MulAdd(slope, load(out_gradient + i, 0.0F), load(x_gradient + i, 0.0F)),
          x_gradient + i);
  });
}

constexpr float kTwiceSqrt2OverPi = 1.59576912160573071176F;
constexpr float kCubic = 0.044715F;

// Beyond +-10 the share below is 0 or 1 beside what it is multiplied by.
HWY_INLINE Vector within_ten(Vector x) {
  const Lanes d;
  return hn::Min(hn::Max(x, hn::Set(d, -10.0F)), hn::Set(d, 10.0F));
}

// exp(-2 u) of u = sqrt(2 / pi) (t + 0.044715 t^3); 1 / (1 + it) is (1 + tanh u) / 2.
HWY_INLINE Vector tanh_exponential(Vector t) {
  const Lanes d;
  const auto k = [&](float c) HWY_ATTR { return hn::Set(d, c); };
  return exponential(
      hn::Mul(hn::Mul(k(-kTwiceSqrt2OverPi), t), hn::MulAdd(k(kCubic), hn::Mul(t, t), k(1.0F))));
}

void tanh_gelu_row(const float* x, float* out, int64_t n) {
  const Lanes d;
  const Vector one = hn::Set(d, 1.0F);
  over_row(n, [&](int64_t i, auto load, auto store) HWY_ATTR {
    const Vector v = load(x + i, 0.0F);
    store(hn::Div(v, hn::Add(one, tanh_exponential(within_ten(v)))), out + i);
  });
}

void tanh_gelu_backward_row(const float* x, const float* out_gradient, float* x_gradient,
                            int64_t n) {
  const Lanes d;
  const auto k = [&](float c) HWY_ATTR { return hn::Set(d, c); };
  over_row(n, [&](int64_t i, auto load, auto store) HWY_ATTR {
    const Vector v = load(x + i, 0.0F), t = within_ten(v), e = tanh_exponential(t);
    // x share -> share + x share (1 - share) (2 u)', and 1 - share is e share, without cancelling
    const Vector share = hn::Div(k(1.0F), hn::Add(k(1.0F), e));
    const Vector slope_2u =
        hn::Mul(k(kTwiceSqrt2OverPi), hn::MulAdd(k(3 * kCubic), hn::Mul(t, t), k(1.0F)));
    const Vector bend = hn::Mul(hn::Mul(v, hn::Mul(share, hn::Mul(e, share))), slope_2u);
    store(
        hn::MulAdd(hn::Add(share, bend), load(out_gradient + i, 0.0F), load(x_gradient + i, 0.0F)),
        x_gradient + i);
  });
}

}  // namespace

void gelu_row(Gelu form, const float* x, float* out, int64_t n) {
  form == Gelu::erf ? erf_gelu_row(x, out, n) : tanh_gelu_row(x, out, n);
}

void gelu_backward_row(Gelu form, const float* x, const float* out_gradient, float* x_gradient,
                       int64_t n) {
  form == Gelu::erf ? erf_gelu_backward_row(x, out_gradient, x_gradient, n)
                    : tanh_gelu_backward_row(x, out_gradient, x_gradient, n);
}

void elu_plus_one_row(const float* x, float* out, int64_t n) {
  const Lanes d;
  const Vector zero = hn::Zero(d), one = hn::Set(d, 1.0F);
  over_row(n, [&](int64_t i, auto load, auto store) HWY_ATTR {
    const Vector v = load(x + i, 0.0F);
    const Vector below = exponential(hn::Min(v, zero));
    store(hn::IfThenElse(hn::Gt(v, zero), hn::Add(v, one), below), out + i);
  });
}

void elu_plus_one_backward_row(const float* x, const float* out_gradient, float* x_gradient,
                               int64_t n) {
  const Lanes d;
  const Vector zero = hn::Zero(d);
  over_row(n, [&](int64_t i, auto load, auto store) HWY_ATTR {
    const Vector slope = exponential(hn::Min(load(x + i, 0.0F), zero));
    store(hn::MulAdd(slope, load(out_gradient + i, 0.0F), load(x_gradient + i, 0.0F)),
          x_gradient + i);
  });
}

std::string simd_target() { return hwy::TargetName(HWY_TARGET); }

}  // namespace lengthwise
HWY_AFTER_NAMESPACE();
