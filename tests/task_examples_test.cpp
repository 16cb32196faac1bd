// Every example of every task is a function of (seed, split, index): however many are asked for.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/check.h"
#include "tasks/task.h"

namespace lengthwise {
namespace {

// Options that make a task draw in another way than it does by default.
const std::vector<std::pair<std::string, OptionValues>> kOtherWays = {
    {"copy", {{"least", "1"}, {"duplicates", "false"}}},
    {"induction", {{"train_on", "all"}}},
    {"mqar", {{"train_cells", "32x4+64x8*3"}, {"test_cells", "64x4+64x8"}}},
    {"mqar", {{"random_non_queries", "true"}}},
    {"shots", {{"fresh_test", "true"}}},
    {"sort", {{"least", "2"}}},
};

struct Form {
  std::string name;
  std::unique_ptr<Task> task;
};

std::vector<Form> all_forms() {
  std::vector<Form> forms;
  const auto add = [&](const TaskEntry& entry, const OptionValues& options, std::string name) {
    if (entry.make) forms.push_back({name, entry.make(options)});
    if (entry.make_source_form) {
      forms.push_back({name + ", source and target", entry.make_source_form(options)});
    }
  };
  for (const TaskEntry& entry : tasks()) {
    const std::string name(entry.info.name);
    if (name == "pairs" || name == "text" || name == "tokens") continue;  // a user's file
    add(entry, {}, name);
  }
  for (const auto& [name, options] : kOtherWays) {
    add(task_entry(name), options, name + " " + options.begin()->first);
  }
  return forms;
}

// The first of these that the task can be trained at and scored at.
std::optional<int64_t> length_for(const Task& task) {
  for (const int64_t length : {20, 40, 64, 128, 256}) {
    try {
      task.check_training(length);
      task.check_scoring(length);
      return length;
    } catch (const UserError&) {
    }
  }
  return std::nullopt;
}

using Numbers = std::vector<int64_t>;

Numbers row_of(const DataVector<int32_t>& tokens, int64_t row, int64_t length) {
  if (tokens.empty()) return {};
  return {tokens.begin() + row * length, tokens.begin() + (row + 1) * length};
}

// Tokens, source and its real tokens; and of each label its place, target, part and evidence.
using Row = std::tuple<Numbers, Numbers, int64_t, std::vector<Numbers>>;

Row read_row(const Batch& batch, int64_t row) {
  std::vector<Numbers> labels;
  for (size_t i = 0; i < batch.labelled.size(); ++i) {
    const int64_t start = row * batch.length, place = batch.labelled[i] - start;
    if (place < 0 || place >= batch.length) continue;
    Numbers label = {place, batch.targets.at(i)};
    if (!batch.parts.empty()) label.push_back(batch.parts.at(i));
    if (!batch.evidence.empty()) label.push_back(batch.evidence.at(i) - start);
    if (!batch.distractors.empty()) label.push_back(batch.distractors.at(i) - start);
    labels.push_back(std::move(label));
  }
  const int64_t real =
      batch.source_lengths.empty() ? -1 : batch.source_lengths.at(static_cast<size_t>(row));
  return {row_of(batch.tokens, row, batch.length), row_of(batch.source, row, batch.source_length),
          real, std::move(labels)};
}

TEST(TaskExamples, AreFunctionsOfSeedSplitAndIndex) {
  for (const auto& [name, task] : all_forms()) {
    SCOPED_TRACE(name);
    const std::optional<int64_t> length = length_for(*task);
    ASSERT_TRUE(length.has_value());
    const Batch trained = task->training_batch(3, 7, 9, *length);
    const Batch fewer = task->training_batch(3, 7, 5, *length);
    for (int64_t row = 0; row < 5; ++row) EXPECT_EQ(read_row(fewer, row), read_row(trained, row));
    const Batch scored = task->evaluation_batch(3, *length, 0, 9);
    const Batch tail = task->evaluation_batch(3, *length, 4, 3);
    for (int64_t row = 0; row < 3; ++row) {
      EXPECT_EQ(read_row(tail, row), read_row(scored, row + 4));
    }
    EXPECT_FALSE(std::get<3>(read_row(scored, 8)).empty()) << "nothing is asked";

    EXPECT_NE(read_row(trained, 0), read_row(trained, 1));
    EXPECT_NE(read_row(scored, 0), read_row(scored, 1));
    EXPECT_NE(read_row(trained, 0), read_row(task->training_batch(4, 7, 9, *length), 0)) << "seed";
    EXPECT_NE(read_row(trained, 0), read_row(task->training_batch(3, 8, 9, *length), 0)) << "step";
    EXPECT_NE(read_row(scored, 0), read_row(task->evaluation_batch(4, *length, 0, 9), 0)) << "seed";
    const Batch first_step = task->training_batch(3, 0, 9, *length);
    EXPECT_NE(std::get<0>(read_row(first_step, 0)), std::get<0>(read_row(scored, 0))) << "split";
  }
}

}  // namespace
}  // namespace lengthwise
