#include "kernels/recurrent_gates.h"

#include "kernels/simd.h"

HWY_BEFORE_NAMESPACE();
namespace lengthwise {
namespace {

using namespace simd;  // NOLINT(google-build-using-namespace): the words of this file

// 1 / (1 + exp(-x)). What is not a number stays so, which a minimum would not promise.
HWY_INLINE Vector sigmoid(Vector x) {
  const Lanes d;
  const Vector most = hn::Set(d, 88.0F), one = hn::Set(d, 1.0F), minus = hn::Neg(x);
  const Vector e = exponential(hn::IfThenElse(hn::Gt(minus, most), most, minus));
  return hn::Div(one, hn::Add(one, e));
}

// 2 sigmoid(2 x) - 1
HWY_INLINE Vector hyperbolic_tangent(Vector x) {
  const Lanes d;
  return hn::MulSub(hn::Set(d, 2.0F), sigmoid(hn::Add(x, x)), hn::Set(d, 1.0F));
}

}  // namespace

void recurrent_gates_row(int64_t channels, const float* of_state, float* gates, float* kept,
                         float* state, float* out) {
  const int64_t C = channels;
  over_row(C, [&](int64_t i, auto load, auto store) HWY_ATTR {
    const auto at = [&](const float* p) HWY_ATTR { return load(p + i, 0.0F); };
    const Vector r = sigmoid(hn::Add(at(gates), at(of_state)));
    const Vector z = sigmoid(hn::Add(at(gates + C), at(of_state + C)));
    const Vector s = at(of_state + 2 * C);
    const Vector n = hyperbolic_tangent(hn::MulAdd(r, s, at(gates + 2 * C)));
    const Vector after = hn::MulAdd(z, hn::Sub(at(state), n), n);
    store(r, gates + i);
    store(z, gates + C + i);
    store(n, gates + 2 * C + i);
    store(s, kept + i);
    store(after, state + i);
    store(after, out + i);
  });
}

void recurrent_gates_backward_row(int64_t channels, const float* before, const float* slope,
                                  float* carried, float* gates, float* kept, float* of_state) {
  const int64_t C = channels;
  const Lanes d;
  const Vector one = hn::Set(d, 1.0F);
  over_row(C, [&](int64_t i, auto load, auto store) HWY_ATTR {
    const auto at = [&](const float* p) HWY_ATTR { return load(p + i, 0.0F); };
    const Vector r = at(gates), z = at(gates + C), n = at(gates + 2 * C), s = at(kept);
    // after = n + z (before - n)
    const Vector of_after = hn::Add(at(slope), at(carried));
    const Vector of_before = hn::Mul(of_after, z);
    const Vector of_z = hn::Mul(of_after, hn::Sub(at(before), n));
    // n = tanh(a_n + r s)
    const Vector of_n = hn::Mul(hn::Sub(of_after, of_before), hn::NegMulAdd(n, n, one));
    // r = sigmoid(a_r + s_r), z = sigmoid(a_z + s_z)
    const Vector to_r = hn::Mul(hn::Mul(of_n, s), hn::Mul(r, hn::Sub(one, r)));
    const Vector to_z = hn::Mul(of_z, hn::Mul(z, hn::Sub(one, z)));
    const Vector to_s = hn::Mul(of_n, r);
    store(of_before, carried + i);
    store(to_r, gates + i);
    store(to_r, of_state + i);
    store(to_z, gates + C + i);
    store(to_z, of_state + C + i);
    store(of_n, gates + 2 * C + i);
    store(to_s, kept + i);
    store(to_s, of_state + 2 * C + i);
  });
}

}  // namespace lengthwise
HWY_AFTER_NAMESPACE();
