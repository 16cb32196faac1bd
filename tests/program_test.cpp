// The program as a user meets it: exit codes, messages, files.
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "io/table.h"
#include "nn/attention.h"
#include "tasks/recall.h"
#include "tasks/task.h"
#include "tests/program_fixture.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Program : public ProgramTest {};

constexpr const char* kTiny =
    "--attention full,linear,windowed,no_weights --length 16:32:x2 --repeats 2 --model.width 8 "
    "--model.heads 2 --train.steps 3 --train.batch 2 --task.uniform.vocabulary 16 ";

// Every column that is not a time, a rate, or of where and when it ran.
bool is_reproducible(const std::string& name) {
  return name.find("seconds") == std::string::npos && name.find("time") == std::string::npos &&
         name.find("probe") == std::string::npos && name != "peak_resident_bytes" &&
         name != "pooled_bytes" && name != "other_cores" && name != "machine_loaded";
}

// Column::operator== with NaN equal to NaN: texts of the values.
std::string values_text(const Column& column) {
  std::ostringstream text;
  text.precision(17);
  std::visit(
      [&](const auto& values) {
        for (const auto& value : values) text << value << ';';
      },
      column.values);
  return text.str();
}

TEST_F(Program, ListsWhatThereIs) {
  const Outcome text = run("list");
  EXPECT_EQ(text.exit_code, 0);
  for (const char* name :
       {"full", "flash", "windowed", "no_weights", "linear", "none", "linear_incremental",
        "sinusoidal", "learned", "rotary", "alibi", "mqar", "text", "uniform"}) {
    EXPECT_THAT(text.out, HasSubstr(fmt::format("\n  {} ", name)));
  }
  for (const TaskEntry& task : tasks()) {
    ASSERT_FALSE(task.info.chance.empty()) << task.info.name;
    EXPECT_THAT(text.out, HasSubstr(fmt::format("chance: {}\n", task.info.chance)));
  }
  const auto json = nlohmann::json::parse(run("list attention --json").out);
  EXPECT_EQ(json["attention"].size(), attention_variants().size());
  const Outcome wrong = run("list atention");
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("did you mean 'attention'?"));
}

TEST_F(Program, HelpsWithEveryCommandAndTouchesNothing) {
  for (const char* command :
       {"list", "plan", "run", "merge", "slurm", "compare", "explain", "export", "check"}) {
    const Outcome outcome = run(std::string(command) + " --help");
    EXPECT_EQ(outcome.exit_code, 0) << command << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("lengthwise")) << command;
  }
  EXPECT_FALSE(fs::exists(folder_ / "results"));
  EXPECT_THAT(run("--version").out, testing::MatchesRegex("lengthwise [0-9.]+ .*\n"));
}

TEST_F(Program, ComparesOneLengthWithoutExponentsOrCrossovers) {
  ASSERT_EQ(run("run --results r --attention full,linear --length 16 --repeats 1").exit_code, 0);
  const std::string one = run("compare r/sweep.h5").out;
  EXPECT_THAT(one, HasSubstr("Training step"));
  EXPECT_THAT(one, testing::Not(HasSubstr("Exponents of")));
  EXPECT_THAT(one, testing::Not(HasSubstr("Crossovers")));
  ASSERT_EQ(run("run --results r --attention full,linear --length 16,32 --repeats 1").exit_code, 0);
  const std::string two = run("compare r/sweep.h5").out;
  EXPECT_THAT(two, HasSubstr("Exponents of"));
  EXPECT_THAT(two, HasSubstr("Crossovers"));
}

TEST_F(Program, RunsComparesAndSkipsWhatIsThere) {
  const Outcome first = run(std::string("run --json --results here ") + kTiny);
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(nlohmann::json::parse(first.out)["runs"], 8);
  const Table table = read_table(folder_ / "here/sweep.h5");
  EXPECT_EQ(table.dimensions.at("run"), 8);
  const Outcome again = run(std::string("run --results here ") + kTiny);
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.err, HasSubstr("0 done now, 8 were there"));
  const Outcome compared = run("compare here/sweep.h5");
  EXPECT_EQ(compared.exit_code, 0);
  EXPECT_THAT(compared.out, HasSubstr("no_weights"));
  EXPECT_TRUE(nlohmann::json::accept(run("compare here/sweep.h5 --json").out));
  EXPECT_EQ(nlohmann::json::parse(run("export here/sweep.h5 --json").out)["runs"].size(), 8U);
  EXPECT_THAT(run("export --csv here/sweep.h5").out, testing::StartsWith("run_id,status,"));
}

