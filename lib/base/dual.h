// Forward-mode dual numbers: a value and its slope in one direction. Definitions written once for a
// scalar type give values with double and exact slopes with Dual, so no epsilon needs tuning.
#pragma once
#include <cmath>
#include <numbers>

namespace lengthwise {

struct Dual {
  double value = 0, slope = 0;
  Dual() = default;
  Dual(double v) : value(v) {}  // NOLINT(google-explicit-constructor): literals mix with variables
  Dual(double v, double s) : value(v), slope(s) {}

  Dual& operator+=(const Dual& b) { return *this = {value + b.value, slope + b.slope}; }
  Dual& operator-=(const Dual& b) { return *this = {value - b.value, slope - b.slope}; }
  Dual& operator*=(const Dual& b) {
    return *this = {value * b.value, slope * b.value + value * b.slope};
  }
  Dual& operator/=(const Dual& b) {
    return *this = {value / b.value, (slope - value / b.value * b.slope) / b.value};
  }
  friend Dual operator+(Dual a, const Dual& b) { return a += b; }
  friend Dual operator-(Dual a, const Dual& b) { return a -= b; }
  friend Dual operator*(Dual a, const Dual& b) { return a *= b; }
  friend Dual operator/(Dual a, const Dual& b) { return a /= b; }
  friend Dual operator-(const Dual& a) { return {-a.value, -a.slope}; }
  friend bool operator<(const Dual& a, const Dual& b) { return a.value < b.value; }
  friend bool operator>(const Dual& a, const Dual& b) { return a.value > b.value; }
};

inline Dual exp(const Dual& a) { return {std::exp(a.value), std::exp(a.value) * a.slope}; }
inline Dual log(const Dual& a) { return {std::log(a.value), a.slope / a.value}; }
inline Dual sqrt(const Dual& a) { return {std::sqrt(a.value), a.slope / (2 * std::sqrt(a.value))}; }
inline Dual abs(const Dual& a) { return a.value < 0 ? -a : a; }
inline Dual erf(const Dual& a) {
  const double slope = 2 * std::numbers::inv_sqrtpi * std::exp(-a.value * a.value);
  return {std::erf(a.value), slope * a.slope};
}
inline Dual tanh(const Dual& a) {
  const double value = std::tanh(a.value);
  return {value, (1 - value * value) * a.slope};
}
inline double value_of(double a) { return a; }
inline double value_of(const Dual& a) { return a.value; }

}  // namespace lengthwise
