#include <cmath>

#include "nn/definition.h"
#include "nn/position.h"
#include "nn/position_table.h"

namespace lengthwise {
namespace {

/// Sines and cosines added to the embeddings: channels 2i and 2i+1 turn with position at the rate
/// base^(-2i/C).
class Sinusoidal final : public Position {
 public:
  struct Options {
    double base = 10000.0;
    void visit(OptionVisitor& v) {
      v.number("base", base, {1.0, 1e9}, "wavelengths run from 2 pi to this times 2 pi");
    }
  };

  static PositionInfo info() {
    return {.name = "sinusoidal",
            .summary = "fixed sines and cosines added to the embeddings",
            .paper = "arXiv:1706.03762",
            .embeds = true,
            .tabulates = true};
  }

  Sinusoidal(const PositionSetup&, const Options& options) : base_(options.base) {}

  Var embed(const Var& x, std::span<const int64_t> first) const override {
    const int64_t width = x.extent(2);
    const auto value = [&](int64_t position, int64_t c) {
      const double angle = pair_angle(position, c, width, base_);
      return c % 2 == 0 ? std::sin(angle) : std::cos(angle);
    };
    return add_position_rows(x, table_.rows(x.extent(1), first, width, value), first);
  }

  template <class Scalar>
  static void define(PositionDefinition<Scalar>& a, const Options& options) {
    a.each_embedded([&](int64_t b, int64_t i, int64_t c) {
      const double exponent = static_cast<double>(c - c % 2) / static_cast<double>(a.C);
      const double angle = static_cast<double>(a.position(b, i)) / std::pow(options.base, exponent);
      return a.x(b, i, c) + Scalar(c % 2 == 0 ? std::sin(angle) : std::cos(angle));
    });
  }

 private:
  double base_;
  PositionTable table_;
};

const bool registered = register_position<Sinusoidal>();

}  // namespace
}  // namespace lengthwise