TEST_F(Program, ExplainsWhereCostGoesAsTheModelPredicts) {
  const Outcome outcome =
      run("explain windowed@96 --json --attention.windowed.window 16 --model.width 16 "
          "--model.heads 2 --repeats 2");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  for (const char* pass : {"forward", "backward_and_update"}) {
    int64_t sum = 0;
    for (const auto& [part, cost] : json[pass].items()) {
      EXPECT_EQ(cost["flops"], cost["predicted_flops"]) << pass << " " << part;
      if (part != "all") sum += cost["flops"].get<int64_t>();
    }
    EXPECT_EQ(json[pass]["all"]["flops"], sum);
    EXPECT_GT(sum, 0);
  }
  for (const char* memory : {"kept", "peak", "state"}) {
    EXPECT_EQ(json[memory]["bytes"], json[memory]["predicted_bytes"]) << memory;
  }
  EXPECT_THAT(run("explain full@64").out, HasSubstr("peak of a training step"));
}

TEST_F(Program, ExplainRefusesInOneLine) {
  const std::pair<const char*, const char*> wrong[] = {
      {"", "NAME@LENGTH"},
      {"full", "found 'full'"},
      {"ful@64", "did you mean 'full'"},
      {"full@64 --seed 1,2", "2 runs"},
      {"full@1024 --memory-limit 1MiB", "limit 1.0 MiB"},
      {"linear@64 --position alibi", "alibi"},
  };
  for (const auto& [arguments, said] : wrong) {
    const Outcome outcome = run(fmt::format("explain {}", arguments));
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr(said));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
}

// Runs of tasks with other parts, of patterns too, in one file: what a run lacks is absent.
TEST_F(Program, RecordsTheScoreOfEveryPart) {
  const Outcome outcome =
      run("run --results r --task copy,mqar,uniform --task.copy.least 1 --length 16 "
          "--attention short_conv+windowed --attention.windowed.window 4 --position none "
          "--task.mqar.train_cells 8x2+16x4*2 --task.mqar.test_cells 8x1+16x2+16x4 "
          "--model.width 8 --model.heads 2 --train.steps 3 --train.batch 4 --eval.lengths 8+16 "
          "--eval.examples 5 --repeats 1");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Table table = read_table(folder_ / "r/sweep.h5");
  const auto texts = [&](const char* name) {
    return std::get<Column::Texts>(table.find(name)->values);
  };
  const auto parts = texts("part"), task_of = texts("task");
  ASSERT_EQ(texts("attention").front(), "short_conv+windowed");
  for (size_t row = 0; row < task_of.size(); ++row) {
    EXPECT_EQ(texts("score")[row], task_of[row] == "copy" ? "exact_match" : "accuracy");
  }
  ASSERT_EQ(table.find("part_accuracy")->dimensions,
            (std::vector<std::string>{"run", "test_length", "part"}));
  const auto value = [&](const char* column, const std::string& task, size_t length,
                         const std::string& part) {
    const auto run_place = std::find(task_of.begin(), task_of.end(), task) - task_of.begin();
    const auto part_place = std::find(parts.begin(), parts.end(), part) - parts.begin();
    const auto& numbers = std::get<Column::Numbers>(table.find(column)->values);
    return numbers.at((static_cast<size_t>(run_place) * 2 + length) * parts.size() +
                      static_cast<size_t>(part_place));
  };
  EXPECT_EQ(value("part_scored", "copy", 0, "content"), 5 * 3);
  EXPECT_EQ(value("part_scored", "copy", 1, "end"), 5);
  EXPECT_EQ(value("part_scored", "mqar", 0, "pairs=1"), 5);
  EXPECT_EQ(value("part_scored", "mqar", 1, "pairs=4"), 5 * 4);
  EXPECT_TRUE(std::isnan(value("part_scored", "mqar", 0, "pairs=4")));
  EXPECT_TRUE(std::isnan(value("part_accuracy", "copy", 0, "pairs=4")));
  EXPECT_TRUE(std::isnan(value("part_accuracy", "uniform", 1, "content")));
  // Width 3 and window 4: 2 + 3 back, so that values up to 4 back are reached.
  EXPECT_NEAR(value("part_ceiling", "mqar", 1, "pairs=2"), recall_ceiling({16, 2}, 0.01, 4), 1e-12);
  EXPECT_TRUE(std::isnan(value("part_ceiling", "copy", 1, "end")));
  const auto& exact = std::get<Column::Numbers>(table.find("exact_match")->values);
  for (const double share : exact) EXPECT_TRUE(share >= 0 && share <= 1);
}

