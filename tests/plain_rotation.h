// Rotary positions in plain loops, right as they stand, and wrong in one place for each seeded
// fault; and a bias by distance likewise.
#pragma once
#include <cmath>

#include "base/parallel.h"
#include "nn/definition.h"
#include "nn/position.h"

namespace lengthwise {

enum class PositionFault {
  none,
  turns_too_fast,    // the angle's exponent without its factor 2
  turns_by_square,   // by position squared: no longer relative
  forgets_first,     // every piece begins at position 0
  slope_not_turned,  // the gradient is passed on as it comes
  hangs_on_threads,  // another last bit with more threads
  bias_by_range,     // a bias that hangs on the distances asked for
};

template <PositionFault kFault>
class PlainRotation final : public Position {
 public:
  struct Options {
    void visit(OptionVisitor&) {}
  };
  static constexpr bool kBiases = kFault == PositionFault::bias_by_range;
  static PositionInfo info() {
    return {.name = "plain",
            .summary = "plain loops",
            .paper = "",
            .rotates = !kBiases,
            .biases = kBiases,
            .shift_invariant = true};
  }
  PlainRotation(const PositionSetup& setup, const Options&) : heads_(setup.heads) {}

  Var rotate(const Var& x, Side, std::span<const int64_t> first) const override {
    Tensor out(x.shape(), result_tag());
    const std::vector<int64_t> from_first(first.begin(), first.end());
    std::fill_n(out.data(), out.size(), 0.0F);
    add_turned(x.data(), x.shape(), from_first, 1, out.data());
    return record(std::move(out), {x},
                  [shape = x.shape(), from_first, to = x.gradient()](std::span<const float> from) {
                    const double back = kFault == PositionFault::slope_not_turned ? 0 : -1;
                    add_turned(from.data(), shape, from_first, back, to->data());
                  });
  }

  ScoreBias bias(int64_t least, int64_t most) const override {
    Tensor table({heads_, most - least + 1}, result_tag());
    for (int64_t i = 0; i < table.size(); ++i) {
      table.data()[i] = 0.01F * static_cast<float>(i % table.extent(1));
    }
    return {Var(table), -least};
  }

  template <class Scalar>
  static void define(PositionDefinition<Scalar>& a, const Options&) {
    a.each_rotated([&](int64_t b, int64_t i, int64_t h, int64_t d) {
      const double turned = right_angle(a.position(b, i), d, a.D);
      const Scalar cosine(std::cos(turned)), sine(std::sin(turned));
      return d % 2 == 0 ? a.x(b, i, h, d) * cosine - a.x(b, i, h, d + 1) * sine
                        : a.x(b, i, h, d) * cosine + a.x(b, i, h, d - 1) * sine;
    });
    a.each_bias(
        [](int64_t, int64_t distance) { return Scalar(0.01 * static_cast<double>(distance)); });
  }

 private:
  static double right_angle(int64_t position, int64_t d, int64_t width) {
    const double share = static_cast<double>(d - d % 2) / static_cast<double>(width);
    return static_cast<double>(position) * std::pow(100.0, -share);
  }

  static double angle(int64_t position, int64_t d, int64_t width) {
    if (kFault == PositionFault::turns_too_fast) d /= 2;
    if (kFault == PositionFault::turns_by_square) position *= position;
    const double extra = kFault == PositionFault::hangs_on_threads ? 1e-6 * thread_count() : 0;
    return right_angle(position, d, width) + extra;
  }

  // to += x turned by `times` its angles.
  static void add_turned(const float* x, const Shape& shape, const std::vector<int64_t>& first,
                         double times, float* to) {
    const int64_t T = shape[1], H = shape[2], D = shape[3];
    for (int64_t row = 0; row < shape[0] * T; ++row) {
      const bool at_zero = first.empty() || kFault == PositionFault::forgets_first;
      const int64_t position = row % T + (at_zero ? 0 : first[static_cast<size_t>(row / T)]);
      for (int64_t at = row * H * D; at < (row + 1) * H * D; at += 2) {
        const double turned = times * angle(position, at % D, D);
        const auto c = static_cast<float>(std::cos(turned)),
                   s = static_cast<float>(std::sin(turned));
        to[at] += c * x[at] - s * x[at + 1];
        to[at + 1] += c * x[at + 1] + s * x[at];
      }
    }
  }

  int64_t heads_;
};

}  // namespace lengthwise
