// Random letters, to be written in the order of the alphabet, as in
// McGill-NLP/length-generalization.
#include <algorithm>

#include "tasks/letters.h"

namespace lengthwise {
namespace {

class Sort final : public LetterTask {
 public:
  using Options = LetterOptions;

  static TaskInfo info() {
    return {.name = "sort",
            .summary = "the letters before the separator in the order of the alphabet",
            .source = "Kazemnejad et al. 2023, arXiv:2305.19466",
            .chance = "1 in the alphabet and the end",
            .score = TaskScore::exact_match,
            .labels_next = true};
  }

  explicit Sort(const Options& options) : LetterTask(info().name, options) {}

 private:
  Letters answer(Letters content) const override {
    std::sort(content.begin(), content.end());
    return content;
  }
};

const bool registered = register_letter_task<Sort>();

}  // namespace
}  // namespace lengthwise
