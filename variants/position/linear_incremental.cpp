#include <cmath>
#include <vector>

#include "base/random.h"
#include "nn/definition.h"
#include "nn/position.h"
#include "nn/position_table.h"

namespace lengthwise {
namespace {

/// The raw index as a position: x_t + step * t * direction, kept to show how it fails. It is
/// unbounded: at t = 1000 it is hundreds of times larger than the token embedding, whose share in
/// the normed input falls as 1/t, and every longer length is unlike anything trained on.
/// Directions: `random` normal numbers; `alternating` +1, -1, ...; `ones`, which layer norm removes
/// exactly, since it subtracts the mean over the channels: a pre-norm model sees no position at
/// all.
class LinearIncremental final : public Position {
 public:
  struct Options {
    std::string direction = "random";
    double step = 1.0;
    void visit(OptionVisitor& v) {
      v.choice("direction", direction, {"random", "alternating", "ones"},
               "what the index is multiplied with; layer norm removes ones exactly");
      v.number("step", step, {1e-6, 1e6}, "added per position, times the direction");
    }
  };

  static PositionInfo info() {
    return {.name = "linear_incremental",
            .summary = "index times a direction, added: the form known to fail",
            .paper = "",
            .embeds = true,
            .tabulates = true};
  }

  LinearIncremental(const PositionSetup& setup, const Options& options) {
    RandomStream stream(setup.random_key, Purpose::variant);
    for (int64_t c = 0; c < setup.model_width; ++c) {
      const double alternating = c % 2 == 0 ? 1.0 : -1.0;
      direction_.push_back(options.step * (options.direction == "random"        ? stream.normal()
                                           : options.direction == "alternating" ? alternating
                                                                                : 1.0));
    }
  }

  Var embed(const Var& x, std::span<const int64_t> first) const override {
    const auto value = [&](int64_t position, int64_t c) {
      return static_cast<double>(position) * direction_[static_cast<size_t>(c)];
    };
    return add_position_rows(x, table_.rows(x.extent(1), first, x.extent(2), value), first);
  }

  template <class Scalar>
  static void define(PositionDefinition<Scalar>& a, const Options& options) {
    RandomStream stream(a.random_key, Purpose::variant);
    std::vector<double> direction(static_cast<size_t>(a.C), 1.0);
    for (size_t c = 0; c < direction.size(); ++c) {
      if (options.direction == "random") direction[c] = stream.normal();
      if (options.direction == "alternating") direction[c] = std::pow(-1.0, c);
    }
    a.each_embedded([&](int64_t b, int64_t i, int64_t c) {
      const auto index = static_cast<double>(a.position(b, i));
      return a.x(b, i, c) + Scalar(options.step * index * direction[static_cast<size_t>(c)]);
    });
  }

 private:
  std::vector<double> direction_;
  PositionTable table_;
};

const bool registered = register_position<LinearIncremental>();

}  // namespace
}  // namespace lengthwise
