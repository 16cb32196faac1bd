#include "tasks/letters.h"

#include <numeric>

#include "base/check.h"

namespace lengthwise {
namespace {

int64_t most_letters(int64_t length) { return (length - 2) / 2; }

class LetterPairs final : public SourceTargetTask {
 public:
  explicit LetterPairs(std::unique_ptr<LetterTask> letters) : letters_(std::move(letters)) {}

  void check_length(int64_t length) const override {
    check_rows(letters_->name(), length);
    letters_->check_alphabet(length - 1, length);
  }
  void check_training(int64_t length) const override {
    check_length(length);
    letters_->check_least(length - 1, length);
  }
  double chance(int64_t length) const override { return letters_->chance(length); }

 private:
  int64_t symbols() const override { return letters_->options().alphabet; }
  SourceTarget example(RandomStream& random, Split split, int64_t /*index*/,
                       int64_t length) const override {
    const int64_t most = length - 1;
    return letters_->asked_and_given(
        random, split == Split::validation ? most : letters_->draw_letters(random, most));
  }

  std::unique_ptr<LetterTask> letters_;
};

}  // namespace

std::unique_ptr<Task> letter_pairs(std::unique_ptr<LetterTask> letters) {
  return std::make_unique<LetterPairs>(std::move(letters));
}

void LetterOptions::visit(OptionVisitor& visitor) {
  visitor.integer("alphabet", alphabet, {1, 1 << 20}, "different letters");
  visitor.flag("duplicates", duplicates, "a letter may come up more than once");
  visitor.integer("least", least, {0, kLargestSize},
                  "fewest letters of a training example; 0: always as many as the length holds");
}

TokenText LetterTask::token_text(const LetterOptions& options, TaskForm form) {
  TokenText text = letter_text(options.alphabet);
  if (form == TaskForm::source_target) return with_begin_and_end(text, options.alphabet);
  const auto begin = static_cast<int32_t>(options.alphabet);
  text.before = {begin};
  text.after = {begin + 1};  // the separator
  text.end = begin + 2;
  return text;
}

void LetterTask::check_length(int64_t length) const {
  if (length < 4 || length % 2 != 0) {
    user_error("length: found {}, expected an even number of at least 4 for task {}", length,
               name_);
  }
  check_alphabet(most_letters(length), length);
}

void LetterTask::check_alphabet(int64_t letters, int64_t length) const {
  const int64_t distinct = distinct_letters(letters);
  if (!options_.duplicates && distinct > options_.alphabet) {
    user_error(
        "task.{}.alphabet: found {}, expected at least {} for {} letters of length {} without "
        "duplicates",
        name_, options_.alphabet, distinct, letters, length);
  }
}

void LetterTask::check_training(int64_t length) const {
  check_length(length);
  check_least(most_letters(length), length);
}

void LetterTask::check_least(int64_t most, int64_t length) const {
  if (options_.least > most) {
    user_error("task.{}.least: found {}, expected at most the {} letters of length {}", name_,
               options_.least, most, length);
  }
}

int64_t LetterTask::draw_letters(RandomStream& random, int64_t most) const {
  const int64_t least = options_.least;
  return least == 0 ? most : least + random.below(most - least + 1);
}

Batch LetterTask::training_batch(uint64_t seed, int64_t step, int64_t batch, int64_t length) const {
  check_training(length);
  const int64_t most = most_letters(length);
  Batch result = empty_batch(batch, length, batch * (most + 1));
  for (int64_t row = 0; row < batch; ++row) {
    RandomStream random(seed, Purpose::training, static_cast<uint64_t>(step),
                        static_cast<uint64_t>(row));
    append(random, draw_letters(random, most), length, result);
  }
  return result;
}

std::vector<BatchShape> LetterTask::training_shapes(int64_t batch, int64_t length) const {
  const int64_t most = most_letters(length);
  const int64_t least = options_.least == 0 ? most : options_.least;
  return {{length, batch * (least + most) / 2 + batch}};
}

Batch LetterTask::measured_batch(uint64_t seed, int64_t batch, int64_t length) const {
  return full_batch(seed, length, 0, batch);
}

Batch LetterTask::evaluation_batch(uint64_t seed, int64_t length, int64_t first,
                                   int64_t count) const {
  Batch batch = full_batch(seed, length, first, count);
  const int64_t letters = most_letters(length);
  for (int64_t row = 0; row < count; ++row) {
    for (int64_t label = 0; label <= letters; ++label) batch.parts.push_back(label == letters);
  }
  return batch;
}

Batch LetterTask::full_batch(uint64_t seed, int64_t length, int64_t first, int64_t count) const {
  check_length(length);
  const int64_t letters = most_letters(length);
  Batch batch = empty_batch(count, length, count * (letters + 1));
  for (int64_t row = 0; row < count; ++row) {
    RandomStream random(seed, Purpose::validation, 0, static_cast<uint64_t>(first + row));
    append(random, letters, length, batch);
  }
  return batch;
}

std::vector<std::string> LetterTask::parts(int64_t /*length*/) const { return {"content", "end"}; }

double LetterTask::chance(int64_t /*length*/) const {
  return 1.0 / static_cast<double>(options_.alphabet + 1);
}

Letters LetterTask::draw(RandomStream& random, int64_t count) const {
  Letters letters;
  if (options_.duplicates) {
    for (int64_t i = 0; i < count; ++i) {
      letters.push_back(static_cast<int32_t>(random.below(options_.alphabet)));
    }
    return letters;
  }
  letters.resize(static_cast<size_t>(options_.alphabet));
  std::iota(letters.begin(), letters.end(), 0);
  for (int64_t i = 0; i < count; ++i) {
    std::swap(letters[static_cast<size_t>(i)],
              letters[static_cast<size_t>(i + random.below(options_.alphabet - i))]);
  }
  letters.resize(static_cast<size_t>(count));
  return letters;
}

SourceTarget LetterTask::asked_and_given(RandomStream& random, int64_t letters) const {
  Letters asked = content(random, letters), given = answer(asked);
  return {std::move(asked), std::move(given)};
}

void LetterTask::append(RandomStream& random, int64_t letters, int64_t length, Batch& batch) const {
  const auto begin = static_cast<int32_t>(options_.alphabet);
  const int32_t separator = begin + 1, end = begin + 2;
  const auto row = static_cast<int64_t>(batch.tokens.size());
  const auto [asked, given] = asked_and_given(random, letters);
  batch.tokens.push_back(begin);
  batch.tokens.insert(batch.tokens.end(), asked.begin(), asked.end());
  batch.tokens.push_back(separator);
  batch.tokens.insert(batch.tokens.end(), given.begin(), given.end());
  batch.tokens.resize(static_cast<size_t>(row + length), end);
  for (int64_t i = 0; i <= letters; ++i) {
    batch.labelled.push_back(row + letters + 1 + i);
    batch.targets.push_back(i < letters ? given[static_cast<size_t>(i)] : end);
  }
}

}  // namespace lengthwise
