// Runs of letters, written out: `a 3 b 1` gives `a a a b`. Source and target differ in length, and
// a token of the one stands for many of the other or for none.
#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "tasks/source_target.h"

namespace lengthwise {
namespace {

class RunLength final : public SourceTargetTask {
 public:
  struct Options {
    int64_t alphabet = 26, longest_run = 9;
    void visit(OptionVisitor& visitor) {
      visitor.integer("alphabet", alphabet, {2, 1 << 20}, "different letters");
      visitor.integer("longest_run", longest_run, {1, 1 << 20},
                      "the letter of a run comes at most so often; every such number is a token");
    }
  };

  static TaskInfo info() {
    return {.name = "run_length",
            .summary = "letters and how often each comes, to be written out",
            .source = "",
            .chance = "1 in the alphabet and the end",
            .score = TaskScore::exact_match};
  }

  static TokenText token_text(const Options& options, TaskForm) {
    const int64_t symbols = options.alphabet + options.longest_run;
    if (options.alphabet > kLetters) return with_begin_and_end(token_ids_text(symbols), symbols);
    TokenText text;
    text.read = [options](std::string_view key, std::string_view runs) {
      return read_runs(key, runs, options);
    };
    text.write = [options, symbols](int32_t token) {
      if (token < options.alphabet) return std::string(1, static_cast<char>('a' + token));
      return token < symbols ? std::to_string(token - options.alphabet + 1)
                             : token_without_text(token);
    };
    return with_begin_and_end(text, symbols);
  }

  explicit RunLength(const Options& options) : options_(options) {}

  void check_length(int64_t length) const override {
    if (length < 3) {
      user_error("length: found {}, expected at least 3 for task run_length", length);
    }
  }
  double chance(int64_t /*length*/) const override {
    return 1.0 / static_cast<double>(options_.alphabet + 1);
  }

 private:
  // "a3b12": letters, each with its number behind it.
  static std::vector<int32_t> read_runs(std::string_view key, std::string_view text,
                                        const Options& options) {
    const std::string expected =
        fmt::format("letters from a to {}, each followed by a number from 1 to {}, as in a3b1",
                    static_cast<char>('a' + options.alphabet - 1), options.longest_run);
    std::vector<int32_t> tokens;
    for (size_t at = 0; at < text.size();) {
      const int32_t letter = text[at] - 'a';
      if (letter < 0 || letter >= options.alphabet) refuse_character(key, text, at, expected);
      int64_t count = 0;
      const auto [end, error] =
          std::from_chars(text.data() + at + 1, text.data() + text.size(), count);
      if (error != std::errc() || count < 1 || count > options.longest_run) {
        refuse_character(key, text, at + 1, expected);
      }
      tokens.insert(tokens.end(), {letter, static_cast<int32_t>(options.alphabet + count - 1)});
      at = static_cast<size_t>(end - text.data());
    }
    return tokens;
  }

  // Letters, then the numbers from 1 on.
  int64_t symbols() const override { return options_.alphabet + options_.longest_run; }

  // Neighbours differ, so that a run is what its number says. Every number of runs that there is
  // room for comes alike.
  SourceTarget example(RandomStream& random, Split /*split*/, int64_t /*index*/,
                       int64_t length) const override {
    const int64_t runs = 1 + random.below((length - 1) / 2);
    SourceTarget drawn;
    int64_t letter = random.below(options_.alphabet), room = length - 1;
    for (int64_t run = 0; run < runs; ++run) {
      const int64_t left_to_others = runs - 1 - run;
      const int64_t count = 1 + random.below(std::min(options_.longest_run, room - left_to_others));
      room -= count;
      drawn.source.push_back(static_cast<int32_t>(letter));
      drawn.source.push_back(static_cast<int32_t>(options_.alphabet + count - 1));
      drawn.target.insert(drawn.target.end(), static_cast<size_t>(count),
                          static_cast<int32_t>(letter));
      letter = (letter + 1 + random.below(options_.alphabet - 1)) % options_.alphabet;
    }
    return drawn;
  }

  Options options_;
};

const bool registered = register_source_task<RunLength>();

}  // namespace
}  // namespace lengthwise
