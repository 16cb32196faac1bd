// A few letters over and over, to be written again: with one letter repeat_single_char of
// McGill-NLP/length-generalization, where all that is hard is to count.
#include <algorithm>

#include "tasks/letters.h"

namespace lengthwise {
namespace {

class Repeat final : public LetterTask {
 public:
  struct Options : LetterOptions {
    int64_t period = 1;
    void visit(OptionVisitor& visitor) {
      LetterOptions::visit(visitor);
      visitor.integer("period", period, {1, kLargestSize}, "letters before they come again");
    }
  };

  static TaskInfo info() {
    return {.name = "repeat",
            .summary = "a letter before the separator as often as it stands there",
            .source = "Kazemnejad et al. 2023, arXiv:2305.19466",
            .chance = "1 in the alphabet and the end",
            .score = TaskScore::exact_match,
            .labels_next = true};
  }

  explicit Repeat(const Options& options)
      : LetterTask(info().name, options), period_(options.period) {}

 protected:
  int64_t distinct_letters(int64_t count) const override { return std::min(count, period_); }

 private:
  Letters content(RandomStream& random, int64_t count) const override {
    Letters letters = draw(random, distinct_letters(count));
    while (static_cast<int64_t>(letters.size()) < count) {
      letters.push_back(letters[letters.size() - static_cast<size_t>(period_)]);
    }
    return letters;
  }
  Letters answer(Letters content) const override { return content; }

  int64_t period_;
};

const bool registered = register_letter_task<Repeat>();

}  // namespace
}  // namespace lengthwise
