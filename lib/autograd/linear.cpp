#include <algorithm>

#include "autograd/operations.h"
#include "base/check.h"
#include "base/counters.h"
#include "base/parallel.h"
#include "kernels/multiply.h"
#include "kernels/rows.h"

namespace lengthwise {
namespace {

Shape with_last(Shape shape, int64_t last) {
  shape.back() = last;
  return shape;
}

struct ProductSizes {
  int64_t rows, k, n;
};

ProductSizes sizes_of(const Var& x, const Var& weight) {
  const int64_t k = weight.extent(0), n = weight.extent(1);
  check_equal(x.shape().back(), k, "linear: width of x");
  return {x.value().size() / k, k, n};
}

// out [rows,N] = x [rows,K] weight [K,N] + bias [N]; `after` each tile.
void linear_forward(const ProductSizes& s, const float* x, const float* weight, const float* bias,
                    float* out, const TileWork::Body& after) {
  const auto begin = [&](int64_t row, int64_t rows, int64_t column, int64_t columns) {
    for (int64_t i = row; i < row + rows; ++i) {
      std::copy_n(bias + column, columns, out + i * s.n + column);
    }
  };
  const bool biased = bias != nullptr;
  parallel_multiply(s.rows, s.n, s.k, 1, {x, s.k}, {weight, s.n}, biased ? 1.0F : 0.0F, out, s.n,
                    {biased ? begin : TileWork::Body(), after});
}

void bias_backward(const float* from, int64_t rows, int64_t n, float* to_bias) {
  constexpr int64_t kColumns = 16;  // a cache line
  parallel_ranges(n, kColumns, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < rows; ++row) {
      add_scaled_row(to_bias + begin, 1.0F, from + row * n + begin, to_bias + begin, end - begin);
    }
  });
}

// Where the inputs' gradients gather, and the values that they need.
struct LinearBackward {
  ProductSizes s;
  Tensor x, weight;
  std::shared_ptr<Gradient> to_x, to_weight, to_bias;

  LinearBackward(const ProductSizes& sizes, const Var& x_, const Var& weight_, const Var& bias)
      : s(sizes),
        x(x_.value()),
        weight(weight_.value()),
        to_x(x_.gradient()),
        to_weight(weight_.gradient()),
        to_bias(bias.gradient()) {}

  void operator()(std::span<const float> from) const {
    // out = x weight + bias
    if (to_x) {
      const auto [to, beta] = to_x->sum();
      parallel_multiply(s.rows, s.k, s.n, 1, {from.data(), s.n}, {weight.data(), s.n, true}, beta,
                        to, s.k);
    }
    if (to_weight) {
      const auto [to, beta] = to_weight->sum();
      parallel_multiply(s.k, s.n, s.rows, 1, {x.data(), s.k, true}, {from.data(), s.n}, beta, to,
                        s.n);
    }
    if (to_bias) bias_backward(from.data(), s.rows, s.n, to_bias->data());
  }
};

const float* bias_data(const Var& bias) { return bias.value().defined() ? bias.data() : nullptr; }

}  // namespace

Var linear(const Var& x, const Var& weight, const Var& bias) {
  const ProductSizes s = sizes_of(x, weight);
  Tensor out(with_last(x.shape(), s.n), result_tag());
  linear_forward(s, x.data(), weight.data(), bias_data(bias), out.data(), {});
  return record(std::move(out), {x, weight, bias}, LinearBackward(s, x, weight, bias));
}

Var linear_gelu(const Var& x, const Var& weight, const Var& bias, Gelu form) {
  const ProductSizes s = sizes_of(x, weight);
  // What goes in is kept for the backward pass; in inference the result takes its place.
  Tensor in(with_last(x.shape(), s.n), result_tag());
  Tensor out = is_recording() ? Tensor(in.shape(), result_tag()) : in;
  count_exponentials(gelu_exponentials(form) * in.size());
  linear_forward(s, x.data(), weight.data(), bias_data(bias), in.data(),
                 [&](int64_t row, int64_t rows, int64_t column, int64_t columns) {
                   for (int64_t i = row; i < row + rows; ++i) {
                     gelu_row(form, in.data() + i * s.n + column, out.data() + i * s.n + column,
                              columns);
                   }
                 });
  return record(
      std::move(out), {x, weight, bias},
      [s, in, form, backward = LinearBackward(s, x, weight, bias)](std::span<const float> from) {
        // out = gelu(in)
        constexpr int64_t kGrain = 4096;
        Tensor slopes({in.size()}, Tag::workspace);
        count_exponentials(gelu_backward_exponentials(form) * in.size());
        parallel_ranges(in.size(), kGrain, [&](int64_t begin, int64_t end) {
          std::fill(slopes.data() + begin, slopes.data() + end, 0.0F);
          gelu_backward_row(form, in.data() + begin, from.data() + begin, slopes.data() + begin,
                            end - begin);
        });
        backward(slopes.values());
      });
}

Var linear_transposed(const Var& x, const Var& table) {
  const int64_t n = table.extent(0), k = table.extent(1);
  check_equal(x.shape().back(), k, "linear_transposed: width of x");
  const int64_t rows = x.value().size() / k;
  Tensor out(with_last(x.shape(), n), result_tag());
  parallel_multiply(rows, n, k, 1, {x.data(), k}, {table.data(), k, true}, 0, out.data(), n);
  return record(
      std::move(out), {x, table},
      [x_value = x.value(), table_value = table.value(), rows, k, n, to_x = x.gradient(),
       to_table = table.gradient()](std::span<const float> from) {
        // out = x table^T
        if (to_x) {
          const auto [to, beta] = to_x->sum();
          parallel_multiply(rows, k, n, 1, {from.data(), n}, {table_value.data(), k}, beta, to, k);
        }
        if (to_table) {
          const auto [to, beta] = to_table->sum();
          parallel_multiply(n, k, rows, 1, {from.data(), n, true}, {x_value.data(), k}, beta, to,
                            k);
        }
      });
}

}  // namespace lengthwise
