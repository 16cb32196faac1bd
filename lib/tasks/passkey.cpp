// A number hidden in filler, and asked for at the end: the prompt of epfml/landmark-attention,
// llama/run_test.py, without its introduction, a token to a word and to a digit. The number is of
// independent digits, there one up to 50,000; filler is cut between words, there between letters.
#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "tasks/task.h"

namespace lengthwise {
namespace {

using Words = std::vector<int32_t>;

constexpr std::string_view kFiller =
    "The grass is green . The sky is blue . The sun is yellow . Here we go . There and back again "
    ".";
constexpr std::string_view kBefore = "The pass key is", kBetween = ". Remember it .",
                           kAfter = "is the pass key .",
                           kQuestion = "What is the pass key ? The pass key is";

/// Tokens 0 .. 9 are digits, then come the words in the order in which they first appear.
class Vocabulary {
 public:
  Words tokens_of(std::string_view text) {
    Words tokens;
    for (const std::string_view word : split_text(text, ' ')) {
      const auto found = std::find(words_.begin(), words_.end(), word);
      tokens.push_back(static_cast<int32_t>(10 + (found - words_.begin())));
      if (found == words_.end()) words_.push_back(word);
    }
    return tokens;
  }
  int64_t size() const { return 10 + std::ssize(words_); }

 private:
  std::vector<std::string_view> words_;
};

void append(const Words& words, DataVector<int32_t>& tokens) {
  tokens.insert(tokens.end(), words.begin(), words.end());
}

class Passkey final : public Task {
 public:
  struct Options {
    int64_t digits = 5, depths = 11;
    void visit(OptionVisitor& visitor) {
      visitor.integer("digits", digits, {1, 1000}, "of the number");
      visitor.integer("depths", depths, {2, 1001},
                      "places from the first token of the filler to the last, each scored by "
                      "itself; training draws any place");
    }
  };

  static TaskInfo info() {
    return {.name = "passkey",
            .summary = "a number hidden in filler, at every depth",
            .source = "Mohtashami, Jaggi 2023, arXiv:2305.16300",
            .chance = "1 in 10 digits",
            .score = TaskScore::exact_match,
            .labels_next = true};
  }

  explicit Passkey(const Options& options) : options_(options) {
    filler_ = words_.tokens_of(kFiller);
    before_ = words_.tokens_of(kBefore);
    between_ = words_.tokens_of(kBetween);
    after_ = words_.tokens_of(kAfter);
    question_ = words_.tokens_of(kQuestion);
  }

  int64_t vocabulary() const override { return words_.size(); }

  void check_length(int64_t length) const override {
    if (filler_tokens(length) < 1) {
      user_error("length: found {}, expected at least {} for task passkey with {} digits", length,
                 length - filler_tokens(length) + 1, options_.digits);
    }
  }

  Batch training_batch(uint64_t seed, int64_t step, int64_t batch, int64_t length) const override {
    check_length(length);
    Batch result = empty_batch(batch, length, batch * options_.digits);
    for (int64_t row = 0; row < batch; ++row) {
      RandomStream random(seed, Purpose::training, static_cast<uint64_t>(step),
                          static_cast<uint64_t>(row));
      append_example(random, random.below(filler_tokens(length) + 1), length, result);
    }
    return result;
  }

  int64_t evaluation_examples(int64_t /*length*/, int64_t wanted) const override {
    return wanted * options_.depths;
  }

  // Depths take turns.
  Batch evaluation_batch(uint64_t seed, int64_t length, int64_t first,
                         int64_t count) const override {
    check_length(length);
    Batch result = empty_batch(count, length, count * options_.digits);
    for (int64_t example = first; example < first + count; ++example) {
      RandomStream random(seed, Purpose::validation, 0, static_cast<uint64_t>(example));
      const int64_t depth = example % options_.depths;
      append_example(random, filler_before(depth, length), length, result);
      result.parts.insert(result.parts.end(), static_cast<size_t>(options_.digits),
                          static_cast<int32_t>(depth));
    }
    return result;
  }

  std::vector<std::string> parts(int64_t /*length*/) const override {
    std::vector<std::string> names;
    for (int64_t depth = 0; depth < options_.depths; ++depth) {
      names.push_back(fmt::format("depth={:.4g}", share_of(depth)));
    }
    return names;
  }

  double chance(int64_t /*length*/) const override { return 0.1; }

  // The number's second mention is the nearer one; each digit stands as far back as the others.
  Ceiling ceiling(int64_t length, int64_t receptive_field) const override {
    Ceiling ceiling{0.0};
    for (int64_t depth = 0; depth < options_.depths; ++depth) {
      const int64_t second = filler_before(depth, length) + std::ssize(before_) + options_.digits +
                             std::ssize(between_);
      const int64_t distance = length - options_.digits - second;
      const bool reached = receptive_field < 0 || distance <= receptive_field;
      ceiling.parts.push_back(reached ? 1 : 0);
      ceiling.all += ceiling.parts.back() / static_cast<double>(options_.depths);
    }
    return ceiling;
  }

 private:
  int64_t filler_tokens(int64_t length) const {
    const int64_t words =
        std::ssize(before_) + std::ssize(between_) + std::ssize(after_) + std::ssize(question_);
    return length - words - 3 * options_.digits + 1;
  }
  double share_of(int64_t depth) const {
    return static_cast<double>(depth) / static_cast<double>(options_.depths - 1);
  }
  int64_t filler_before(int64_t depth, int64_t length) const {
    return std::llround(share_of(depth) * static_cast<double>(filler_tokens(length)));
  }

  void append_filler(int64_t count, DataVector<int32_t>& tokens) const {
    for (int64_t i = 0; i < count; ++i) {
      tokens.push_back(filler_[static_cast<size_t>(i % std::ssize(filler_))]);
    }
  }

  void append_example(RandomStream& random, int64_t before, int64_t length, Batch& batch) const {
    Words number;
    for (int64_t i = 0; i < options_.digits; ++i) {
      number.push_back(static_cast<int32_t>(random.below(10)));
    }
    DataVector<int32_t>& tokens = batch.tokens;
    append_filler(before, tokens);
    append(before_, tokens);
    append(number, tokens);
    append(between_, tokens);
    append(number, tokens);
    append(after_, tokens);
    append_filler(filler_tokens(length) - before, tokens);
    append(question_, tokens);
    for (const int32_t digit : number) {
      batch.labelled.push_back(std::ssize(tokens) - 1);
      batch.targets.push_back(digit);
      const bool last = std::ssize(batch.labelled) % options_.digits == 0;
      if (!last) tokens.push_back(digit);
    }
  }

  Options options_;
  Vocabulary words_;
  Words filler_, before_, between_, after_, question_;
};

const bool registered = register_task<Passkey>();

}  // namespace
}  // namespace lengthwise
