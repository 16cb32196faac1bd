#include <algorithm>

#include "autograd/operations.h"
#include "base/check.h"
#include "base/counters.h"
#include "base/parallel.h"
#include "kernels/rows.h"

namespace lengthwise {
namespace {

constexpr int64_t kRows = 16;  // rows of one task

// log_sums [N]: log(sum(exp(logits))); returns the mean loss in nats, summed in order.
double cross_entropy_forward(const float* logits, std::span<const int32_t> targets,
                             int64_t vocabulary, double smoothing, float* log_sums) {
  const auto rows = static_cast<int64_t>(targets.size());
  count_exponentials(rows * vocabulary);
  parallel_ranges(rows, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      log_sums[row] = log_sum_exp_row(logits + row * vocabulary, vocabulary);
    }
  });
  double loss = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const float* logit = logits + row * vocabulary;
    double expected = (1.0 - smoothing) * double{logit[targets[static_cast<size_t>(row)]]};
    // Not at 0: 0 times a logit of -inf is NaN.
    if (smoothing > 0) {
      expected += smoothing * double{sum_row(logit, vocabulary)} / static_cast<double>(vocabulary);
    }
    loss += double{log_sums[row]} - expected;
  }
  return loss / static_cast<double>(rows);
}

// loss = mean(log_sum - (1 - smoothing) logits[target] - smoothing mean(logits)), so the slope is
// (softmax - (1 - smoothing) one_hot - smoothing / V) / N
void cross_entropy_backward(const float* logits, std::span<const int32_t> targets,
                            int64_t vocabulary, double smoothing, const float* log_sums,
                            float loss_gradient, float* to_logits) {
  const auto rows = static_cast<int64_t>(targets.size());
  const float share = loss_gradient / static_cast<float>(rows);
  const float of_target = share * static_cast<float>(1.0 - smoothing);
  const float of_each = share * static_cast<float>(smoothing / static_cast<double>(vocabulary));
  count_exponentials(rows * vocabulary);
  parallel_ranges(rows, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* to = to_logits + row * vocabulary;
      add_exp_row(logits + row * vocabulary, log_sums[row], share, to, vocabulary);
      to[targets[static_cast<size_t>(row)]] -= of_target;
      for (int64_t c = 0; smoothing > 0 && c < vocabulary; ++c) to[c] -= of_each;
    }
  });
}

}  // namespace

Var cross_entropy(const Var& logits, std::span<const int32_t> targets, double smoothing) {
  const int64_t vocabulary = logits.extent(1);
  check_equal(static_cast<int64_t>(targets.size()), logits.extent(0), "cross_entropy: targets");
  for (const int32_t target : targets) {
    check_in_range(target, 0, vocabulary, "cross_entropy: a target");
  }
  Tensor log_sums({logits.extent(0)}, result_tag());
  Tensor loss({1}, result_tag());
  loss.data()[0] = static_cast<float>(
      cross_entropy_forward(logits.data(), targets, vocabulary, smoothing, log_sums.data()));
  return record(std::move(loss), {logits},
                [saved = logits.value(), log_sums, vocabulary, smoothing,
                 kept = DataVector<int32_t>(targets.begin(), targets.end()),
                 to = logits.gradient()](std::span<const float> from) {
                  cross_entropy_backward(saved.data(), kept, vocabulary, smoothing, log_sums.data(),
                                         from[0], to->data());
                });
}

}  // namespace lengthwise
