#include <cmath>

#include "autograd/operations.h"
#include "base/check.h"
#include "base/parallel.h"
#include "kernels/rows.h"

namespace lengthwise {
namespace {

constexpr float kEpsilon = 1e-5F;
constexpr int64_t kRows = 32;  // rows of one task

struct RowMoments {
  float mean, inverse_deviation;
};

RowMoments row_moments(const float* x, int64_t width) {
  const auto n = static_cast<float>(width);
  const float mean = sum_row(x, width) / n;
  float squares = 0;
  for (int64_t c = 0; c < width; ++c) squares += (x[c] - mean) * (x[c] - mean);
  return {mean, 1.0F / std::sqrt(squares / n + kEpsilon)};
}

struct NormSizes {
  int64_t rows, width;
};

// out = layer_norm(x), where x = a + b is written first if there is a b.
void layer_norm_forward(const NormSizes& s, const float* a, const float* b, const float* gain,
                        const float* bias, float* x, float* moments, float* out) {
  parallel_ranges(s.rows, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t at = row * s.width;
      if (b != nullptr) add_scaled_row(a + at, 1.0F, b + at, x + at, s.width);
      const float* in = (b == nullptr ? a : x) + at;
      const RowMoments m = row_moments(in, s.width);
      moments[2 * row] = m.mean;
      moments[2 * row + 1] = m.inverse_deviation;
      for (int64_t c = 0; c < s.width; ++c) {
        out[at + c] = (in[c] - m.mean) * m.inverse_deviation * gain[c] + bias[c];
      }
    }
  });
}

// out = (x - mean) * inverse_deviation * gain + bias
void layer_norm_backward(const float* x, const float* gain, const float* moments, const float* from,
                         int64_t rows, int64_t width, float* to_x) {
  parallel_ranges(rows, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* in = x + row * width;
      const float* slope = from + row * width;
      const float mean = moments[2 * row], inverse = moments[2 * row + 1];
      float sum = 0, product = 0;
      for (int64_t c = 0; c < width; ++c) {
        const float scaled = slope[c] * gain[c];
        sum += scaled;
        product += scaled * (in[c] - mean) * inverse;
      }
      const auto n = static_cast<float>(width);
      for (int64_t c = 0; c < width; ++c) {
        const float normed = (in[c] - mean) * inverse;
        to_x[row * width + c] += inverse * (slope[c] * gain[c] - sum / n - normed * (product / n));
      }
    }
  });
}

// The columns' sums over all rows, in order.
void layer_norm_backward_parameters(const float* x, const float* moments, const float* from,
                                    int64_t rows, int64_t width, float* to_gain, float* to_bias) {
  constexpr int64_t kColumns = 16;
  parallel_ranges(width, kColumns, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < rows; ++row) {
      const float mean = moments[2 * row], inverse = moments[2 * row + 1];
      for (int64_t c = begin; c < end; ++c) {
        const float slope = from[row * width + c];
        if (to_gain != nullptr) to_gain[c] += slope * (x[row * width + c] - mean) * inverse;
        if (to_bias != nullptr) to_bias[c] += slope;
      }
    }
  });
}

NormSizes sizes_of(const Var& x, const Var& gain) {
  const int64_t width = x.shape().back();
  check_equal(gain.value().size(), width, "layer_norm: width of the gain");
  return {x.value().size() / width, width};
}

Var record_norm(Tensor out, const NormSizes& s, const Var& x, const Tensor& moments,
                const Var& gain, const Var& bias) {
  return record(
      std::move(out), {x, gain, bias},
      [saved = x.value(), moments, gain_value = gain.value(), s, to_x = x.gradient(),
       to_gain = gain.gradient(), to_bias = bias.gradient()](std::span<const float> from) {
        if (to_x) {
          layer_norm_backward(saved.data(), gain_value.data(), moments.data(), from.data(), s.rows,
                              s.width, to_x->data());
        }
        if (to_gain || to_bias) {
          layer_norm_backward_parameters(saved.data(), moments.data(), from.data(), s.rows, s.width,
                                         to_gain ? to_gain->data() : nullptr,
                                         to_bias ? to_bias->data() : nullptr);
        }
      });
}

}  // namespace

Var layer_norm(const Var& x, const Var& gain, const Var& bias) {
  const NormSizes s = sizes_of(x, gain);
  Tensor out(x.shape(), result_tag()), moments({s.rows, 2}, result_tag());
  layer_norm_forward(s, x.data(), nullptr, gain.data(), bias.data(), nullptr, moments.data(),
                     out.data());
  return record_norm(std::move(out), s, x, moments, gain, bias);
}

SumAndNorm add_layer_norm(const Var& a, const Var& b, const Var& gain, const Var& bias) {
  check_equal(to_string(a.shape()), to_string(b.shape()), "add_layer_norm: shapes");
  const NormSizes s = sizes_of(a, gain);
  Tensor sum(a.shape(), result_tag()), out(a.shape(), result_tag());
  Tensor moments({s.rows, 2}, result_tag());
  layer_norm_forward(s, a.data(), b.data(), gain.data(), bias.data(), sum.data(), moments.data(),
                     out.data());
  SumAndNorm result;
  result.sum = record_sum(std::move(sum), a, b);
  result.normed = record_norm(std::move(out), s, result.sum, moments, gain, bias);
  return result;
}

}  // namespace lengthwise
