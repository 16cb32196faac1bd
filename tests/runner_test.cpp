// Statuses, limits, signals, claims and shards: nothing measured is lost, and nothing is run twice.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/check.h"
#include "experiments/runner/claim.h"
#include "experiments/runner/predicted_work.h"
#include "experiments/runner/remaining_time.h"
#include "experiments/runner/runner_options.h"
#include "experiments/runner/shard.h"
#include "experiments/runner/units.h"
#include "experiments/runner/worker_order.h"
#include "io/archive.h"
#include "io/table.h"
#include "tests/build_paths.h"
#include "tests/sweep_fixture.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Runner : public SweepTest {};

TEST_F(Runner, ARunPastTheMemoryLimitIsARowWithWhatWasMeasured) {
  const Outcome outcome =
      run("run --results r --attention full,linear --length 512 --repeats 2 --memory-limit 12MiB");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(statuses(), "out_of_memory ok");
  EXPECT_GT(numbers("inference_peak_bytes").at(0), 0) << "a forward pass fits";
  EXPECT_TRUE(std::isnan(numbers("training_step_seconds").at(0)));
  EXPECT_GT(numbers("training_step_seconds").at(2), 0);
  const Outcome compared = run("compare r/sweep.h5");
  EXPECT_THAT(compared.out, HasSubstr("no memory"));
}

TEST_F(Runner, ATimedOutTrainingKeepsItsCostAndGoesOnWhenTriedAgain) {
  const Outcome late = run(training("r") + "--time-limit 1");
  EXPECT_EQ(late.exit_code, 0) << late.err;
  EXPECT_EQ(statuses(), "timed_out");
  EXPECT_EQ(std::get<Column::Texts>(merged().find("status_reason")->values).at(0), "after 1 s");
  EXPECT_GT(numbers("training_step_seconds").at(0), 0);
  EXPECT_THAT(run(training("r")).err, HasSubstr("1 were there (1 timed_out)"));
  EXPECT_EQ(run(training("r") + "--retry timed_out").exit_code, 0);
  EXPECT_EQ(statuses(), "ok");
  const Table table = merged();
  EXPECT_GT(std::get<Column::Integers>(table.find("resumed_steps")->values).at(0), 0);
  run(training("undisturbed"));
  EXPECT_EQ(numbers("loss"), numbers("loss", "undisturbed"));
}

TEST_F(Runner, ASignalEndsWith75AndTheNextCallGoesOnBitForBit) {
  // `timeout` says 124, unless it is to pass the status on.
  const Outcome stopped = run(training("r"), "timeout --preserve-status -s TERM 1.2");
  EXPECT_EQ(stopped.exit_code, 75) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("1 missing"));
  EXPECT_EQ(run(training("r")).exit_code, 0);
  run(training("undisturbed"));
  const Table table = merged();
  EXPECT_GT(std::get<Column::Integers>(table.find("resumed_steps")->values).at(0), 0);
  for (const char* name : {"loss", "accuracy", "curve_training_loss"}) {
    EXPECT_EQ(numbers(name), numbers(name, "undisturbed")) << name;
  }
  size_t last = 0, best = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "r/checkpoints")) {
    last += entry.path().string().ends_with(".last.h5") ? 1 : 0;
    best += entry.path().string().ends_with(".best.h5") ? 1 : 0;
    EXPECT_EQ(read_archive(entry.path()).integers.contains("steps"), true);
  }
  EXPECT_EQ(last, 1U);
  EXPECT_EQ(best, 1U);
}

TEST_F(Runner, ARefusedPairIsARowToo) {
  EXPECT_EQ(run("run --results r --attention full,linear --position alibi --length 16").exit_code,
            0);
  EXPECT_EQ(statuses(), "ok refused");
  const Table table = merged();
  EXPECT_THAT(std::get<Column::Texts>(table.find("status_reason")->values).at(1),
              HasSubstr("linear forms no scores"));
}

