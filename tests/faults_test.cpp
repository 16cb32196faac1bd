// What follows when a worker is killed, hangs or crashes, or a file is damaged.
#include <gmock/gmock.h>

#include <cmath>
#include <csignal>

#include "experiments/runner/claim.h"
#include "experiments/runner/worker.h"
#include "experiments/runner/worker_end.h"
#include "io/archive.h"
#include "tests/sweep_fixture.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Faults : public SweepTest {};

constexpr int kSteps = 1000;

TEST_F(Faults, ACrashIsARowWithTheCostAndIsNotTheEnd) {
  const Outcome outcome =
      run_and(training("r", kSteps) + "--seed 0,1 --train.seeds 0", "kill -SEGV $(worker)");
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_EQ(statuses(), "crashed ok");
  EXPECT_EQ(std::get<Column::Texts>(merged().find("status_reason")->values).at(0), "SIGSEGV");
  EXPECT_GT(numbers("training_step_seconds").at(0), 0);
  EXPECT_THAT(run(training("r", kSteps) + "--seed 0,1 --train.seeds 0 --retry timed_out").err,
              HasSubstr("0 done now, 2 were there"));
  EXPECT_THAT(run(training("r", kSteps) + "--seed 0,1 --train.seeds 0 --retry crashed").err,
              HasSubstr("1 done now, 1 were there (2 ok)"));
  EXPECT_EQ(file_in("r/checkpoints", ".cost.h5"), "") << "it is in the record";
}

TEST_F(Faults, ACrashIsTheEndWhereAsked) {
  const Outcome outcome = run_and(training("r", kSteps) + "--seed 0,1 --train.seeds 0 --fail-fast",
                                  "kill -SEGV $(worker)");
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("1 done now, 0 were there, 1 missing (1 crashed)"));
}

TEST_F(Faults, AKilledWorkerIsStartedAgain) {
  const Outcome outcome = run_and(training("r", kSteps), "kill -KILL $(worker)");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("stopped by SIGKILL from elsewhere, starting again"));
  EXPECT_EQ(statuses(), "ok");
  EXPECT_GT(resumed_steps(), 0);
}

TEST_F(Faults, AWorkerThatHangsIsEndedByItsRunner) {
  const Outcome outcome =
      run_and(training("r", kSteps) + "--time-limit 0.5", "kill -STOP $(worker)");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(statuses(), "timed_out");
}

TEST_F(Faults, AStoppedSweepGoesOnFromItsLastCheckpoint) {
  const Outcome outcome = run_and(training("r", kSteps), "kill -INT $runner");
  EXPECT_EQ(outcome.exit_code, 75) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("stopped: the same command goes on from here"));
  const Archive last = read_archive(file_in("r/checkpoints", ".last.h5"));
  EXPECT_GT(last.integers.at("steps"), 0);
  ASSERT_EQ(run(training("r", kSteps)).exit_code, 0);
  EXPECT_EQ(resumed_steps(), last.integers.at("steps"));
}

TEST_F(Faults, ATrainingKeepsWhatItReachedWhenStoppedAndWhenDone) {
  const std::string sweep = training("r", kSteps, "1000s");  // never due
  EXPECT_EQ(run_and(sweep, "kill -INT $runner", ".cost.h5").exit_code, 75);
  const int64_t reached = read_archive(file_in("r/checkpoints", ".last.h5")).integers.at("steps");
  EXPECT_GT(reached, 0);
  EXPECT_LT(reached, kSteps);
  ASSERT_EQ(run(sweep).exit_code, 0);
  EXPECT_EQ(resumed_steps(), reached);
  const Archive last = read_archive(file_in("r/checkpoints", ".last.h5"));
  EXPECT_EQ(last.integers.at("steps"), kSteps);
}

TEST_F(Faults, ACheckpointOfAnotherProgramIsLeftAlone) {
  run_and(training("r", kSteps), "kill -INT $runner");
  const fs::path path = file_in("r/checkpoints", ".last.h5");
  Archive other = read_archive(path);
  other.texts.at("provenance/commit") = "0123456789ab";
  write_archive(path, other);
  const Outcome outcome = run(training("r", kSteps));
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.err, HasSubstr(path.filename().string() + ": found a checkpoint of another"));
  EXPECT_EQ(resumed_steps(), 0);
}

