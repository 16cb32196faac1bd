#include <cmath>

#include "base/check.h"
#include "nn/definition.h"
#include "nn/position.h"
#include "nn/position_table.h"

namespace lengthwise {
namespace {

/// Rotary positions: channels (2d, 2d+1) of every query and key turn by position * base^(-2d/D), so
/// that their dot product depends on the distance alone.
class Rotary final : public Position {
 public:
  struct Options {
    double base = 10000.0;
    void visit(OptionVisitor& v) {
      v.number("base", base, {1.0, 1e9}, "the slowest pair turns once in about 2 pi times this");
    }
  };

  static PositionInfo info() {
    return {.name = "rotary",
            .summary = "queries and keys turned by their position",
            .paper = "arXiv:2104.09864",
            .rotates = true,
            .shift_invariant = true,
            .tabulates = true};
  }

  Rotary(const PositionSetup& setup, const Options& options) : base_(options.base) {
    if (setup.head_width % 2 != 0) {
      user_error(
          "position: rotary turns pairs of channels; found a head width of {}, expected an "
          "even one",
          setup.head_width);
    }
  }

  Var rotate(const Var& q_or_k, Side, std::span<const int64_t> first) const override {
    const int64_t width = q_or_k.extent(3);
    const auto value = [&](int64_t position, int64_t c) {
      const double angle = pair_angle(position, c, width, base_);
      return c % 2 == 0 ? std::cos(angle) : std::sin(angle);
    };
    return rotate_pairs(q_or_k, table_.rows(q_or_k.extent(1), first, width, value), first);
  }

  // (x + i y) e^(i angle), for the pair of channels (x, y)
  template <class Scalar>
  static void define(PositionDefinition<Scalar>& a, const Options& options) {
    a.each_rotated([&](int64_t b, int64_t i, int64_t h, int64_t d) {
      const double exponent = static_cast<double>(d - d % 2) / static_cast<double>(a.D);
      const double angle = static_cast<double>(a.position(b, i)) / std::pow(options.base, exponent);
      const Scalar cosine(std::cos(angle)), sine(std::sin(angle));
      return d % 2 == 0 ? a.x(b, i, h, d) * cosine - a.x(b, i, h, d + 1) * sine
                        : a.x(b, i, h, d) * cosine + a.x(b, i, h, d - 1) * sine;
    });
  }

 private:
  double base_;
  PositionTable table_;
};

const bool registered = register_position<Rotary>();

}  // namespace
}  // namespace lengthwise