TEST_F(Runner, TwoAtOnceDivideTheWork) {
  const std::string sweep =
      "run --results r --attention full,linear --length 16,32 --seed 0:4:+1 --repeats 1 "
      "--model.width 8";
  const std::string other =
      fmt::format("('{}' {} 2>other; true) &", program_path().string(), sweep);
  const Outcome outcome = run(sweep, other);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  std::multiset<std::string> finished;
  for (const std::string& log : {outcome.err, read("other")}) {
    std::istringstream lines(log);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("[")) finished.insert(line.substr(0, line.find(']')));
    }
  }
  EXPECT_EQ(finished.size(), 20U) << outcome.err << read("other");
  EXPECT_EQ(std::set<std::string>(finished.begin(), finished.end()).size(), 20U) << "done twice";
  EXPECT_EQ(merged().dimensions.at("run"), 20);
}

TEST_F(Runner, MergeIsIdempotentAndRefusesToMixSchemas) {
  const std::string sweep = "--results r --attention full,linear --length 16 --repeats 1";
  ASSERT_EQ(run("run " + sweep).exit_code, 0);
  const std::string first = read("r/sweep.h5");
  ASSERT_EQ(run("merge " + sweep).exit_code, 0);
  EXPECT_TRUE(read("r/sweep.h5") == first);
  for (const auto& entry : fs::directory_iterator(folder_ / "r/runs")) {
    if (entry.path().extension() != ".h5") continue;
    Table table = read_table(entry.path());
    table.attributes["schema_version"] = "3";
    write_table(entry.path(), table);
    break;
  }
  const Outcome mixed = run("merge " + sweep);
  EXPECT_EQ(mixed.exit_code, 2);
  EXPECT_THAT(mixed.err, HasSubstr("schema"));
  EXPECT_TRUE(read("r/sweep.h5") == first);
}

TEST_F(Runner, ASplitFileGoesOnWhereItsFolderStood) {
  const std::string sweep = " --length 8,16 --repeats 1 --attention full,linear";
  ASSERT_EQ(run("run --results r" + sweep).exit_code, 0);
  const std::string before = read("r/sweep.h5");
  const Outcome split = run("split r/sweep.h5 --results s");
  EXPECT_EQ(split.exit_code, 0) << split.err;
  EXPECT_THAT(split.err, HasSubstr("4 rows of r/sweep.h5 written to s/runs, 0 were there"));
  EXPECT_THAT(run("run --results s" + sweep).err, HasSubstr("0 done now, 4 were there"));
  EXPECT_EQ(read("s/sweep.h5"), before);
  const fs::path one = file_in("s/runs", ".h5");
  fs::remove(one);
  EXPECT_THAT(run("split --results s r/sweep.h5").err, HasSubstr("1 rows of"));
  EXPECT_TRUE(fs::exists(one));
  for (const char* wrong : {"split", "split r/sweep.h5", "split none.h5 --results s"}) {
    EXPECT_EQ(run(wrong).exit_code, 2) << wrong;
  }
}

TEST_F(Runner, AFolderMergesWithoutItsSweeps) {
  EXPECT_THAT(run("merge .").err, AllOf(HasSubstr("'runs'"), Not(HasSubstr("internal"))));
  for (const char* lengths : {"16,32", "64"}) {
    ASSERT_EQ(run(fmt::format("run --results r --repeats 1 --length {}", lengths)).exit_code, 0);
  }
  fs::create_directories(folder_ / "empty/runs");
  EXPECT_THAT(run("merge empty").err, HasSubstr("found no record"));
  std::ofstream(folder_ / "r/runs/notes.h5") << "of a user";
  const Outcome outcome = run("merge r");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("3 rows (3 ok) in r/r.h5; 0 missing, 0 damaged"));
  EXPECT_EQ(read_table(folder_ / "r/r.h5").dimensions.at("run"), 3);
  EXPECT_EQ(read("r/runs/notes.h5"), "of a user");
}