TEST_F(Faults, DamagedRecordsAreKeptAside) {
  const std::string sweep = "run --results r --length 16 --model.width 8 --repeats 1";
  std::string damaged;
  for (int time = 0; time < 3; ++time) {
    const Outcome outcome = run(sweep);
    ASSERT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.err, HasSubstr("1 done now"));
    EXPECT_EQ(outcome.err.find("damaged/") != std::string::npos, time > 0) << outcome.err;
    const fs::path file = file_in("r/runs", ".h5");
    fs::resize_file(file, static_cast<uintmax_t>(100 + time));
    damaged = file.stem().string();
  }
  EXPECT_EQ(fs::file_size(folder_ / "r/runs/damaged" / (damaged + ".h5")), 100U);
  EXPECT_EQ(fs::file_size(folder_ / "r/runs/damaged" / (damaged + ".2.h5")), 101U);
}

TEST_F(Faults, AClaimPassesOnToAChild) {
  std::optional<Claim> claim = try_claim(folder_, 7);
  Child child({"--gtest_list_tests"}, claim->descriptor());
  child.signal(SIGSTOP);
  claim.reset();
  EXPECT_FALSE(try_claim(folder_, 7).has_value()) << "its holder lives";
  child.signal(SIGKILL);
  while (!child.read([](const std::string&) {})) {
  }
  EXPECT_TRUE(try_claim(folder_, 7).has_value());
}

// How a worker ended, and in one word what follows.
std::string after(const WorkerEnd& end) {
  const Consequence consequence = consequence_of(end);
  if (consequence.in_its_place) {
    EXPECT_EQ(consequence.next, NextStep::count);
    return std::string(run_status_name(consequence.in_its_place->status));
  }
  switch (consequence.next) {
    case NextStep::count:
      return "count";
    case NextStep::start_again:
      return "again";
    case NextStep::leave:
      return "leave";
    case NextStep::give_up:
      return "give up";
  }
  return "";
}

WorkerEnd with_code(int code) { return {.child = {.exit_code = code, .signal = 0}}; }
WorkerEnd with_signal(int signal) { return {.child = {.exit_code = -1, .signal = signal}}; }

TEST(WorkerEnds, ByTheirExitCode) {
  EXPECT_EQ(after(with_code(0)), "count");
  EXPECT_EQ(after(with_code(kExitInterrupted)), "again");
  EXPECT_EQ(after(with_code(kExitCannotWrite)), "give up");
  EXPECT_EQ(after(with_code(1)), "crashed");
  EXPECT_EQ(consequence_of(with_code(3)).in_its_place->reason, "exit code 3");
}

TEST(WorkerEnds, ByASignal) {
  for (const int stop : {SIGKILL, SIGTERM, SIGINT, SIGHUP})
    EXPECT_EQ(after(with_signal(stop)), "again");
  for (const int fault : {SIGSEGV, SIGABRT, SIGBUS})
    EXPECT_EQ(after(with_signal(fault)), "crashed");
  EXPECT_EQ(consequence_of(with_signal(SIGSEGV)).in_its_place->reason, "SIGSEGV");
  WorkerEnd end = with_signal(SIGKILL);
  end.ended_by_others_before = 8;
  EXPECT_EQ(after(end), "again");
  end.ended_by_others_before = 9;
  EXPECT_EQ(after(end), "crashed") << "ten times is enough";
}

TEST(WorkerEnds, ByTheKernelOrTheTimeLimit) {
  WorkerEnd end = with_signal(SIGKILL);
  end.kernel_killed = true;
  EXPECT_EQ(after(end), "out_of_memory");
  end.is_stopping = true;
  EXPECT_EQ(after(end), "out_of_memory") << "stopping or not";
  end.killed_after_seconds = 2.5;
  EXPECT_EQ(after(end), "timed_out");
  EXPECT_EQ(consequence_of(end).in_its_place->reason, "after 2.5 s, in the midst of an operation");
}

TEST(WorkerEnds, WhileTheSweepStops) {
  for (WorkerEnd end : {with_code(kExitInterrupted), with_signal(SIGTERM), with_signal(SIGKILL)}) {
    end.is_stopping = true;
    end.ended_by_others_before = 99;
    EXPECT_EQ(after(end), "leave");
  }
  WorkerEnd crash = with_signal(SIGSEGV);
  crash.is_stopping = true;
  EXPECT_EQ(after(crash), "crashed");
}

}  // namespace
}  // namespace lengthwise
