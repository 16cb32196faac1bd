#include <gmock/gmock.h>

#include "base/check.h"
#include "tasks/task.h"
#include "tests/table_checks.h"

namespace lengthwise {
namespace {

using testing::HasSubstr;

constexpr int64_t kBlock = 4096;

// Ids that name their place, up to the vocabulary.
int32_t id_at(int64_t place) { return static_cast<int32_t>(place * 7 % 1000); }

class TokensTask : public FolderTest {
 protected:
  std::string write(const std::string& text) const {
    const fs::path path = folder_ / "ids.txt";
    write_bytes(path, text);
    return path.string();
  }
  std::string ids(int64_t count) const {
    std::string text;
    for (int64_t i = 0; i < count; ++i) {
      text += std::to_string(id_at(i)) + (i % 10 == 9 ? "\r\n" : i % 3 == 0 ? "\t " : " ");
    }
    return text;
  }
  std::unique_ptr<Task> make(const std::string& text, const OptionValues& more = {}) const {
    OptionValues values = more;
    values["file"] = write(text);
    values.emplace("vocabulary", "1000");
    return task_entry("tokens").make(values);
  }
  std::string refusal(const std::string& text, const OptionValues& more = {}) const {
    try {
      make(text, more);
      return "";
    } catch (const UserError& error) {
      return error.what();
    }
  }
};

TEST_F(TokensTask, ScoresEveryTenthBlockAtEveryLength) {
  const auto task = make(ids(12 * kBlock));
  EXPECT_EQ(task->vocabulary(), 1000);
  EXPECT_NE(task->data_hash(), 0U);
  for (const int64_t length : {kBlock, int64_t{100}, 3 * kBlock}) {
    const int64_t windows = task->evaluation_examples(length, 1);
    const Batch batch = task->evaluation_batch(0, length, 0, windows);
    ASSERT_EQ(std::ssize(batch.labelled), kBlock) << length;
    for (int64_t n = 0; n < kBlock; ++n) {
      ASSERT_EQ(batch.targets[static_cast<size_t>(n)], id_at(9 * kBlock + n)) << length;
    }
  }
}

TEST_F(TokensTask, TrainsOnTheOthers) {
  const auto task = make(ids(12 * kBlock));
  const Batch batch = task->training_batch(1, 0, 200, 50);
  for (size_t n = 0; n + 1 < batch.targets.size(); ++n) {
    if (n % 50 != 49) {
      ASSERT_EQ(batch.tokens[n + 1], batch.targets[n]);
    }
    ASSERT_EQ((batch.tokens[n] + 7) % 1000, batch.targets[n]);
  }
}

TEST_F(TokensTask, RefusesWhatAreNoIds) {
  EXPECT_THAT(refusal(""), HasSubstr("task.tokens.file: found an empty file at"));
  EXPECT_THAT(refusal(" \n "), HasSubstr("found only 0 tokens"));
  EXPECT_THAT(refusal("1 2 3"), HasSubstr("found only 3 tokens at"));
  for (const char* wrong : {"1000", "-1", "1.5", "x", "99999999999999", "3x"}) {
    EXPECT_THAT(refusal(fmt::format("1 2 {} 4", wrong)),
                HasSubstr(fmt::format("task.tokens.file: found \"{}\" as token 3 of", wrong)));
  }
  EXPECT_THAT(refusal(ids(10 * kBlock), {{"validation_tokens", "5000"}}),
              HasSubstr("task.tokens.validation_tokens: found 5000, expected 0 for all or at most "
                        "the 4096"));
  EXPECT_THROW(task_entry("tokens").make({{"file", (folder_ / "nothing").string()}}), UserError);
}

}  // namespace
}  // namespace lengthwise