TEST_F(Program, ExportsOneFileInOneForm) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"export --csv", "export: found no file"},
      {"export t.h5", "found neither --csv nor --json, expected one of them"},
      {"export t.h5 --csv --json", "found both --csv and --json, expected one of them"},
      {"export t.h5 --xml --csv", "found '--xml', expected at most one argument"},
      {"export t.h5 --csv", "t.h5: found no such file"}};
  for (const auto& [arguments, said] : wrong) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr(said));
    EXPECT_EQ(outcome.out, "");
  }
}

TEST_F(Program, SaysTheSameTwiceAndWithAnyThreads) {
  ASSERT_EQ(run(std::string("run --threads 1 --results a ") + kTiny).exit_code, 0);
  ASSERT_EQ(run(std::string("run --threads 1 --results b ") + kTiny).exit_code, 0);
  ASSERT_EQ(run(std::string("run --threads 2 --results c ") + kTiny).exit_code, 0);
  const Table a = read_table(folder_ / "a/sweep.h5"), b = read_table(folder_ / "b/sweep.h5"),
              c = read_table(folder_ / "c/sweep.h5");
  size_t compared = 0;
  for (const Column& column : a.columns) {
    if (!is_reproducible(column.name)) continue;
    ++compared;
    ASSERT_NE(b.find(column.name), nullptr);
    EXPECT_EQ(values_text(column), values_text(*b.find(column.name))) << column.name;
    // Scratch memory is threads x slab; the number of threads is part of the run's identity.
    const bool of_threads = column.name == "threads" || column.name == "run_id" ||
                            column.name == "config" || column.name.find("peak") == 0 ||
                            column.name == "inference_peak_bytes";
    if (of_threads) continue;
    EXPECT_EQ(values_text(column), values_text(*c.find(column.name))) << column.name;
  }
  EXPECT_GT(compared, 40U);
}

TEST_F(Program, ADivergedRunIsAResult) {
  const Outcome outcome =
      run("run --results here --length 16 --model.width 8 --train.steps 50 --train.batch 2 "
          "--train.warm_up 0 --train.learning_rate 100 --train.clip 0 --model.initial_deviation 10 "
          "--train.weight_decay 10");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const Table table = read_table(folder_ / "here/sweep.h5");
  EXPECT_EQ(std::get<Column::Flags>(table.find("status")->values), Column::Flags{4});
  EXPECT_GT(std::get<Column::Numbers>(table.find("training_step_seconds")->values).at(0), 0);
}

TEST_F(Program, RefusesBeforeAnythingIsTouched) {
  EXPECT_EQ(run("run --attention fulll --results here").exit_code, 2);
  EXPECT_FALSE(fs::exists(folder_ / "here"));
  EXPECT_EQ(run("").exit_code, 2);
  const Outcome unknown = run("compar x");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_EQ(unknown.err, "lengthwise: compar: unknown command (did you mean 'compare'?)\n");
}

TEST_F(Program, NamesAResultsFolderThatCannotBeMade) {
  std::ofstream(folder_ / "file") << "mine";
  const Outcome outcome = run("run --length 16 --results file/below");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("expected a writable folder"));
  EXPECT_EQ(read("file"), "mine");
}

