#include "nn/definition.h"
#include "nn/position.h"

namespace lengthwise {
namespace {

/// A trained vector per position, added to the embeddings; there is none past the table.
class Learned final : public Position {
 public:
  struct Options {
    int64_t longest = 1024;
    double standard_deviation = 0.02;
    void visit(OptionVisitor& v) {
      v.integer("longest", longest, {1, kLargestSize}, "positions in the table");
      v.number("standard_deviation", standard_deviation, {0.0, 10.0}, "of the initial values");
    }
  };

  static PositionInfo info() {
    return {.name = "learned",
            .summary = "a trained vector per position, up to the end of a table",
            .paper = "arXiv:1705.03122",
            .embeds = true};
  }

  Learned(const PositionSetup& setup, const Options& options)
      : table_(setup.parameters.add("table", {options.longest, setup.model_width},
                                    options.standard_deviation)),
        longest_(options.longest) {}

  int64_t longest() const override { return longest_; }

  Var embed(const Var& x, std::span<const int64_t> first) const override {
    return add_position_rows(x, table_, first);
  }

  template <class Scalar>
  static void define(PositionDefinition<Scalar>& a, const Options&) {
    a.each_embedded([&](int64_t b, int64_t i, int64_t c) {
      return a.x(b, i, c) + a.parameter("table")(a.position(b, i), c);
    });
  }

 private:
  Var table_;
  int64_t longest_;
};

const bool registered = register_position<Learned>();

}  // namespace
}  // namespace lengthwise
