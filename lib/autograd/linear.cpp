#include <algorithm>

#include "autograd/operations.h"
#include "base/check.h"
#include "base/parallel.h"
#include "kernels/multiply.h"
#include "kernels/rows.h"

namespace lengthwise {
namespace {

Shape with_last(Shape shape, int64_t last) {
  shape.back() = last;
  return shape;
}

// out [rows,N] = x [rows,K] weight [K,N] + bias [N]
void linear_forward(const float* x, const float* weight, const float* bias, int64_t rows, int64_t k,
                    int64_t n, float* out) {
  if (bias != nullptr) {
    parallel_ranges(rows, 64, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) std::copy_n(bias, n, out + row * n);
    });
  }
  parallel_multiply(rows, n, k, 1, {x, k}, {weight, n}, bias == nullptr ? 0.0F : 1.0F, out, n);
}

void bias_backward(const float* from, int64_t rows, int64_t n, float* to_bias) {
  constexpr int64_t kColumns = 16;  // a cache line
  parallel_ranges(n, kColumns, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < rows; ++row) {
      add_scaled_row(to_bias + begin, 1.0F, from + row * n + begin, to_bias + begin, end - begin);
    }
  });
}

}  // namespace

Var linear(const Var& x, const Var& weight, const Var& bias) {
  const int64_t k = weight.extent(0), n = weight.extent(1);
  check_equal(x.shape().back(), k, "linear: width of x");
  const int64_t rows = x.value().size() / k;
  const bool has_bias = bias.value().defined();
  Tensor out(with_last(x.shape(), n), result_tag());
  linear_forward(x.data(), weight.data(), has_bias ? bias.data() : nullptr, rows, k, n, out.data());
  return record(
      std::move(out), {x, weight, bias},
      [x_value = x.value(), weight_value = weight.value(), rows, k, n, to_x = x.gradient(),
       to_weight = weight.gradient(), to_bias = bias.gradient()](std::span<const float> from) {
        // out = x weight + bias
        if (to_x) {
          parallel_multiply(rows, k, n, 1, {from.data(), n}, {weight_value.data(), n, true}, 1,
                            to_x->data(), k);
        }
        if (to_weight) {
          parallel_multiply(k, n, rows, 1, {x_value.data(), k, true}, {from.data(), n}, 1,
                            to_weight->data(), n);
        }
        if (to_bias) bias_backward(from.data(), rows, n, to_bias->data());
      });
}

Var linear_transposed(const Var& x, const Var& table) {
  const int64_t n = table.extent(0), k = table.extent(1);
  check_equal(x.shape().back(), k, "linear_transposed: width of x");
  const int64_t rows = x.value().size() / k;
  Tensor out(with_last(x.shape(), n), result_tag());
  parallel_multiply(rows, n, k, 1, {x.data(), k}, {table.data(), k, true}, 0, out.data(), n);
  return record(std::move(out), {x, table},
                [x_value = x.value(), table_value = table.value(), rows, k, n, to_x = x.gradient(),
                 to_table = table.gradient()](std::span<const float> from) {
                  // out = x table^T
                  if (to_x) {
                    parallel_multiply(rows, k, n, 1, {from.data(), n}, {table_value.data(), k}, 1,
                                      to_x->data(), k);
                  }
                  if (to_table) {
                    parallel_multiply(n, k, rows, 1, {from.data(), n, true}, {x_value.data(), k}, 1,
                                      to_table->data(), k);
                  }
                });
}

}  // namespace lengthwise