TEST_F(Program, NamesAResultsFileThatIsNone) {
  std::ofstream(folder_ / "words.h5") << "not HDF5";
  for (const char* file : {"words.h5", "missing.h5", "."}) {
    const Outcome outcome = run(std::string("compare ") + file);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.err, HasSubstr(file));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
}

TEST_F(Program, ADamagedRunFileIsRunAgain) {
  const std::string tiny = "run --results here --length 16 --model.width 8 --repeats 1";
  ASSERT_EQ(run(tiny).exit_code, 0);
  for (const auto& entry : fs::directory_iterator(folder_ / "here/runs")) {
    fs::resize_file(entry.path(), 100);
  }
  const Outcome again = run(tiny);
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.err, HasSubstr("1 done now"));
  EXPECT_EQ(read_table(folder_ / "here/sweep.h5").dimensions.at("run"), 1);
}

TEST_F(Program, ChecksLawsByName) {
  const Outcome text = run("check learned none");
  EXPECT_EQ(text.exit_code, 0) << text.out;
  EXPECT_THAT(text.out, AllOf(HasSubstr("position_definition"), HasSubstr("model_decode"),
                              HasSubstr(" 0 broken"), Not(HasSubstr("BROKEN"))));
  const auto json = nlohmann::json::parse(run("check none --json").out);
  ASSERT_FALSE(json.empty());
  for (const auto& law : json) EXPECT_NE(law["holds"], false) << law;
}

TEST_F(Program, CheckRefusesWhatIsNotThere) {
  const Outcome wrong = run("check windowd");
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("did you mean 'windowed'?"));
  EXPECT_EQ(run("check").exit_code, 2);
  EXPECT_EQ(run("check --al").exit_code, 2);
}

TEST_F(Program, RunsEncodersAndGroupedHeads) {
  const Outcome encoder = run(std::string("run --results r --model.kind decoder,encoder ") +
                              "--model.heads 4 --model.key_value_heads 2 --length 32 --repeats 1");
  EXPECT_EQ(encoder.exit_code, 0) << encoder.err;
  const Table table = read_table(folder_ / "r/sweep.h5");
  const auto& state = std::get<Column::Numbers>(table.find("state_bytes")->values);
  ASSERT_EQ(state.size(), 2U);
  EXPECT_GT(state[0], 0);
  EXPECT_TRUE(std::isnan(state[1])) << "an encoder does not decode";
  const auto& flops = std::get<Column::Numbers>(table.find("decode_step_flops")->values);
  EXPECT_GT(flops.front(), 0);
  EXPECT_TRUE(std::isnan(flops.back()));
}

TEST_F(Program, MeasuresTheDecodingAlone) {
  const std::string sweep = " --results r --length 8,16 --repeats 2 --threads 1 --measure ";
  const auto plan = nlohmann::json::parse(run("plan --json" + sweep + "decoding,all").out);
  for (const auto& planned : plan["runs"]) EXPECT_GT(planned["seconds"], 0) << planned;
  ASSERT_EQ(run("run" + sweep + "decoding,all").exit_code, 0);
  const Table table = read_table(folder_ / "r/sweep.h5");
  const auto& configs = std::get<Column::Texts>(table.find("config")->values);
  const auto known = [&](const std::string& column, size_t row) {
    const auto& values = std::get<Column::Numbers>(table.find(column)->values);
    return !std::isnan(values.at(row * values.size() / configs.size()));
  };
  ASSERT_EQ(configs.size(), 4U);
  for (size_t row = 0; row < configs.size(); ++row) {
    const bool decoding = configs[row].find("measure = decoding\n") != std::string::npos;
    EXPECT_EQ(decoding, configs[row].find("measure") != std::string::npos) << "all is the default";
    for (const char* column : {"prefill_seconds", "prefill_flops", "decode_step_seconds",
                               "decode_step_flops", "state_bytes", "probe_flops_per_second"}) {
      EXPECT_TRUE(known(column, row)) << column;
    }
    for (const char* column : {"forward_seconds", "training_step_seconds", "training_step_flops",
                               "peak_total_bytes", "inference_peak_bytes"}) {
      EXPECT_EQ(known(column, row), !decoding) << column;
    }
  }
}