TEST_F(Runner, SaysHowManyRowsAnotherCommitWrote) {
  ASSERT_EQ(run("run --results r --repeats 1 --length 16,32").exit_code, 0);
  for (const auto& entry : fs::directory_iterator(folder_ / "r/runs")) {
    if (entry.path().extension() != ".h5") continue;
    Table table = read_table(entry.path());
    for (Column& column : table.columns) {
      if (column.name == "commit") column.values = Column::Texts{"0123456789ab"};
    }
    write_table(entry.path(), table);
    break;
  }
  const std::string sweep = " --results r --repeats 1 --length 16,32 ";
  EXPECT_THAT(run("run" + sweep).err, HasSubstr("2 were there, 1 of them from another commit"));
  EXPECT_THAT(run("plan" + sweep).out, HasSubstr("1 of those recorded are from another commit"));
  EXPECT_EQ(nlohmann::json::parse(run("plan --json" + sweep).out)["stale"], 1);
  EXPECT_THAT(run("merge r").err, HasSubstr("1 stale"));
}

TEST_F(Runner, ARecordLeavesOutWhatNothingStandsIn) {
  ASSERT_EQ(run("run --results r --length 4 --repeats 1").exit_code, 0);
  const Table cost = merged();
  for (const char* name : {"test_length", "accuracy", "curve_step", "step", "context", "part"}) {
    EXPECT_EQ(cost.find(name), nullptr) << name;
    EXPECT_FALSE(cost.dimensions.contains(name)) << name;
  }
  // most of it is what every object needs; an index of chunks for each would be three times that
  EXPECT_LT(std::filesystem::file_size(file_in("r/runs", ".h5")), 80U << 10);
  ASSERT_EQ(run(training("t", 2)).exit_code, 0);
  const Table both = merge_tables(std::vector{cost, read_table(folder_ / "t" / "sweep.h5")});
  const auto& accuracy = std::get<Column::Numbers>(both.find("accuracy")->values);
  ASSERT_EQ(accuracy.size(), 2U);
  EXPECT_TRUE(std::isnan(accuracy[0]));
  EXPECT_FALSE(std::isnan(accuracy[1]));
}

TEST_F(Runner, PlanSaysWhatIsRecorded) {
  const std::string sweep =
      "--results r --attention full,linear --length 64,128 --repeats 1 --threads 2 --train.steps 2";
  const auto before = nlohmann::json::parse(run("plan --json " + sweep).out);
  EXPECT_EQ(before["ahead"]["runs"], 4);
  EXPECT_FALSE(fs::exists(folder_ / "r"));
  ASSERT_EQ(run("run " + sweep).exit_code, 0);
  const auto after = nlohmann::json::parse(run("plan --json " + sweep).out);
  EXPECT_EQ(after["ahead"]["runs"], 0);
  const Column::Numbers peaks = numbers("peak_total_bytes");
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(after["runs"][i]["status"], "ok");
    EXPECT_EQ(after["runs"][i]["training_step_peak_bytes"].get<double>(), peaks.at(i));
    EXPECT_GT(after["runs"][i]["seconds"].get<double>(), 0);
  }
  const Outcome small = run("plan --memory-limit 100KiB --results q --length 64");
  EXPECT_THAT(small.out, HasSubstr("will not fit"));
}

