// Random letters, to be written from the last to the first, as in McGill-NLP/length-generalization.
#include <algorithm>

#include "tasks/letters.h"

namespace lengthwise {
namespace {

class Reverse final : public LetterTask {
 public:
  using Options = LetterOptions;

  static TaskInfo info() {
    return {.name = "reverse",
            .summary = "the letters before the separator from the last to the first",
            .source = "Kazemnejad et al. 2023, arXiv:2305.19466",
            .chance = "1 in the alphabet and the end",
            .score = TaskScore::exact_match,
            .labels_next = true};
  }

  explicit Reverse(const Options& options) : LetterTask(info().name, options) {}

 private:
  Letters answer(Letters content) const override {
    std::reverse(content.begin(), content.end());
    return content;
  }
};

const bool registered = register_letter_task<Reverse>();

}  // namespace
}  // namespace lengthwise
