// Tasks of source and target: read back from the tokens alone.
#include "tasks/source_target.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/check.h"
#include "tests/chi_square.h"

namespace lengthwise {
namespace {

using testing::HasSubstr;
using Tokens = std::vector<int32_t>;

std::unique_ptr<Task> make(const std::string& name, const OptionValues& options = {}) {
  return task_entry(name).make_source_form(options);
}

struct Example {
  Tokens source, target;  // without begin and end
};

// One row, of which everything beside the example is checked: ends fill it up, the decoder reads
// `begin` and then the right tokens, and each label is the token that follows.
Example read_example(const Batch& batch, int64_t row, int32_t begin) {
  const int32_t end = begin + 1;
  const int64_t length = batch.length;
  EXPECT_EQ(batch.source_length, length);
  const auto source = batch.source.begin() + row * length;
  const int64_t real =
      batch.source_lengths.empty() ? length : batch.source_lengths[static_cast<size_t>(row)];
  EXPECT_TRUE(std::all_of(source + real - 1, source + length, [&](int32_t t) { return t == end; }));
  Example example{{source, source + real - 1}, {}};
  EXPECT_THAT(example.source, testing::Each(testing::Lt(begin)));

  const auto tokens = batch.tokens.begin() + row * length;
  EXPECT_EQ(*tokens, begin);
  auto label = std::lower_bound(batch.labelled.begin(), batch.labelled.end(), row * length);
  for (int64_t at = 0;; ++at, ++label) {
    EXPECT_EQ(*label, row * length + at);
    const int32_t target = batch.targets[static_cast<size_t>(label - batch.labelled.begin())];
    if (at + 1 < length) {
      EXPECT_EQ(tokens[at + 1], target) << "the target is not shifted by one";
    }
    if (target == end) break;
    example.target.push_back(target);
  }
  ++label;
  EXPECT_TRUE(label == batch.labelled.end() || *label == (row + 1) * length);
  return example;
}

Tokens answer_of(const std::string& task, Tokens letters) {
  if (task == "reverse") std::reverse(letters.begin(), letters.end());
  if (task == "sort") std::sort(letters.begin(), letters.end());
  return letters;
}

class LetterPairs : public testing::TestWithParam<const char*> {};

TEST_P(LetterPairs, GiveTheAnswerOfTheSource) {
  const auto task = make(GetParam());
  EXPECT_EQ(task->vocabulary(), 28);
  const Batch batch = task->evaluation_batch(1, 9, 0, 50);
  EXPECT_TRUE(batch.source_lengths.empty()) << "every row is full";
  for (int64_t row = 0; row < 50; ++row) {
    const Example example = read_example(batch, row, 26);
    ASSERT_EQ(example.source.size(), 8U);
    EXPECT_EQ(example.target, answer_of(GetParam(), example.source));
  }
  ASSERT_EQ(batch.parts.size(), batch.labelled.size());
  EXPECT_THAT(task->parts(9), testing::ElementsAre("content", "end"));
  for (size_t label = 0; label < batch.parts.size(); ++label) {
    EXPECT_EQ(batch.parts[label], batch.targets[label] == 27 ? 1 : 0);
  }
}

TEST_P(LetterPairs, TrainOnEveryNumberOfLettersAlike) {
  const Batch batch = make(GetParam(), {{"least", "2"}})->training_batch(1, 0, 8000, 8);
  std::vector<double> lengths(6);
  for (int64_t row = 0; row < 8000; ++row) {
    const Example example = read_example(batch, row, 26);
    ASSERT_EQ(example.target, answer_of(GetParam(), example.source));
    lengths.at(example.source.size() - 2) += 1;
  }
  EXPECT_LT(chi_square(lengths), chi_square_limit(5));
}

INSTANTIATE_TEST_SUITE_P(All, LetterPairs, testing::Values("copy", "reverse", "sort", "repeat"),
                         [](const auto& test) { return std::string(test.param); });

class SourceTasks : public testing::TestWithParam<const char*> {};

TEST_P(SourceTasks, MeasureCostOnFullRows) {
  const Batch batch = make(GetParam())->measured_batch(1, 3, 20);
  EXPECT_TRUE(batch.source_lengths.empty());
  EXPECT_EQ(batch.source_lengths.capacity(), 0U) << "plans do not know of it";
  EXPECT_EQ(batch.source.size(), 60U);
  EXPECT_EQ(batch.tokens.size(), 60U);
  EXPECT_EQ(batch.labelled.size(), 60U);
  EXPECT_TRUE(batch.parts.empty());
}

INSTANTIATE_TEST_SUITE_P(All, SourceTasks,
                         testing::Values("copy", "numbers", "run_length", "uniform"),
                         [](const auto& test) { return std::string(test.param); });

// What words say, read as one reads them: tens and units add up, hundred and scales multiply.
std::string number_said(const Tokens& words) {
  std::vector<int32_t> groups(12);
  int32_t value = 0;
  for (const int32_t word : words) {
    if (word < 30) {
      value += word - 10;
    } else if (word < 38) {
      value += 10 * (word - 28);
    } else if (word == 38) {
      value *= 100;
    } else {
      groups.at(static_cast<size_t>(word - 38)) = value;
      value = 0;
    }
  }
  groups.front() = value;
  std::string text;
  for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
    text += fmt::format("{:03}", *group);
  }
  text.erase(0, std::min(text.find_first_not_of('0'), text.size() - 1));
  return text;
}

std::string digits_of(const Tokens& source) {
  std::string text;
  for (const int32_t digit : source) text += static_cast<char>('0' + digit);
  return text;
}

TEST(Numbers, AreSaidInWords) {
  const auto task = make("numbers");
  std::set<std::string> trained;
  std::map<std::string, Tokens> words;
  for (const int64_t length : {5, 12, 60}) {
    const Batch batch = task->training_batch(1, 0, 3000, length);
    size_t longest = 0;
    for (int64_t row = 0; row < 3000; ++row) {
      const Example example = read_example(batch, row, 50);
      const std::string digits = digits_of(example.source);
      ASSERT_EQ(number_said(example.target), digits);
      trained.insert(digits);
      words.emplace(digits, example.target);
      longest = std::max(longest, digits.size());
    }
    EXPECT_EQ(longest, length == 5 ? 3U : length == 12 ? 7U : 36U);
  }
  EXPECT_EQ(words.at("0"), Tokens{10});
  EXPECT_EQ(words.at("17"), Tokens{27});
  EXPECT_EQ(words.at("20"), Tokens{30});
  EXPECT_EQ(words.at("100"), (Tokens{11, 38}));
  EXPECT_EQ(words.at("999"), (Tokens{19, 38, 37, 19}));
  const Batch held_out = task->evaluation_batch(1, 5, 0, 500);
  for (int64_t row = 0; row < 500; ++row) {
    const std::string digits = digits_of(read_example(held_out, row, 50).source);
    EXPECT_FALSE(trained.contains(digits)) << digits << " was trained on";
  }
}

TEST(RunLength, IsWrittenOut) {
  const auto task = make("run_length", {{"alphabet", "5"}, {"longest_run", "4"}});
  EXPECT_EQ(task->vocabulary(), 5 + 4 + 2);
  const Batch batch = task->evaluation_batch(1, 15, 0, 2000);
  std::vector<double> runs(7);
  for (int64_t row = 0; row < 2000; ++row) {
    const Example example = read_example(batch, row, 9);
    Tokens written;
    for (size_t i = 0; i < example.source.size(); i += 2) {
      ASSERT_LT(example.source[i], 5);
      EXPECT_TRUE(i == 0 || example.source[i] != example.source[i - 2]);
      written.insert(written.end(), static_cast<size_t>(example.source[i + 1] - 4),
                     example.source[i]);
    }
    EXPECT_EQ(example.target, written);
    runs.at(example.source.size() / 2 - 1) += 1;
  }
  EXPECT_LT(chi_square(runs), chi_square_limit(6));
}

class PairsFile : public testing::Test {
 protected:
  std::string write(const std::string& content) const {
    std::ofstream(path_, std::ios::binary) << content;
    return path_;
  }
  std::string refusal(const std::string& content) const {
    write(content);
    try {
      make("pairs", {{"file", path_}});
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  }
  void TearDown() override { std::filesystem::remove(path_); }

  const std::string path_ =
      testing::TempDir() + "lengthwise_pairs_" + std::to_string(getpid()) + ".tsv";
};

std::string text_of(const Tokens& bytes) {
  std::string text;
  for (const int32_t byte : bytes) text += static_cast<char>(byte);
  return text;
}

// Thirty different sources, the last of them twice; bytes above 127, Windows' line ends.
std::string thirty_pairs() {
  std::string content;
  for (int i = 0; i < 30; ++i) content += fmt::format("s{}\tt\xC3\xA9{}\r\n", i, i);
  return content + "s29\tanother";
}

TEST_F(PairsFile, EveryTenthSourceValidatesWithAllItsTargets) {
  const auto task = make("pairs", {{"file", write(thirty_pairs())}});
  EXPECT_EQ(task->vocabulary(), 258);
  ASSERT_EQ(task->evaluation_examples(12, 1000), 4);
  EXPECT_EQ(task->evaluation_examples(12, 3), 3);
  const Batch batch = task->evaluation_batch(5, 12, 0, 4);
  std::vector<std::string> found;
  for (int64_t row = 0; row < 4; ++row) {
    const Example example = read_example(batch, row, 256);
    found.push_back(text_of(example.source) + "=" + text_of(example.target));
  }
  EXPECT_THAT(found, testing::ElementsAre("s9=t\xC3\xA9"
                                          "9",
                                          "s19=t\xC3\xA9"
                                          "19",
                                          "s29=t\xC3\xA9"
                                          "29",
                                          "s29=another"));
  std::set<std::string> trained;
  const Batch training = task->training_batch(5, 0, 2000, 12);
  for (int64_t row = 0; row < 2000; ++row) {
    trained.insert(text_of(read_example(training, row, 256).source));
  }
  EXPECT_EQ(trained.size(), 27U);
  for (const char* source : {"s9", "s19", "s29"}) EXPECT_FALSE(trained.contains(source));
}

TEST_F(PairsFile, IsNamedByItsBytesAndRefusesLengthsThatDoNotHoldIt) {
  const auto task = make("pairs", {{"file", write(thirty_pairs())}});
  const uint64_t hash = task->data_hash();
  EXPECT_NE(make("pairs", {{"file", write(thirty_pairs() + "\n")}})->data_hash(), hash);
  EXPECT_NO_THROW(task->check_length(8));
  try {
    task->check_length(7);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.what(),
              fmt::format("length: found 7, expected at least 8 for the 7 bytes in line 31 of "
                          "task.pairs.file '{}'",
                          path_));
  }
}

TEST_F(PairsFile, RefusesWhatIsNotPairs) {
  const auto line = [&](const char* found, int number) {
    return fmt::format("task.pairs.file: found {} in line {} of '{}', expected source<TAB>target",
                       found, number, path_);
  };
  EXPECT_EQ(refusal("a\tb\nc d\n"), line("no tab", 2));
  EXPECT_EQ(refusal("a\tb\n\na\tb\n"), line("no tab", 2));
  EXPECT_EQ(refusal("a\tb\tc\n"), line("2 tabs", 1));
  EXPECT_EQ(refusal("\tb\n"), line("no source", 1));
  EXPECT_EQ(refusal("a\t\r\n"), line("no target", 1));
  EXPECT_THAT(refusal("a\tb\na\tc\n"), HasSubstr("found 1 different sources"));
  EXPECT_THAT(refusal(""), HasSubstr("found an empty file"));
  EXPECT_EQ(refusal(thirty_pairs()), "accepted");
  EXPECT_THROW(make("pairs", {{"file", testing::TempDir()}}), UserError);
  EXPECT_THROW(make("pairs", {{"file", path_ + ".not"}}), UserError);
}

TEST(SourceTarget, RefusesLengthsThatHoldNothing) {
  const auto refusal = [](const Task& task, int64_t length) -> std::string {
    try {
      task.check_training(length);
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(refusal(*make("copy"), 1),
            "length: found 1, expected at least 2 for sources and targets of task copy");
  EXPECT_EQ(refusal(*make("copy"), 2), "accepted");
  EXPECT_EQ(refusal(*make("reverse", {{"duplicates", "false"}}), 28),
            "task.reverse.alphabet: found 26, expected at least 27 for 27 letters of length 28 "
            "without duplicates");
  EXPECT_EQ(refusal(*make("sort", {{"least", "9"}}), 9),
            "task.sort.least: found 9, expected at most the 8 letters of length 9");
  EXPECT_THAT(refusal(*make("uniform"), 1), HasSubstr("task uniform"));
  EXPECT_THAT(refusal(*make("run_length"), 2), HasSubstr("expected at least 3"));
  EXPECT_THAT(refusal(*make("numbers"), 4), HasSubstr("expected 5 to 60"));
  EXPECT_THAT(refusal(*make("numbers"), 61), HasSubstr("expected 5 to 60"));
}

}  // namespace
}  // namespace lengthwise
