// Commands on a model that a training of three steps kept.
#pragma once
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/sweep_fixture.h"

namespace lengthwise {

class CheckpointTest : public SweepTest {
 protected:
  explicit CheckpointTest(std::string command) : command_(std::move(command)) {}

  // The path of what it kept, below the test's folder.
  std::string trained(const std::string& results, const std::string& keys) const {
    const Outcome outcome = run(fmt::format(
        "run --results {} --length 8 --repeats 1 --threads 1 --model.width 8 --model.heads 2 "
        "--model.initial_deviation 0.5 --train.steps 3 --train.batch 2 --eval.examples 4 {}",
        results, keys));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    const auto kept = file_in(results + "/checkpoints", ".last.h5");
    return std::filesystem::relative(kept, folder_).string();
  }
  std::string encoder_decoder() const {
    return trained("e", "--model.kind encoder_decoder --task reverse");
  }
  // The command on this checkpoint.
  Outcome on(const std::string& checkpoint, const std::string& options) const {
    return run(fmt::format("{} --checkpoint '{}' {}", command_, checkpoint, options));
  }
  void expect_refused(const std::string& checkpoint, const std::string& options,
                      const std::string& message) const {
    const Outcome outcome = on(checkpoint, options);
    EXPECT_EQ(outcome.exit_code, 2) << options;
    EXPECT_EQ(outcome.out, "") << options;
    EXPECT_THAT(outcome.err, testing::HasSubstr("lengthwise: " + message)) << options;
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  }

 private:
  std::string command_;
};

}  // namespace lengthwise
