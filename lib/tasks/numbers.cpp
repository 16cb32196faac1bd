// Numbers in digits, to be said in words: `1 2 0 0 7` gives `twelve thousand seven`. How many words
// a digit takes, and which, hangs on the digits around it.
#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/hash.h"
#include "tasks/source_target.h"

namespace lengthwise {
namespace {

// Tokens: digits, zero to nineteen, twenty to ninety, hundred, thousand to decillion.
constexpr int32_t kUnits = 10, kTens = kUnits + 20, kHundred = kTens + 8, kScales = kHundred + 1;
constexpr int64_t kMostDigits = 36, kSymbols = kScales + kMostDigits / 3 - 1;

constexpr std::string_view kWords[] = {
    "zero",       "one",        "two",       "three",     "four",     "five",        "six",
    "seven",      "eight",      "nine",      "ten",       "eleven",   "twelve",      "thirteen",
    "fourteen",   "fifteen",    "sixteen",   "seventeen", "eighteen", "nineteen",    "twenty",
    "thirty",     "forty",      "fifty",     "sixty",     "seventy",  "eighty",      "ninety",
    "hundred",    "thousand",   "million",   "billion",   "trillion", "quadrillion", "quintillion",
    "sextillion", "septillion", "octillion", "nonillion", "decillion"};
static_assert(kUnits + std::size(kWords) == kSymbols);

using Digits = std::vector<int32_t>;

Digits read_digits(std::string_view key, std::string_view text) {
  Digits digits;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] < '0' || text[i] > '9') refuse_character(key, text, i, "a number in digits");
    digits.push_back(text[i] - '0');
  }
  return digits;
}

std::string write_word(int32_t token) {
  if (token < kUnits) return std::to_string(token);
  return token < kSymbols ? std::string(kWords[token - kUnits]) : token_without_text(token);
}

// At most 4 of a group of three digits, 1 and 2 of one and two, and the name of each group but the
// last.
int64_t most_words(int64_t digits) {
  const int64_t groups = (digits + 2) / 3, of_first = digits - 3 * (groups - 1);
  return 4 * (groups - 1) + (of_first == 3 ? 4 : of_first) + groups - 1;
}

int64_t most_digits(int64_t length) {
  int64_t digits = 0;
  while (digits < kMostDigits && most_words(digits + 1) < length && digits + 1 < length) ++digits;
  return digits;
}

std::vector<int32_t> words_of(const Digits& digits) {
  if (digits == Digits{0}) return {kUnits};
  std::vector<int32_t> words;
  const auto count = static_cast<int64_t>(digits.size());
  for (int64_t group = (count - 1) / 3; group >= 0; --group) {
    int32_t value = 0;
    for (int64_t i = std::max<int64_t>(0, count - 3 * (group + 1)); i < count - 3 * group; ++i) {
      value = 10 * value + digits[static_cast<size_t>(i)];
    }
    if (value >= 100) words.insert(words.end(), {kUnits + value / 100, kHundred});
    const int32_t rest = value % 100;
    if (rest >= 20) words.push_back(kTens + rest / 10 - 2);
    if (rest > 0 && (rest < 20 || rest % 10 > 0)) {
      words.push_back(kUnits + (rest < 20 ? rest : rest % 10));
    }
    if (value > 0 && group > 0) words.push_back(kScales + static_cast<int32_t>(group) - 1);
  }
  return words;
}

class Numbers final : public SourceTargetTask {
 public:
  struct Options {
    void visit(OptionVisitor&) {}
  };

  static TaskInfo info() {
    return {.name = "numbers",
            .summary = "numbers in digits, to be said in words",
            .source = "",
            .chance = "1 in the words and the end",
            .score = TaskScore::exact_match};
  }

  static TokenText token_text(const Options&, TaskForm) {
    return with_begin_and_end({.read = read_digits, .write = write_word, .between = " "}, kSymbols);
  }

  explicit Numbers(const Options&) {}

  void check_length(int64_t length) const override {
    const int64_t longest = most_words(kMostDigits) + 1;
    if (length < 5 || length > longest) {
      user_error(
          "length: found {}, expected 5 to {} for task numbers, the most that {} digits take",
          length, longest, kMostDigits);
    }
  }
  double chance(int64_t /*length*/) const override {
    return 1.0 / static_cast<double>(kSymbols - kUnits + 1);
  }

 private:
  int64_t symbols() const override { return kSymbols; }

  // Every number of digits alike. A tenth of all numbers, by a hash of their digits, is never
  // trained on.
  SourceTarget example(RandomStream& random, Split split, int64_t /*index*/,
                       int64_t length) const override {
    for (;;) {
      const int64_t count = 1 + random.below(most_digits(length));
      Digits digits;
      std::string text;
      for (int64_t i = 0; i < count; ++i) {
        const int64_t least = i == 0 && count > 1 ? 1 : 0;
        digits.push_back(static_cast<int32_t>(least + random.below(10 - least)));
        text += static_cast<char>('0' + digits.back());
      }
      const bool validates = hash_text(text) % 10 == 0;
      if (validates == (split == Split::validation)) return {digits, words_of(digits)};
    }
  }
};

const bool registered = register_source_task<Numbers>();

}  // namespace
}  // namespace lengthwise
