#include <cmath>
#include <cstdlib>
#include <vector>

#include "nn/definition.h"
#include "nn/position.h"

namespace lengthwise {
namespace {

// 2^(-8/H), 2^(-16/H), ... for H a power of two; otherwise those of the next smaller power of two,
// then every other one of the next larger (the published code).
std::vector<double> head_slopes(int64_t heads) {
  int64_t power = 1;
  while (2 * power <= heads) power *= 2;
  const auto slope = [](int64_t n, int64_t of) {
    return std::exp2(-8.0 * static_cast<double>(n) / static_cast<double>(of));
  };
  std::vector<double> slopes;
  for (int64_t n = 1; n <= power; ++n) slopes.push_back(slope(n, power));
  for (int64_t n = 1; power + (n + 1) / 2 <= heads; n += 2) slopes.push_back(slope(n, 2 * power));
  return slopes;
}

/// Attention with linear biases: score (i,j) of head h loses slope_h |i - j|.
class Alibi final : public Position {
 public:
  struct Options {
    void visit(OptionVisitor&) {}
  };

  static PositionInfo info() {
    return {.name = "alibi",
            .summary = "scores fall linearly with distance, at a rate of each head's own",
            .paper = "arXiv:2108.12409",
            .biases = true,
            .shift_invariant = true};
  }

  Alibi(const PositionSetup& setup, const Options&) : slopes_(head_slopes(setup.heads)) {}

  ScoreBias bias(int64_t least, int64_t most) const override {
    const auto heads = static_cast<int64_t>(slopes_.size());
    Tensor table({heads, most - least + 1}, result_tag());
    for (int64_t h = 0; h < heads; ++h) {
      for (int64_t distance = least; distance <= most; ++distance) {
        table.data()[h * (most - least + 1) + distance - least] = static_cast<float>(
            -slopes_[static_cast<size_t>(h)] * static_cast<double>(std::abs(distance)));
      }
    }
    return {Var(table), -least};
  }

  // Of H heads the first n, the largest power of two among them, take every 8/n-th power of 1/2;
  // the others the powers between.
  template <class Scalar>
  static void define(PositionDefinition<Scalar>& a, const Options&) {
    a.each_bias([&](int64_t h, int64_t distance) {
      int64_t n = a.H;
      while ((n & (n - 1)) != 0) --n;
      const auto step = h < n ? 8.0 * static_cast<double>(h + 1) / static_cast<double>(n)
                              : 4.0 * static_cast<double>(2 * (h - n) + 1) / static_cast<double>(n);
      return Scalar(-std::pow(0.5, step) * static_cast<double>(std::abs(distance)));
    });
  }

 private:
  std::vector<double> slopes_;
};

const bool registered = register_position<Alibi>();

}  // namespace
}  // namespace lengthwise