TEST_F(Program, MeasuresTheDecodingAloneAndTrains) {
  const std::string sweep =
      " --results r --length 8 --repeats 1 --threads 1 --measure decoding --train.steps 3 ";
  EXPECT_GT(nlohmann::json::parse(run("plan --json" + sweep).out)["runs"][0]["seconds"], 0);
  const Outcome encoder = run("run" + sweep + "--task copy --model.kind decoder,encoder");
  EXPECT_EQ(encoder.exit_code, 0) << encoder.err;
  const Table table = read_table(folder_ / "r/sweep.h5");
  EXPECT_EQ(std::get<Column::Integers>(table.find("train_steps")->values)[0], 3);
  EXPECT_EQ(std::get<Column::Texts>(table.find("status_reason")->values)[1],
            "measure = decoding times nothing else, and encoder does not decode");
}

TEST_F(Program, ComparesTheDecodingAlone) {
  ASSERT_EQ(
      run("run --results r --length 8,16 --repeats 1 --threads 1 --measure decoding").exit_code, 0);
  const Outcome text = run("compare r/sweep.h5");
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, AllOf(HasSubstr("Exponents of decoding at the longest context"),
                              HasSubstr("Decoding one token after the others"),
                              HasSubstr("Taking the tokens before the one that is decoded"),
                              Not(HasSubstr("raining step")), Not(HasSubstr("Forward pass"))));
}

TEST_F(Program, TrainsAndDecodesAfterASource) {
  const std::string command =
      "run --results r --model.kind encoder_decoder --task reverse --attention linear "
      "--decoder.attention windowed --attention.windowed.window 3 --cross.attention full,flash "
      "--length 8 --repeats 1 --threads 1 --train.steps 3 --eval.lengths 8+12 --eval.examples 7";
  const Outcome outcome = run(command);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("cross.attention=flash"));
  const Table table = read_table(folder_ / "r/sweep.h5");
  const auto& configs = std::get<Column::Texts>(table.find("config")->values);
  ASSERT_EQ(configs.size(), 2U);
  for (const std::string& config : configs) {
    EXPECT_THAT(config, AllOf(HasSubstr("model.kind = encoder_decoder\n"),
                              HasSubstr("\ndecoder.attention = windowed\n")));
  }
  EXPECT_THAT(configs[0] + configs[1], AllOf(HasSubstr("\ncross.attention = full\n"),
                                             HasSubstr("\ncross.attention = flash\n")));
  for (const char* column : {"decode_step_flops", "state_bytes", "exact_match"}) {
    ASSERT_NE(table.find(column), nullptr) << column;
    EXPECT_FALSE(std::isnan(std::get<Column::Numbers>(table.find(column)->values).front()))
        << column;
  }
  EXPECT_THAT(run(command).err, HasSubstr("2 were there"));
}

TEST_F(Program, RefusesHeadsThatDoNotGroupAndEncodersThatWouldSeeTheirLabels) {
  const Outcome heads = run("run --results r --model.heads 4 --model.key_value_heads 3");
  EXPECT_EQ(heads.exit_code, 2);
  EXPECT_EQ(heads.err,
            "lengthwise: model.key_value_heads: found 3, expected a divisor of model.heads = 4\n");
  const Outcome sees = run("run --results r --model.kind encoder --train.steps 1");
  EXPECT_EQ(sees.exit_code, 2);
  EXPECT_THAT(sees.err, HasSubstr("uniform labels each token with the next one"));
  EXPECT_FALSE(fs::exists(folder_ / "r"));
}

TEST_F(Program, RefusesTrainingKeysWhereNothingTrains) {
  const Outcome outcome = run("run --results r --train.learning_rate 1e-4,1e-3");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(
      outcome.err,
      "lengthwise: train.learning_rate: no run trains, so none reads it; expected train.steps "
      "above 0\n");
}

TEST_F(Program, NamesWhatTellsRunsApart) {
  const Outcome outcome =
      run("run --results r --attention windowed --attention.windowed.window 4,8 --length 16 "
          "--repeats 1");
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("attention.windowed.window=4"),
                                 HasSubstr("attention.windowed.window=8")));
}

}  // namespace
}  // namespace lengthwise
