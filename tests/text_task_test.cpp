#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "tasks/task.h"

namespace lengthwise {
namespace {

constexpr int64_t kBlockBytes = 16384;

bool validates(int64_t position, int64_t size) {
  const int64_t block = position / kBlockBytes;
  return block % 10 == 9 && (block + 1) * kBlockBytes <= size;
}

/// Random bytes: under 128 where they train, from 128 on where they validate.
std::string split_text(int64_t size) {
  RandomStream random(11, Purpose::probe);
  std::string text;
  for (int64_t i = 0; i < size; ++i) {
    text.push_back(static_cast<char>(random.below(128) + (validates(i, size) ? 128 : 0)));
  }
  return text;
}

int32_t byte_at(const std::string& text, int64_t position) {
  return static_cast<uint8_t>(text[static_cast<size_t>(position)]);
}

std::string write_file(const std::string& name, const std::string& content) {
  const std::string path =
      testing::TempDir() + "lengthwise_text_" + std::to_string(getpid()) + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

std::unique_ptr<Task> make_text(const std::string& path, const OptionValues& more = {}) {
  OptionValues values = more;
  values["file"] = path;
  return task_entry("text").make(values);
}

class TextTask : public testing::Test {
 protected:
  // 21 whole blocks and a bit: two validation blocks (9 and 19), three training runs
  const int64_t size_ = 21 * kBlockBytes + 777;
  const std::string text_ = split_text(size_);
  const std::string path_ = write_file("split", text_);
  const std::unique_ptr<Task> task_ = make_text(path_);

  void TearDown() override { std::filesystem::remove(path_); }
};

// A label at position t has t + 1 bytes before it.
TEST_F(TextTask, PartsAreBucketsOfContext) {
  EXPECT_EQ(task_->parts(16), (std::vector<std::string>{"context=1-16"}));
  EXPECT_EQ(task_->parts(64),
            (std::vector<std::string>{"context=1-16", "context=17-32", "context=33-64"}));
  EXPECT_EQ(task_->parts(65).back(), "context=65-128");
  const Batch batch = task_->evaluation_batch(0, 100, 160, 6);  // the last window of a block too
  ASSERT_EQ(batch.parts.size(), batch.labelled.size());
  std::vector<int64_t> labels(4);
  for (size_t label = 0; label < batch.parts.size(); ++label) {
    const int64_t context = batch.labelled[label] % 100 + 1;
    const int32_t bucket = context <= 16 ? 0 : context <= 32 ? 1 : context <= 64 ? 2 : 3;
    EXPECT_EQ(batch.parts[label], bucket) << context;
    ++labels.at(static_cast<size_t>(batch.parts[label]));
  }
  // The last window of the block has 84 targets: the 16 bytes before them are context alone.
  EXPECT_EQ(labels, (std::vector<int64_t>{5 * 16, 6 * 16, 6 * 32, 6 * 36}));
  EXPECT_TRUE(task_->training_batch(1, 0, 2, 100).parts.empty());
}

TEST_F(TextTask, ScoresTheSameBytesAtEveryLength) {
  DataVector<int32_t> expected;
  for (int64_t i = 0; i < size_; ++i) {
    if (validates(i, size_)) expected.push_back(byte_at(text_, i));
  }
  ASSERT_EQ(std::ssize(expected), 2 * kBlockBytes);
  for (const int64_t length : {1, 64, 100, 256, 16383, 16384, 16385, 20000, 147455}) {
    const int64_t windows = task_->evaluation_examples(length, 5);
    EXPECT_EQ(windows, 2 * ((kBlockBytes + length - 1) / length));
    const Batch batch = task_->evaluation_batch(0, length, 0, windows);
    EXPECT_EQ(batch.targets, expected) << length;
    EXPECT_EQ(std::ssize(batch.tokens), windows * length);
    EXPECT_TRUE(std::is_sorted(batch.labelled.begin(), batch.labelled.end()));
  }
}

TEST_F(TextTask, EveryWindowHoldsTheBytesBeforeItsTargets) {
  for (const int64_t length : {64, 100, 16384, 20000}) {
    const int64_t windows = task_->evaluation_examples(length, 0);
    const Batch batch = task_->evaluation_batch(0, length, 0, windows);
    ASSERT_EQ(std::ssize(batch.labelled), 2 * kBlockBytes);
    int64_t rows_seen = 0;
    for (int64_t nth = 0; nth < 2 * kBlockBytes; ++nth) {
      const int64_t position = batch.labelled[static_cast<size_t>(nth)];
      const int64_t target = (nth / kBlockBytes * 10 + 9) * kBlockBytes + nth % kBlockBytes;
      ASSERT_EQ(batch.tokens[static_cast<size_t>(position)], byte_at(text_, target - 1));
      if (position % length != length - 1) continue;
      ++rows_seen;  // the last position of a window is always labelled
      const auto end = batch.tokens.begin() + position + 1;
      ASSERT_EQ(std::string(end - length, end),
                text_.substr(static_cast<size_t>(target - length), static_cast<size_t>(length)));
    }
    EXPECT_EQ(rows_seen, windows);
  }
}

TEST_F(TextTask, WindowsDoNotDependOnTheBatchOrTheSeed) {
  const Batch all = task_->evaluation_batch(0, 100, 0, task_->evaluation_examples(100, 0));
  const Batch some = task_->evaluation_batch(1, 100, 162, 4);  // over the border of the two blocks
  EXPECT_TRUE(std::equal(some.tokens.begin(), some.tokens.end(), all.tokens.begin() + 162 * 100));
  const auto first = std::lower_bound(all.labelled.begin(), all.labelled.end(), 16200);
  for (size_t i = 0; i < some.labelled.size(); ++i) {
    EXPECT_EQ(some.labelled[i], first[static_cast<int64_t>(i)] - 16200);
  }
  EXPECT_EQ(some.labelled.size(), 100u + 84u + 100u + 100u);  // 16384 = 163 * 100 + 84
  EXPECT_THROW(task_->evaluation_batch(0, 100, 326, 3), CheckFailure);
}

TEST_F(TextTask, TrainingNeverTouchesValidationBytes) {
  for (const int64_t length : {1, 64, 1000, 20000, 147455}) {
    for (int64_t step = 0; step < 5; ++step) {
      const Batch batch = task_->training_batch(1, step, 20, length);
      ASSERT_EQ(batch.targets.size(), batch.tokens.size());
      for (size_t i = 0; i < batch.tokens.size(); ++i) {
        ASSERT_LT(batch.tokens[i], 128);
        ASSERT_LT(batch.targets[i], 128);
        ASSERT_EQ(batch.labelled[i], static_cast<int64_t>(i));
        if (static_cast<int64_t>(i) % length != length - 1) {
          ASSERT_EQ(batch.targets[i], batch.tokens[i + 1]);
        }
      }
    }
  }
}

TEST_F(TextTask, TrainingStartsAreUniformOverAllRuns) {
  // At this length the two long runs have three starts each and the last run none.
  constexpr int64_t kLength = 9 * kBlockBytes - 3, kRows = 300;
  std::map<std::string, double> count;
  std::vector<std::string> windows;
  for (const int64_t run : {int64_t{0}, 10 * kBlockBytes}) {
    for (int64_t start = 0; start < 3; ++start) {
      windows.push_back(text_.substr(static_cast<size_t>(run + start), kLength + 1));
    }
  }
  for (int64_t step = 0; step < kRows; ++step) {
    const Batch batch = task_->training_batch(2, step, 1, kLength);
    std::string found(batch.tokens.begin(), batch.tokens.end());
    found.push_back(static_cast<char>(batch.targets.back()));
    count[found] += 1;
  }
  EXPECT_EQ(count.size(), windows.size());
  double chi_square = 0;
  for (const std::string& window : windows) {
    chi_square += (count[window] - kRows / 6.0) * (count[window] - kRows / 6.0) / (kRows / 6.0);
  }
  EXPECT_LT(chi_square, 20.5);  // 99.9 %, 5 degrees of freedom
}

TEST_F(TextTask, TheEndOfTheFileTrains) {
  const Batch batch = task_->training_batch(3, 0, 30'000, 8);
  int64_t in_last_run = 0;
  const std::string last_run = text_.substr(20 * kBlockBytes);
  std::string tokens(batch.tokens.begin(), batch.tokens.end());
  for (size_t row = 0; row < 30'000; ++row) {
    in_last_run += last_run.find(tokens.substr(row * 8, 8)) != std::string::npos;
  }
  const double share = (kBlockBytes + 777.0) / (19.0 * kBlockBytes + 777.0);
  EXPECT_NEAR(static_cast<double>(in_last_run) / 30'000, share, 0.006);  // four standard errors
}

TEST_F(TextTask, TrainingRowsAreAFunctionOfSeedStepAndRow) {
  const Batch four = task_->training_batch(4, 7, 4, 50);
  const Batch two = task_->training_batch(4, 7, 2, 50);
  EXPECT_TRUE(std::equal(two.tokens.begin(), two.tokens.end(), four.tokens.begin()));
  EXPECT_FALSE(std::equal(two.tokens.begin(), two.tokens.end(), four.tokens.begin() + 100));
  EXPECT_NE(task_->training_batch(4, 8, 4, 50).tokens, four.tokens);
  EXPECT_NE(task_->training_batch(5, 7, 4, 50).tokens, four.tokens);
}

TEST_F(TextTask, LengthMustFitATrainingRun) {
  EXPECT_NO_THROW(task_->check_length(147455));
  EXPECT_THROW(task_->check_length(0), UserError);
  try {
    task_->check_length(147456);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(std::string(error.what()),
              "length: found 147456, expected at most 147455: task.text.file '" + path_ +
                  "' trains on runs of up to 147456 bytes");
  }
}

TEST(TextTaskFile, APartialBlockThatWouldValidateMakesTheLastRunLonger) {
  const std::string text = split_text(20 * kBlockBytes - 1);
  const std::string path = write_file("partial", text);
  const auto task = make_text(path);
  const int64_t length = 10 * kBlockBytes - 2;  // the one start there is, in the last run
  EXPECT_NO_THROW(task->check_length(length));
  EXPECT_THROW(task->check_length(length + 1), UserError);
  const Batch batch = task->training_batch(0, 0, 1, length);
  EXPECT_EQ(std::string(batch.tokens.begin(), batch.tokens.end()),
            text.substr(10 * kBlockBytes, static_cast<size_t>(length)));
  const Batch scored = task->evaluation_batch(0, length, 0, 1);
  EXPECT_EQ(scored.tokens[0], byte_at(text, 1));  // it reaches back to the file's second byte
  EXPECT_EQ(std::ssize(scored.targets), kBlockBytes);
  std::filesystem::remove(path);
}

TEST(TextTaskFile, FewerScoredBytesAreSpreadOverTheFile) {
  const std::string text = split_text(70 * kBlockBytes);
  const std::string path = write_file("long", text);
  const auto scored_blocks = [&](const std::string& wanted) {
    const auto task = make_text(path, {{"validation_bytes", wanted}});
    const int64_t windows = task->evaluation_examples(kBlockBytes, 1);
    const Batch batch = task->evaluation_batch(0, kBlockBytes, 0, windows);
    std::vector<int64_t> blocks;
    for (int64_t i = 0; i < windows; ++i) {
      const auto first = batch.targets.begin() + i * kBlockBytes;
      const std::string bytes(first, first + kBlockBytes);
      blocks.push_back(static_cast<int64_t>(text.find(bytes)) / kBlockBytes);
    }
    return blocks;
  };
  using Blocks = std::vector<int64_t>;
  EXPECT_EQ(scored_blocks("0"), (Blocks{9, 19, 29, 39, 49, 59, 69}));
  EXPECT_EQ(scored_blocks("1"), (Blocks{39}));
  EXPECT_EQ(scored_blocks("32769"), (Blocks{19, 39, 59}));
  EXPECT_EQ(scored_blocks("114688"), (Blocks{9, 19, 29, 39, 49, 59, 69}));
  try {
    make_text(path, {{"validation_bytes", "114689"}});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(std::string(error.what()),
              "task.text.validation_bytes: found 114689, expected 0 for all or at most the 114688 "
              "that the file has");
  }
  std::filesystem::remove(path);
}

TEST(TextTaskFile, BaselinesCountTrainingAndScoreValidation) {
  // Training is all 'a', validation all 'b': only each block's first byte has a known context.
  const int64_t size = 12 * kBlockBytes;
  std::string text(static_cast<size_t>(size), 'a');
  std::fill_n(text.begin() + 9 * kBlockBytes, kBlockBytes, 'b');
  const std::string path = write_file("ab", text);
  const auto baselines = make_text(path)->baselines();
  ASSERT_EQ(baselines.size(), 4u);
  const auto grams = [&](int k) { return 11.0 * kBlockBytes - 2 * k; };  // two runs
  const double unseen = 1.0 / 256 / (grams(0) + 1);
  double first = unseen;
  for (int k = 1; k <= 4; ++k) {
    first /= grams(k) + 1;
    const double bits = -std::log2(first) - (kBlockBytes - 1.0) * std::log2(unseen);
    EXPECT_EQ(baselines[static_cast<size_t>(k - 1)].context_bytes, k);
    EXPECT_NEAR(baselines[static_cast<size_t>(k - 1)].bits_per_byte, bits / kBlockBytes, 1e-9);
  }
  std::filesystem::remove(path);
}

TEST(TextTaskFile, TheHashIsThatOfTheBytes) {
  std::string text = split_text(10 * kBlockBytes);
  const std::string path = write_file("hash", text);
  const uint64_t hash = make_text(path)->data_hash();
  uint64_t expected = 14695981039346656037u;  // FNV-1a, as published
  for (const char letter : text) {
    expected ^= static_cast<uint8_t>(letter);
    expected *= 1099511628211u;
  }
  EXPECT_EQ(hash, expected);
  text.back() = static_cast<char>(text.back() ^ 1);
  write_file("hash", text);
  EXPECT_NE(make_text(path)->data_hash(), hash);
  std::filesystem::remove(path);
}

TEST(TextTaskFile, TheBytesAreInTheLedger) {
  const std::string path = write_file("ledger", split_text(10 * kBlockBytes));
  const auto live = [] {
    return MemoryLedger::instance().use().live_by_tag[static_cast<size_t>(Tag::data)];
  };
  const int64_t before = live();
  const auto task = make_text(path);
  EXPECT_EQ(live() - before, 10 * kBlockBytes);
  std::filesystem::remove(path);
}

std::string refusal_of(const std::string& path) {
  try {
    make_text(path);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

std::string expected_refusal(const std::string& found, const std::string& path) {
  return "task.text.file: found " + found + " at '" + path +
         "', expected a readable file of at least 163840 bytes";
}

TEST(TextTaskFile, TheDefaultFileSaysWhatMakesIt) {
  const std::string here = testing::TempDir() + "lengthwise_without_data";
  std::filesystem::create_directory(here);
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(here);
  const std::string said = refusal_of("data/bible.txt");
  std::filesystem::current_path(before);
  EXPECT_EQ(said,
            expected_refusal("nothing", "data/bible.txt") + " (scripts/setup makes this one)");
}

TEST(TextTaskFile, BadFilesAreRefusedByName) {
  const std::string missing = testing::TempDir() + "lengthwise_no_such_file";
  EXPECT_EQ(refusal_of(missing), expected_refusal("nothing", missing));
  EXPECT_EQ(refusal_of(""), expected_refusal("nothing", ""));
  const std::string folder = testing::TempDir();
  EXPECT_EQ(refusal_of(folder), expected_refusal("a directory", folder));
  EXPECT_EQ(refusal_of("/dev/null"), expected_refusal("a device or pipe", "/dev/null"));
  const std::string empty = write_file("empty", "");
  EXPECT_EQ(refusal_of(empty), expected_refusal("an empty file", empty));
  const std::string brief = write_file("brief", split_text(10 * kBlockBytes - 1));
  EXPECT_EQ(refusal_of(brief), expected_refusal("only 163839 bytes", brief));
  const std::string below = empty + "/below";
  EXPECT_EQ(refusal_of(below), expected_refusal("nothing", below));
  const std::string enough = write_file("enough", split_text(10 * kBlockBytes));
  EXPECT_EQ(refusal_of(enough), "");
  const std::string endless(5000, 'x');
  EXPECT_EQ(refusal_of(endless), expected_refusal("File name too long", endless));
  for (const std::string& path : {empty, brief, enough}) std::filesystem::remove(path);
}

TEST(TextTaskFile, AnUnreadableFileIsRefusedByName) {
  if (geteuid() == 0) GTEST_SKIP() << "root reads everything";
  const std::string path = write_file("secret", split_text(10 * kBlockBytes));
  chmod(path.c_str(), 0);
  EXPECT_EQ(refusal_of(path), expected_refusal("Permission denied", path));
  std::filesystem::remove(path);
}

TEST(TextTaskFile, SaysWhatItIs) {
  const std::string path = write_file("about", split_text(10 * kBlockBytes));
  EXPECT_EQ(make_text(path)->vocabulary(), 256);
  EXPECT_DOUBLE_EQ(make_text(path)->chance(64), 1.0 / 256);
  EXPECT_EQ(task_entry("text").info.score, TaskScore::bits_per_byte);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace lengthwise
