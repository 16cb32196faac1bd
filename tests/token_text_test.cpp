// Prompts are read, and answers written, as each task has its tokens.
#include "tasks/token_text.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/check.h"
#include "tasks/task.h"

namespace lengthwise {
namespace {

using Tokens = std::vector<int32_t>;

TokenText text_of(const std::string& task, TaskForm form, const OptionValues& options = {}) {
  const TaskEntry& entry = task_entry(task);
  const auto made =
      form == TaskForm::sequence ? entry.make(options) : entry.make_source_form(options);
  return token_text_of(entry, options, form, made->vocabulary());
}

std::string refusal(const TokenText& text, std::string_view prompt) {
  try {
    text.prompt("--prompt", prompt);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(TokenText, LettersAreReadInBothForms) {
  for (const char* task : {"copy", "reverse", "sort", "repeat"}) {
    SCOPED_TRACE(task);
    const TokenText sequence = text_of(task, TaskForm::sequence);
    EXPECT_EQ(sequence.prompt("", "abz"), (Tokens{26, 0, 1, 25, 27}));
    EXPECT_EQ(sequence.end, 28);
    EXPECT_EQ(sequence.begin, -1);
    const TokenText pairs = text_of(task, TaskForm::source_target);
    EXPECT_EQ(pairs.prompt("", "abz"), (Tokens{0, 1, 25, 27}));
    EXPECT_EQ(pairs.begin, 26);
    EXPECT_EQ(pairs.end, 27);
    EXPECT_EQ(pairs.text(Tokens{2, 1, 26}), "cb<26>");
    EXPECT_EQ(refusal(pairs, "abC"),
              "--prompt: found 'C' at place 3, expected letters from a to z");
    EXPECT_EQ(refusal(pairs, "a\xc3"),
              "--prompt: found byte 0xc3 at place 2, expected letters from a to z");
  }
  EXPECT_EQ(refusal(text_of("copy", TaskForm::sequence, {{"alphabet", "4"}}), "e"),
            "--prompt: found 'e' at place 1, expected letters from a to d");
  const TokenText many = text_of("copy", TaskForm::source_target, {{"alphabet", "30"}});
  EXPECT_EQ(many.prompt("", "29 0 7"), (Tokens{29, 0, 7, 31}));
  EXPECT_EQ(many.text(Tokens{29, 30}), "29 30");
}

// The frame of a prompt is what training puts around the letters.
TEST(TokenText, APromptIsWhatTrainingReads) {
  const auto letters = task_entry("reverse").make({{"alphabet", "5"}});
  const Batch batch = letters->evaluation_batch(0, 10, 0, 1);
  const TokenText text = text_of("reverse", TaskForm::sequence, {{"alphabet", "5"}});
  const Tokens asked(batch.tokens.begin() + 1, batch.tokens.begin() + 5);
  EXPECT_EQ(text.prompt("", text.text(asked)),
            Tokens(batch.tokens.begin(), batch.tokens.begin() + 6));
  EXPECT_EQ(batch.targets.back(), text.end);

  for (const char* name : {"reverse", "numbers", "run_length", "uniform"}) {
    SCOPED_TRACE(name);
    const auto task = task_entry(name).make_source_form({});
    const Batch pair = task->evaluation_batch(0, 16, 0, 1);
    const TokenText of_pair = text_of(name, TaskForm::source_target);
    const int64_t real = pair.source_lengths.empty() ? 16 : pair.source_lengths[0];
    const Tokens source(pair.source.begin(), pair.source.begin() + real);
    std::string written = of_pair.text(std::span(source).first(source.size() - 1));
    // Words are apart, digits are not.
    if (std::string(name) == "numbers") std::erase(written, ' ');
    EXPECT_EQ(of_pair.prompt("", written), source) << written;
    EXPECT_EQ(pair.tokens.front(), of_pair.begin);
    EXPECT_EQ(pair.targets.back(), of_pair.end);
  }
}

TEST(TokenText, BytesAreThemselves) {
  const TokenText bytes = byte_text();
  EXPECT_EQ(bytes.prompt("", "a\xff\n"), (Tokens{97, 255, 10}));
  EXPECT_EQ(bytes.text(Tokens{104, 105, 0xc3, 0xa4}), "hi\xc3\xa4");
  EXPECT_EQ(bytes.text(Tokens{256}), "<256>");
  // Neither needs the file that it trains on.
  EXPECT_EQ(task_entry("text").token_text({{"file", "nowhere"}}, TaskForm::sequence).end, -1);
  const TokenText pairs =
      task_entry("pairs").token_text({{"file", "nowhere"}}, TaskForm::source_target);
  EXPECT_EQ(pairs.prompt("", "a"), (Tokens{97, 257}));
  EXPECT_EQ(pairs.begin, 256);
}

TEST(TokenText, NumbersAndRuns) {
  const TokenText numbers = text_of("numbers", TaskForm::source_target);
  EXPECT_EQ(numbers.prompt("", "120"), (Tokens{1, 2, 0, numbers.end}));
  EXPECT_EQ(numbers.text(Tokens{10, 22, 29, 30, 37, 38, 39, 49}),
            "zero twelve nineteen twenty ninety hundred thousand decillion");
  EXPECT_EQ(refusal(numbers, "12a"), "--prompt: found 'a' at place 3, expected a number in digits");
  const TokenText runs = text_of("run_length", TaskForm::source_target, {{"longest_run", "12"}});
  EXPECT_EQ(runs.prompt("", "a12c1"), (Tokens{0, 37, 2, 26, runs.end}));
  EXPECT_EQ(runs.text(Tokens{0, 0, 2}), "aac");
  const std::string expected =
      ", expected letters from a to z, each followed by a number from 1 to 12, as in a3b1";
  EXPECT_EQ(refusal(runs, "a13"), "--prompt: found '1' at place 2" + expected);
  EXPECT_EQ(refusal(runs, "a1b"), "--prompt: found 'a1b' ending there" + expected);
  EXPECT_EQ(refusal(runs, "3"), "--prompt: found '3' at place 1" + expected);
}

TEST(TokenText, IdsWhereATaskHasNoText) {
  const TokenText ids = text_of("uniform", TaskForm::sequence, {{"vocabulary", "16"}});
  EXPECT_EQ(ids.prompt("", " 3  15 0"), (Tokens{3, 15, 0}));
  EXPECT_EQ(ids.text(Tokens{3, 15}), "3 15");
  const std::string expected = ", expected token ids from 0 to 15 separated by blanks";
  for (const char* wrong : {"16", "-1", "a", "1,2", "99999999999"}) {
    EXPECT_EQ(refusal(ids, wrong), fmt::format("--prompt: found '{}'{}", wrong, expected));
  }
  EXPECT_EQ(refusal(ids, "  "), "--prompt: found no token, expected at least one");
  const TokenText pairs = text_of("uniform", TaskForm::source_target, {{"vocabulary", "16"}});
  EXPECT_EQ(pairs.prompt("", "15"), (Tokens{15, 17}));
}

}  // namespace
}  // namespace lengthwise
