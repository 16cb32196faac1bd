// SIMD kernels on rows of floats, on the calling thread. Google Highway, static dispatch.
#pragma once
#include <cstdint>
#include <string>

namespace lengthwise {

/// row <- softmax(row) over n elements. A row of -inf, or an empty one, becomes 0.
void softmax_row(float* row, int64_t n);
/// row <- row / sum |row| and returns that sum; 0 leaves the row 0.
float normalise_sum_row(float* row, int64_t n);

/// The largest element; -inf for none, NaN if one is.
float max_row(const float* row, int64_t n);
/// out <- exp(row - shift), and its sum; out may be row.
float exp_and_sum_row(const float* row, float shift, float* out, int64_t n);
/// weight <- exp(weight - shift); slope <- weight * (slope - mean): a softmax again, and its slope.
void weight_and_slope_row(float* weight, float shift, float mean, float* slope, int64_t n);

float dot_row(const float* a, const float* b, int64_t n);
float sum_row(const float* a, int64_t n);
/// out <- a + factor * b; out may be a.
void add_scaled_row(const float* a, float factor, const float* b, float* out, int64_t n);
void scale_row(float factor, float* row, int64_t n);

/// Index of the largest element, the first of equals; n >= 1.
int64_t largest_in_row(const float* row, int64_t n);
/// log(sum(exp(row))).
float log_sum_exp_row(const float* row, int64_t n);
/// out += factor * exp(row - shift).
void add_exp_row(const float* row, float shift, float factor, float* out, int64_t n);

/// x (1 + erf(x / sqrt 2)) / 2, the exact GELU, or x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
/// / 2.
enum class Gelu : uint8_t { erf, tanh };
/// out <- gelu(x).
void gelu_row(Gelu form, const float* x, float* out, int64_t n);
/// x_gradient += out_gradient * gelu'(x).
void gelu_backward_row(Gelu form, const float* x, const float* out_gradient, float* x_gradient,
                       int64_t n);
/// Exponentials of one element of gelu_row, and of its slope.
constexpr int64_t gelu_exponentials(Gelu /*form*/) { return 1; }
constexpr int64_t gelu_backward_exponentials(Gelu form) { return form == Gelu::erf ? 2 : 1; }

/// out <- elu(x) + 1: x + 1 for x > 0, exp(x) below.
void elu_plus_one_row(const float* x, float* out, int64_t n);
/// x_gradient += out_gradient * (x > 0 ? 1 : exp(x)), the slope of elu_plus_one_row.
void elu_plus_one_backward_row(const float* x, const float* out_gradient, float* x_gradient,
                               int64_t n);

/// Name of the instruction set that these were compiled for.
std::string simd_target();

}  // namespace lengthwise
