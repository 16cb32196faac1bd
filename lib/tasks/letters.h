// What copy, reverse, sort and repeat have in common: `begin x1 .. xn separator y1 .. yn`, where
// each y is asked for from the token before it, and then the end.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "tasks/source_target.h"

namespace lengthwise {

using Letters = std::vector<int32_t>;

struct LetterOptions {
  int64_t alphabet = 26, least = 0;
  bool duplicates = true;
  void visit(OptionVisitor& visitor);
};

/// A sequence of T tokens holds n = (T - 2) / 2 letters and asks for n + 1 tokens, the last of them
/// the end. Training may draw fewer, every number from `least` on alike: the rest of such a row is
/// filled and has no label. Parts: the letters (`content`) and the end (`end`), so that a model
/// that knows what to write but not when to stop shows as one (Newman et al. 2020,
/// arXiv:2010.07174).
class LetterTask : public Task {
 public:
  LetterTask(std::string_view name, const LetterOptions& options)
      : name_(name), options_(options) {}

  static TokenText token_text(const LetterOptions& options, TaskForm form);

  int64_t vocabulary() const override { return options_.alphabet + 3; }
  void check_length(int64_t length) const override;
  void check_training(int64_t length) const override;
  Batch training_batch(uint64_t seed, int64_t step, int64_t batch, int64_t length) const override;
  std::vector<BatchShape> training_shapes(int64_t batch, int64_t length) const override;
  Batch measured_batch(uint64_t seed, int64_t batch, int64_t length) const override;
  Batch evaluation_batch(uint64_t seed, int64_t length, int64_t first,
                         int64_t count) const override;
  std::vector<std::string> parts(int64_t length) const override;
  double chance(int64_t length) const override;

  std::string_view name() const { return name_; }
  const LetterOptions& options() const { return options_; }
  /// So many letters, and what is asked for.
  SourceTarget asked_and_given(RandomStream& random, int64_t letters) const;
  /// UserError where there are not so many different ones.
  void check_alphabet(int64_t letters, int64_t length) const;
  /// UserError where training is to have more letters at least than `most`, which this length
  /// holds.
  void check_least(int64_t most, int64_t length) const;
  /// Of a training example at most so long: every number from `least` on alike.
  int64_t draw_letters(RandomStream& random, int64_t most) const;

 protected:
  /// So many letters, each 0 .. alphabet - 1: independent, or different ones.
  Letters draw(RandomStream& random, int64_t count) const;
  int64_t alphabet() const { return options_.alphabet; }
  /// Letters of different values that the content of so many letters needs.
  virtual int64_t distinct_letters(int64_t count) const { return count; }

 private:
  virtual Letters content(RandomStream& random, int64_t count) const { return draw(random, count); }
  virtual Letters answer(Letters content) const = 0;
  /// Of the validation split, as many letters as the length holds.
  Batch full_batch(uint64_t seed, int64_t length, int64_t first, int64_t count) const;
  void append(RandomStream& random, int64_t letters, int64_t length, Batch& batch) const;

  std::string_view name_;
  LetterOptions options_;
};

/// The same letters as source and target: T tokens hold T - 1 letters and the end, on either side.
std::unique_ptr<Task> letter_pairs(std::unique_ptr<LetterTask> letters);

/// register_task with both forms.
template <class T>
bool register_letter_task() {
  return register_task<T>([](const typename T::Options& options) {
    return letter_pairs(std::make_unique<T>(options));
  });
}

}  // namespace lengthwise
