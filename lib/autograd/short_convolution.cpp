#include <algorithm>
#include <vector>

#include "autograd/operations.h"
#include "base/check.h"
#include "base/counters.h"
#include "base/parallel.h"
#include "kernels/multiply.h"
#include "kernels/rows.h"

namespace lengthwise {
namespace {

constexpr int64_t kRows = 32;     // tokens of one task
constexpr int64_t kColumns = 64;  // channels of one task

struct Sizes {
  int64_t batch, length, channels, width;
  std::vector<int64_t> taken;  // [B]

  int64_t tokens() const { return batch * length; }
  bool is_there(int64_t token) const {
    return token % length < taken[static_cast<size_t>(token / length)];
  }
};

Sizes sizes_of(const Var& x, const ConvolutionWeights& weights, std::span<const int64_t> taken) {
  Sizes s{x.extent(0), x.extent(1), x.extent(2), weights.kernel.extent(0), {}};
  check_equal(weights.kernel.extent(1), s.channels, "short_convolution: channels of the kernel");
  s.taken.assign(static_cast<size_t>(s.batch), s.length);
  if (!taken.empty()) s.taken.assign(taken.begin(), taken.end());
  for (int64_t& row : s.taken) row = std::clamp<int64_t>(row, 0, s.length);
  return s;
}

template <class Body>
void each_token(const Sizes& s, const Body& body) {
  parallel_ranges(s.tokens(), kRows, [&](int64_t begin, int64_t end) {
    for (int64_t token = begin; token < end; ++token) body(token);
  });
}

// out[b,t,c] = bias[c] + sum_k kernel[k,c] source(b, t-k)[c], until there is no source.
template <class Source>
void convolve(const Sizes& s, const float* kernel, const float* bias, const Source& source,
              float* out) {
  const int64_t C = s.channels;
  count_flops(2 * s.tokens() * C * s.width);  // also of a row's first, which have fewer before them
  each_token(s, [&](int64_t token) {
    float* to = out + token * C;
    if (!s.is_there(token)) {
      std::fill_n(to, C, 0.0F);
      return;
    }
    std::copy_n(bias, C, to);
    for (int64_t k = 0; k < s.width; ++k) {
      const float* from = source(token / s.length, token % s.length - k);
      if (from == nullptr) break;
      for (int64_t c = 0; c < C; ++c) to[c] += kernel[k * C + c] * from[c];
    }
  });
}

void convolve_backward(const Sizes& s, const float* x, const float* kernel, const float* from,
                       float* to_x, float* to_kernel, float* to_bias) {
  const int64_t C = s.channels;
  count_flops(4 * s.tokens() * C * s.width);
  // out[t] = bias + sum_k kernel[k] x[t-k], so that x[j] is in out[j+k].
  each_token(s, [&](int64_t token) {
    const int64_t left = s.taken[static_cast<size_t>(token / s.length)] - token % s.length;
    for (int64_t k = 0; k < std::min(s.width, left); ++k) {
      const float* slope = from + (token + k) * C;
      for (int64_t c = 0; c < C; ++c) to_x[token * C + c] += kernel[k * C + c] * slope[c];
    }
  });
  // In double, for a sum over every token of the batch.
  parallel_ranges(C, kColumns, [&](int64_t begin, int64_t end) {
    for (int64_t k = -1; k < s.width; ++k) {  // -1: of the bias
      double sums[kColumns] = {};
      for (int64_t token = 0; token < s.tokens(); ++token) {
        if (!s.is_there(token) || token % s.length < k) continue;
        const float* slope = from + token * C + begin;
        const float* in = x + (token - std::max<int64_t>(k, 0)) * C + begin;
        for (int64_t c = 0; c < end - begin; ++c) {
          sums[c] += static_cast<double>(k < 0 ? slope[c] : slope[c] * in[c]);
        }
      }
      float* to = (k < 0 ? to_bias : to_kernel + k * C) + begin;
      for (int64_t c = 0; c < end - begin; ++c) to[c] += static_cast<float>(sums[c]);
    }
  });
}

// What the gate multiplies by: x weight + bias, kept for the backward pass.
Tensor gate_of(const Var& x, const ConvolutionWeights& weights) {
  Tensor gate(x.shape(), result_tag());
  const int64_t C = x.extent(2);
  parallel_multiply(
      x.value().size() / C, C, C, 1, {x.data(), C}, {weights.gate.data(), C}, 1, gate.data(), C,
      {[&](int64_t row, int64_t rows, int64_t column, int64_t columns) {
         for (int64_t i = row; i < row + rows; ++i) {
           std::copy_n(weights.gate_bias.data() + column, columns, gate.data() + i * C + column);
         }
       },
       {}});
  return gate;
}

// out = convolved * gate + x where there is a token.
void apply_gate(const Sizes& s, const float* convolved, const float* gate, const float* x,
                float* out) {
  const int64_t C = s.channels;
  each_token(s, [&](int64_t token) {
    const int64_t at = token * C;
    if (!s.is_there(token)) {
      std::fill_n(out + at, C, 0.0F);
      return;
    }
    for (int64_t i = at; i < at + C; ++i) out[i] = convolved[i] * gate[i] + x[i];
  });
}

struct GradientsOf {
  std::shared_ptr<Gradient> x, kernel, bias, gate, gate_bias;
};

void gated_backward(const Sizes& s, const Tensor& x, const Tensor& kernel,
                    const Tensor& gate_weight, const Tensor& convolved, const Tensor& gate,
                    std::span<const float> from, const GradientsOf& to) {
  const int64_t C = s.channels, rows = s.tokens();
  Tensor to_convolved(x.shape(), Tag::workspace), to_gate(x.shape(), Tag::workspace);
  float* to_x = to.x->data();
  // out = convolved * gate + x
  each_token(s, [&](int64_t token) {
    const bool there = s.is_there(token);
    for (int64_t i = token * C; i < (token + 1) * C; ++i) {
      to_convolved.data()[i] = there ? from[static_cast<size_t>(i)] * gate.data()[i] : 0;
      to_gate.data()[i] = there ? from[static_cast<size_t>(i)] * convolved.data()[i] : 0;
      to_x[i] += there ? from[static_cast<size_t>(i)] : 0;
    }
  });
  convolve_backward(s, x.data(), kernel.data(), to_convolved.data(), to_x, to.kernel->data(),
                    to.bias->data());
  // gate = x gate_weight + gate_bias
  parallel_multiply(rows, C, C, 1, {to_gate.data(), C}, {gate_weight.data(), C, true}, 1, to_x, C);
  const auto [to_weight, beta] = to.gate->sum();
  parallel_multiply(C, C, rows, 1, {x.data(), C, true}, {to_gate.data(), C}, beta, to_weight, C);
  float* to_gate_bias = to.gate_bias->data();
  parallel_ranges(C, kColumns, [&](int64_t begin, int64_t end) {
    for (int64_t token = 0; token < rows; ++token) {
      add_scaled_row(to_gate_bias + begin, 1.0F, to_gate.data() + token * C + begin,
                     to_gate_bias + begin, end - begin);
    }
  });
}

bool has_gate(const ConvolutionWeights& weights) { return weights.gate.value().defined(); }

}  // namespace

Var short_convolution(const Var& x, const ConvolutionWeights& weights,
                      std::span<const int64_t> taken) {
  const Sizes s = sizes_of(x, weights, taken);
  const auto source = [&](int64_t b, int64_t t) {
    return t < 0 ? nullptr : x.data() + (b * s.length + t) * s.channels;
  };
  const GradientsOf to = {x.gradient(), weights.kernel.gradient(), weights.bias.gradient(),
                          weights.gate.gradient(), weights.gate_bias.gradient()};
  check(!is_recording() || (to.x && to.kernel && to.bias),
        "short_convolution: records gradients of x, kernel and bias");
  Tensor convolved(x.shape(), result_tag());
  convolve(s, weights.kernel.data(), weights.bias.data(), source, convolved.data());
  if (!has_gate(weights)) {
    return record(
        std::move(convolved), {x, weights.kernel, weights.bias},
        [s, in = x.value(), kernel = weights.kernel.value(), to](std::span<const float> from) {
          convolve_backward(s, in.data(), kernel.data(), from.data(), to.x->data(),
                            to.kernel->data(), to.bias->data());
        });
  }
  const Tensor gate = gate_of(x, weights);
  Tensor out(x.shape(), result_tag());
  apply_gate(s, convolved.data(), gate.data(), x.data(), out.data());
  return record(
      std::move(out), {x, weights.kernel, weights.bias, weights.gate, weights.gate_bias},
      [s, in = x.value(), kernel = weights.kernel.value(), gate_weight = weights.gate.value(),
       convolved, gate, to](std::span<const float> from) {
        gated_backward(s, in, kernel, gate_weight, convolved, gate, from, to);
      });
}

Var extend_short_convolution(const Var& x, const ConvolutionWeights& weights,
                             std::span<const int64_t> first, std::span<const int64_t> taken,
                             const Tensor& state) {
  const Sizes s = sizes_of(x, weights, taken);
  const int64_t slots = state.extent(1);
  const auto source = [&](int64_t b, int64_t t) -> const float* {
    if (t >= 0) return x.data() + (b * s.length + t) * s.channels;
    const int64_t position = first[static_cast<size_t>(b)] + t;
    if (position < 0) return nullptr;
    return state.data() + (b * slots + position % slots) * s.channels;
  };
  Tensor convolved(x.shape(), Tag::workspace);
  convolve(s, weights.kernel.data(), weights.bias.data(), source, convolved.data());
  if (!has_gate(weights)) return Var(convolved);
  const Tensor gate = gate_of(x, weights);
  Tensor out(x.shape(), Tag::workspace);
  apply_gate(s, convolved.data(), gate.data(), x.data(), out.data());
  return Var(out);
}

}  // namespace lengthwise
