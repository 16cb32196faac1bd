#include <algorithm>

#include "autograd/operations.h"
#include "base/check.h"
#include "base/counters.h"
#include "base/parallel.h"
#include "kernels/rows.h"

namespace lengthwise {
namespace {

constexpr int64_t kGrain = 16384;  // elements of one task

}  // namespace

Var record_sum(Tensor sum, const Var& a, const Var& b) {
  return record(std::move(sum), {a, b},
                [to_a = a.gradient(), to_b = b.gradient()](std::span<const float> from) {
                  // sum = a + b
                  if (to_a) to_a->add(from);
                  if (to_b) to_b->add(from);
                });
}

Var add(const Var& a, const Var& b) {
  check_equal(to_string(a.shape()), to_string(b.shape()), "add: shapes");
  Tensor out(a.shape(), result_tag());
  parallel_ranges(out.size(), kGrain, [&](int64_t begin, int64_t end) {
    add_scaled_row(a.data() + begin, 1.0F, b.data() + begin, out.data() + begin, end - begin);
  });
  return record_sum(std::move(out), a, b);
}

Var gelu(const Var& x, Gelu form) {
  Tensor out(x.shape(), result_tag());
  count_exponentials(gelu_exponentials(form) * out.size());
  parallel_ranges(out.size(), kGrain, [&](int64_t begin, int64_t end) {
    gelu_row(form, x.data() + begin, out.data() + begin, end - begin);
  });
  return record(std::move(out), {x},
                [form, saved = x.value(), to = x.gradient()](std::span<const float> from) {
                  float* gradient = to->data();
                  count_exponentials(gelu_backward_exponentials(form) * saved.size());
                  parallel_ranges(saved.size(), kGrain, [&](int64_t begin, int64_t end) {
                    gelu_backward_row(form, saved.data() + begin, from.data() + begin,
                                      gradient + begin, end - begin);
                  });
                });
}

}  // namespace lengthwise
