#include "nn/definition.h"
#include "nn/position.h"

namespace lengthwise {
namespace {

/// No positions. A causal model still sees order through how many tokens each one sees.
class None final : public Position {
 public:
  struct Options {
    void visit(OptionVisitor&) {}
  };
  static PositionInfo info() {
    return {.name = "none",
            .summary = "no positions: only the causal mask tells order",
            .paper = "arXiv:2203.16634",
            .shift_invariant = true};
  }
  None(const PositionSetup&, const Options&) {}

  template <class Scalar>
  static void define(PositionDefinition<Scalar>&, const Options&) {}
};

const bool registered = register_position<None>();

}  // namespace
}  // namespace lengthwise
