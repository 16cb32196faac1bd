// What every generated task must show of its examples.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>

#include "tasks/task.h"

namespace lengthwise {

/// Of this length: the last of five alone is the last of five, and another seed, split or step
/// gives others.
inline void expect_examples_of_seed_split_and_index(const Task& task, int64_t length) {
  const Batch five = task.evaluation_batch(3, length, 0, 5),
              last = task.evaluation_batch(3, length, 4, 1);
  EXPECT_TRUE(std::equal(last.tokens.begin(), last.tokens.end(), five.tokens.begin() + 4 * length));
  EXPECT_NE(task.evaluation_batch(4, length, 0, 5).tokens, five.tokens);
  EXPECT_NE(task.training_batch(3, 0, 5, length).tokens, five.tokens);
  EXPECT_NE(task.training_batch(3, 0, 5, length).tokens,
            task.training_batch(3, 1, 5, length).tokens);
}

}  // namespace lengthwise
