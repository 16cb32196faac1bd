#include "kernels/columns.h"

#include <algorithm>
#include <limits>

#include "kernels/simd.h"

HWY_BEFORE_NAMESPACE();
namespace lengthwise {
namespace {

using namespace simd;  // NOLINT(google-build-using-namespace): the words of this file

constexpr float kLowest = -std::numeric_limits<float>::infinity();
constexpr int64_t kTogether = kPanelQueries / kLanes < 4 ? kPanelQueries / kLanes : 4;

// Calls body(first column of the vectors that go together) along the panel.
template <class Body>
HWY_INLINE void over_columns(Body body) {
  for (int64_t c = 0; c < kPanelQueries; c += kTogether * kLanes) body(c);
}

}  // namespace

void begin_softmax(const RunningSoftmax& running) {
  std::fill_n(running.most, kPanelQueries, kLowest);
  std::fill_n(running.sum, kPanelQueries, 0.0F);
}

void step_softmax(float* panel, int64_t keys, const RunningSoftmax& running) {
  const Lanes d;
  over_columns([&](int64_t c) HWY_ATTR {
    Vector most[kTogether], sum[kTogether], shift[kTogether];
    unrolled<kTogether>(
        [&](auto v) HWY_ATTR { shift[v] = most[v] = hn::LoadU(d, running.most + c + v * kLanes); });
    for (int64_t j = 0; j < keys; ++j) {
      const float* row = panel + j * kPanelQueries + c;
      unrolled<kTogether>(
          [&](auto v) HWY_ATTR { most[v] = hn::Max(most[v], hn::LoadU(d, row + v * kLanes)); });
    }
    unrolled<kTogether>([&](auto v) HWY_ATTR {
      const Vector before = shift[v];
      // A query that has seen nothing has scores of -inf alone: any shift leaves its weights 0.
      shift[v] = hn::IfThenZeroElse(hn::Eq(most[v], hn::Set(d, kLowest)), most[v]);
      const Vector shrink = exponential(hn::Sub(before, shift[v]));
      hn::StoreU(shrink, d, running.shrink + c + v * kLanes);
      hn::StoreU(most[v], d, running.most + c + v * kLanes);
      sum[v] = hn::Mul(hn::LoadU(d, running.sum + c + v * kLanes), shrink);
    });
    for (int64_t j = 0; j < keys; ++j) {
      float* row = panel + j * kPanelQueries + c;
      unrolled<kTogether>([&](auto v) HWY_ATTR {
        const Vector weight = exponential(hn::Sub(hn::LoadU(d, row + v * kLanes), shift[v]));
        sum[v] = hn::Add(sum[v], weight);
        hn::StoreU(weight, d, row + v * kLanes);
      });
    }
    unrolled<kTogether>([&](auto v)
                            HWY_ATTR { hn::StoreU(sum[v], d, running.sum + c + v * kLanes); });
  });
}

void finish_softmax(float* panel, int64_t rows, const RunningSoftmax& running) {
  const Lanes d;
  over_columns([&](int64_t c) HWY_ATTR {
    Vector inverse[kTogether];
    unrolled<kTogether>([&](auto v) HWY_ATTR {
      const Vector sum = hn::LoadU(d, running.sum + c + v * kLanes);
      inverse[v] = hn::IfThenZeroElse(hn::Eq(sum, hn::Zero(d)), hn::Div(hn::Set(d, 1.0F), sum));
    });
    for (int64_t j = 0; j < rows; ++j) {
      float* row = panel + j * kPanelQueries + c;
      unrolled<kTogether>([&](auto v) HWY_ATTR {
        hn::StoreU(hn::Mul(inverse[v], hn::LoadU(d, row + v * kLanes)), d, row + v * kLanes);
      });
    }
  });
}

}  // namespace lengthwise
HWY_AFTER_NAMESPACE();
