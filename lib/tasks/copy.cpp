// Random letters, to be written again: copy_multi_char of McGill-NLP/length-generalization, which
// draws from some 100 characters.
#include "tasks/letters.h"

namespace lengthwise {
namespace {

class Copy final : public LetterTask {
 public:
  using Options = LetterOptions;

  static TaskInfo info() {
    return {.name = "copy",
            .summary = "the letters before the separator once more",
            .source = "Kazemnejad et al. 2023, arXiv:2305.19466",
            .chance = "1 in the alphabet and the end",
            .score = TaskScore::exact_match,
            .labels_next = true};
  }

  explicit Copy(const Options& options) : LetterTask(info().name, options) {}

 private:
  Letters answer(Letters content) const override { return content; }
};

const bool registered = register_letter_task<Copy>();

}  // namespace
}  // namespace lengthwise