TEST_F(Runner, NamesWrongOptions) {
  const std::pair<const char*, const char*> wrong[] = {
      {"--memory-limit 2GB", "memory-limit: found '2GB', expected an amount of memory"},
      {"--time-limit 0", "time-limit: found '0', expected a time above 0"},
      {"--jobs 0", "jobs: found '0'"},
      {"--jobs 4000", "expected at most"},
      {"--retry failed", "retry: found 'failed', expected one of ok, out_of_memory"},
      {"--shard 5/4", "shard: found '5/4', expected i/n with 1 <= i <= n"},
      {"--shard 2", "shard: found '2', expected i/n"},
      {"--fail-slow", "fail-slow: unknown key"},
  };
  for (const auto& [option, said] : wrong) {
    const Outcome outcome = run(std::string("run --results r --length 16 ") + option);
    EXPECT_EQ(outcome.exit_code, 2) << option;
    EXPECT_THAT(outcome.err, HasSubstr(said)) << option;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
  EXPECT_FALSE(fs::exists(folder_ / "r"));
}

TEST_F(Runner, ClaimsExcludeEachOtherAndEndWithTheirHolder) {
  {
    const std::optional<Claim> first = try_claim(folder_, 0xfedcba9876543210U);
    ASSERT_TRUE(first.has_value());
    EXPECT_FALSE(try_claim(folder_, 0xfedcba9876543210U).has_value());
    EXPECT_TRUE(try_claim(folder_, 0x123456789abcdef0U).has_value()) << "another run";
  }
  EXPECT_TRUE(try_claim(folder_, 0xfedcba9876543210U).has_value());
}

TEST(Shards, CoverTheGridOnceAndCostAlike) {
  const Grid grid(parse_sweep({"--attention=full,linear", "--length=16:1024:x2", "--seed=0,1,2"}));
  WorkPredictor predictor;
  std::set<size_t> all;
  std::vector<double> loads;
  for (int index = 1; index <= 4; ++index) {
    double load = 0;
    for (const size_t run : runs_of_shard(run_weights(grid), {index, 4})) {
      EXPECT_TRUE(all.insert(run).second) << run;
      load += predictor.predict(grid.config(grid.runs()[run]), 1).flops();
    }
    loads.push_back(load);
  }
  EXPECT_EQ(all.size(), grid.runs().size());
  const auto [least, most] = std::minmax_element(loads.begin(), loads.end());
  EXPECT_LT(*most, 1.3 * *least);
}

TEST(Remaining, GoesByWhatRunsCostAndNotByTheirNumber) {
  RemainingTime remaining({{1}, {3}, {6}, {90}}, 1);
  EXPECT_EQ(remaining.text(), "") << "nothing is known before a run has ended";
  remaining.skipped(3);
  remaining.ended(0, 2);
  EXPECT_EQ(remaining.text(), "about 18.0 s left");
  remaining.ended(1, 10);
  EXPECT_EQ(remaining.text(), "about 18.0 s left");
  remaining.ended(2, 5);
  EXPECT_EQ(remaining.text(), "");
}

TEST(Remaining, IsDividedAmongJobs) {
  RemainingTime remaining({{1}, {4}, {4}}, 2);
  remaining.ended(0, 60);
  EXPECT_EQ(remaining.text(), "about 4 min 0 s left");
  remaining.skipped(1);
  EXPECT_EQ(remaining.text(), "about 4 min 0 s left") << "one run is not divided";
}

TEST(Remaining, KeepsTrainingApartFromMeasuring) {
  RemainingTime remaining({{1, false}, {2, false}, {10, true}, {30, true}}, 1);
  remaining.ended(0, 4);
  EXPECT_EQ(remaining.text(), "about 2 min 48 s left") << "42 at 4 s: nothing has trained yet";
  remaining.ended(2, 10);
  EXPECT_EQ(remaining.text(), "about 38.0 s left") << "2 at 4 s and 30 at 1 s";
  remaining.skipped(3);
  EXPECT_EQ(remaining.text(), "about 8.0 s left");
}

// The steps of a training that mixes sizes are planned one by one, and so is what is scored.
TEST(Plans, TakeEveryCellOfAMix) {
  const RunConfig config = resolve_run({{"task", "mqar"},
                                        {"task.mqar.train_cells", "64x4*3+128x8"},
                                        {"task.mqar.test_cells", "64x4+64x8+128x8"},
                                        {"length", "128"},
                                        {"train.steps", "100"},
                                        {"train.batch", "8"},
                                        {"eval.lengths", "64+128"},
                                        {"eval.examples", "50"}});
  const PredictedRun run = WorkPredictor().predict(config, 1);
  // Labels that a batch has: 8 rows of a training step, 100 or 50 to score, the cells by turns.
  const std::map<std::pair<int64_t, int64_t>, int64_t> labels = {
      {{8, 64}, 8 * 4}, {{8, 128}, 8 * 8}, {{100, 64}, 50 * (4 + 8)}, {{50, 128}, 50 * 8}};
  std::map<int64_t, int64_t> steps, scored;
  for (const WorkItem& item : run.work) {
    if (item.batch == 1) continue;  // measured
    const bool trains = item.kind == WorkKind::training_step;
    (trains ? steps : scored)[item.length] += trains ? item.times : item.times * item.batch;
    const ModelCost cost =
        model_cost(config.model_setup(8192),
                   {item.batch, item.length, labels.at({item.batch, item.length})}, 1);
    const auto head = static_cast<size_t>(Scope::head);
    const int64_t flops = cost.forward.flops[head] + (trains ? cost.backward.flops[head] : 0);
    EXPECT_EQ(item.cost.flops[head], flops) << item.batch << " of " << item.length;
    EXPECT_EQ(item.cost.flops[0], cost.forward.flops[0] + (trains ? cost.backward.flops[0] : 0));
  }
  EXPECT_EQ(steps, (std::map<int64_t, int64_t>{{64, 75}, {128, 25}}));
  EXPECT_EQ(scored, (std::map<int64_t, int64_t>{{64, 100}, {128, 50}}));
}

TEST(Units, ReadWhatAPersonTypes) {
  EXPECT_EQ(parse_bytes("k", "2GiB"), int64_t{2} << 30);
  EXPECT_EQ(parse_bytes("k", "1.5KiB"), 1536);
  EXPECT_EQ(parse_bytes("k", "4096"), 4096);
  EXPECT_EQ(parse_seconds("k", "90"), 90);
  EXPECT_EQ(parse_seconds("k", "1.5m"), 90);
  EXPECT_EQ(parse_seconds("k", "2h"), 7200);
  for (const char* wrong : {"", "GiB", "2gib", "-1", "nan", "1e9", "2 GiB", "1..5KiB", "."}) {
    EXPECT_THROW(parse_bytes("k", wrong), UserError) << wrong;
  }
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(seconds_text(200), "3 min 20 s");
}

TEST(Orders, SurviveTheWayToTheWorker) {
  WorkerOrder order{.id = 0xffffffffffffffffU,
                    .data_hash = 7,
                    .results = "a \"folder\"",
                    .memory_limit_bytes = 5,
                    .time_limit_seconds = 0.25,
                    .checkpoint_seconds = 3,
                    .cores = {1, 3},
                    .shares_machine = true,
                    .parent = 42};
  order.values.emplace("task.text.file", "na\"me\n.txt");
  const WorkerOrder read = worker_order_from_json(to_json(order));
  EXPECT_EQ(to_json(read), to_json(order));
  EXPECT_EQ(read.id, order.id);
  EXPECT_EQ(read.values, order.values);
  EXPECT_THROW(worker_order_from_json("{}"), UserError);
}

TEST(SlurmShard, IsReadFromTheArrayTask) {
  const auto shard_of = [](const char* id, const char* first, const char* count) {
    setenv("SLURM_ARRAY_TASK_ID", id, 1);
    setenv("SLURM_ARRAY_TASK_MIN", first, 1);
    setenv("SLURM_ARRAY_TASK_COUNT", count, 1);
    RunnerOptions options;
    read_slurm_shard(options);
    for (const char* name : {"ID", "MIN", "COUNT"}) {
      unsetenv((std::string("SLURM_ARRAY_TASK_") + name).c_str());
    }
    return std::pair(options.shard.index, options.shard.count);
  };
  EXPECT_EQ(shard_of("1", "1", "4"), std::pair(1, 4));
  EXPECT_EQ(shard_of("3", "0", "4"), std::pair(4, 4));
  EXPECT_EQ(shard_of("9", "1", "3"), std::pair(1, 1)) << "no progression: claims divide the work";
  RunnerOptions options;
  read_slurm_shard(options);
  EXPECT_EQ(options.shard.count, 1);
}

}  // namespace
}  // namespace lengthwise
