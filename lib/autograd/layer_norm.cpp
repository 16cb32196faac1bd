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

void layer_norm_forward(const float* x, const float* gain, const float* bias, int64_t rows,
                        int64_t width, float* moments, float* out) {
  parallel_ranges(rows, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* in = x + row * width;
      const RowMoments m = row_moments(in, width);
      moments[2 * row] = m.mean;
      moments[2 * row + 1] = m.inverse_deviation;
      for (int64_t c = 0; c < width; ++c) {
        out[row * width + c] = (in[c] - m.mean) * m.inverse_deviation * gain[c] + bias[c];
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

}  // namespace

Var layer_norm(const Var& x, const Var& gain, const Var& bias) {
  const int64_t width = x.shape().back(), rows = x.value().size() / width;
  check_equal(gain.value().size(), width, "layer_norm: width of the gain");
  Tensor out(x.shape(), result_tag());
  Tensor moments({rows, 2}, result_tag());
  layer_norm_forward(x.data(), gain.data(), bias.data(), rows, width, moments.data(), out.data());
  return record(
      std::move(out), {x, gain, bias},
      [saved = x.value(), moments, gain_value = gain.value(), rows, width, to_x = x.gradient(),
       to_gain = gain.gradient(), to_bias = bias.gradient()](std::span<const float> from) {
        if (to_x) {
          layer_norm_backward(saved.data(), gain_value.data(), moments.data(), from.data(), rows,
                              width, to_x->data());
        }
        if (to_gain || to_bias) {
          layer_norm_backward_parameters(saved.data(), moments.data(), from.data(), rows, width,
                                         to_gain ? to_gain->data() : nullptr,
                                         to_bias ? to_bias->data() : nullptr);
        }
      });
}

}  // namespace lengthwise
