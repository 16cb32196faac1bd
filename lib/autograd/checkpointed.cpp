#include "autograd/operations.h"
#include "base/check.h"

namespace lengthwise {

Var checkpointed(const Var& x, const std::function<Var(const Var&)>& body) {
  if (!is_recording()) return body(x);
  check(x.needs_gradient(), "checkpointed: an input without a gradient");
  Tensor out = [&] {
    const RecordingPause pause;
    return body(Var(x.value())).value().clone(Tag::activations);
  }();
  return record(std::move(out), {x}, [x, body](std::span<const float> from) {
    // out = body(x)
    Tape tape;
    Var again;
    {
      const Recording recording(tape);
      again = body(x);
    }
    tape.backward(again, from);
  });
}

}  // namespace lengthwise
