#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/check.h"
#include "experiments/runner/grid.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;
using testing::AllOf;
using testing::HasSubstr;

class Sweep : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::TempDir()) / fmt::format("sweep_config_{}", info->name());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string ini(const std::string& text, const std::string& name = "sweep.ini") {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }
  fs::path folder_;
};

Grid plan(const Arguments& arguments) { return Grid(parse_sweep(arguments)); }

std::string refusal(const Arguments& arguments) {
  try {
    plan(arguments);
  } catch (const UserError& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  return "accepted";
}

TEST_F(Sweep, VariantsChangeFastestAndRunsAreUnique) {
  const Grid p = plan({"--length", "16:32:x2", "--attention", "full,linear", "--seed", "1,1"});
  ASSERT_EQ(p.runs().size(), 4U);
  EXPECT_EQ(p.config(p.runs()[0]).run.attention, "full");
  EXPECT_EQ(p.config(p.runs()[1]).run.attention, "linear");
  EXPECT_EQ(p.config(p.runs()[1]).run.length, 16);
  EXPECT_EQ(p.config(p.runs()[2]).run.length, 32);
  std::set<uint64_t> ids;
  for (const PlannedRun& run : p.runs()) ids.insert(run.id);
  EXPECT_EQ(ids.size(), 4U);
}

TEST_F(Sweep, AnOptionOfAnotherVariantDoesNotMultiplyRuns) {
  const Grid p = plan({"--attention=full,windowed", "--attention.windowed.window=2,4"});
  EXPECT_EQ(p.runs().size(), 3U);
}

TEST_F(Sweep, TheCommandLineComesBeforeTheFile) {
  const std::string file = ini("length = 16,32\nmodel.width = 32 # a comment\n");
  const Grid p = plan({file, "--length=64"});
  ASSERT_EQ(p.runs().size(), 1U);
  EXPECT_EQ(p.config(p.runs()[0]).run.length, 64);
  EXPECT_EQ(p.config(p.runs()[0]).model.width, 32);
}

TEST_F(Sweep, IsNamedAfterItsFolderOrFile) {
  EXPECT_EQ(parse_sweep({}).name, "sweep");
  EXPECT_EQ(parse_sweep({}).results, fs::path("results/sweep"));
  EXPECT_EQ(parse_sweep({ini("")}).name, folder_.filename());
  EXPECT_EQ(parse_sweep({ini("", "mine.ini")}).name, "mine");
}

TEST_F(Sweep, OnlyRunsOfTrainLengthsTrain) {
  const Grid p = plan({"--length=16,32", "--train.steps=3", "--train.lengths=32"});
  EXPECT_FALSE(p.config(p.runs()[0]).trains);
  EXPECT_TRUE(p.config(p.runs()[1]).trains);
}

TEST_F(Sweep, OnlyRunsOfTrainSeedsTrainAndTheOthersAreWhatTheyAreWithoutTraining) {
  const Grid p = plan({"--seed=1,2,3", "--train.steps=3", "--train.seeds=1+3"});
  EXPECT_TRUE(p.config(p.runs()[0]).trains);
  EXPECT_FALSE(p.config(p.runs()[1]).trains);
  EXPECT_TRUE(p.config(p.runs()[2]).trains);
  EXPECT_EQ(p.runs()[1].id, plan({"--seed=2"}).runs()[0].id);
  EXPECT_EQ(p.runs()[2].id, plan({"--seed=3", "--train.steps=3"}).runs()[0].id);
}

TEST_F(Sweep, ABatchOfSoManyTokensFollowsTheLength) {
  const Grid p = plan({"--length=128:512:x2", "--batch_tokens=1024", "--attention=full"});
  std::vector<int64_t> batches;
  for (const PlannedRun& run : p.runs()) batches.push_back(p.config(run).run.batch);
  EXPECT_EQ(batches, (std::vector<int64_t>{8, 4, 2}));
  EXPECT_EQ(plan({"--length=128,256", "--batch_tokens=0,1024"}).runs().size(), 4U);
}

TEST_F(Sweep, TheIdIsOfWhatCanChangeANumber) {
  const auto id = [](Arguments arguments) { return plan(arguments).runs().at(0).id; };
  const uint64_t base = id({"--length=32"});
  EXPECT_EQ(base, id({"--length=32", "--results=elsewhere"}));
  EXPECT_EQ(base, id({"--length=32", "--train.steps=5", "--train.lengths=64", "--train.batch=7"}))
      << "it does not train";
  EXPECT_NE(base, id({"--length=64"}));
  EXPECT_NE(base, id({"--length=32", "--seed=1"}));
  EXPECT_NE(base, id({"--length=32", "--model.dropout=0.1"}));
  EXPECT_NE(id({"--length=32", "--train.steps=1"}), id({"--length=32", "--train.steps=2"}));
}

TEST_F(Sweep, TheIdFollowsTheTextsBytesNotItsPath) {
  const std::string bytes(20 * 16384, 'a');
  const auto id = [](const std::string& file) {
    return plan({"--task=text", "--task.text.file=" + file}).runs().at(0).id;
  };
  const uint64_t one = id(ini(bytes, "one.txt"));
  EXPECT_EQ(one, id(ini(bytes, "other.txt")));
  EXPECT_NE(one, id(ini(bytes + "b", "third.txt")));
}

TEST_F(Sweep, ARefusedPairLeavesTheOthers) {
  const Grid p = plan({"--attention=full,linear", "--position=alibi"});
  ASSERT_EQ(p.runs().size(), 2U);
  EXPECT_EQ(p.runs()[0].refused, "");
  EXPECT_THAT(p.runs()[1].refused, AllOf(HasSubstr("alibi"), HasSubstr("linear")));
  EXPECT_THAT(refusal({"--attention=linear", "--position=alibi"}),
              HasSubstr("every run is refused"));
}

TEST_F(Sweep, ResolvedTextReadsBackAsTheSameRun) {
  const Grid p = plan({"--attention=windowed", "--train.steps=4", "--eval.lengths=256+512"});
  const std::string file = ini([&] {
    std::string text = p.config(p.runs()[0]).text();
    // the defaults; the grammar has no empty list
    for (const std::string empty : {"train.lengths = \n", "train.seeds = \n"}) {
      text.erase(text.find(empty), empty.size());
    }
    return text;
  }());
  EXPECT_EQ(plan({file}).runs().at(0).id, p.runs()[0].id);
}

struct Wrong {
  Arguments arguments;
  std::string said;
};

class SweepRefuses : public testing::TestWithParam<Wrong> {};

TEST_P(SweepRefuses, InOneLine) {
  EXPECT_THAT(refusal(GetParam().arguments), HasSubstr(GetParam().said));
}

INSTANTIATE_TEST_SUITE_P(
    CommandLine, SweepRefuses,
    testing::Values(
        Wrong{{"--lenght=5"}, "lenght: unknown key (did you mean 'length'?)"},
        Wrong{{"--res=x"}, "res: unknown key"},
        Wrong{{"--window=5"}, "did you mean 'attention.windowed.window'?"},
        Wrong{{"--attention=fulll"}, "attention: unknown name 'fulll' (did you mean 'full'?)"},
        Wrong{{"--position=rotery"}, "did you mean 'rotary'?"},
        Wrong{{"--task=mqr"}, "did you mean 'mqar'?"},
        Wrong{{"--length", "-1"}, "length: found '-1', expected a whole number of at least 1"},
        Wrong{{"--length=1e99"}, "length: found '1e99'"},
        Wrong{{"--length=48", "--batch_tokens=128"},
              "batch_tokens: found 128, expected a multiple of length 48"},
        Wrong{{"--length=64", "--batch_tokens=128", "--batch=4"},
              "batch: found 4 beside batch_tokens = 128, expected one of them"},
        Wrong{{"--length=nan"}, "length: found 'nan'"},
        Wrong{{"--length="}, "length: found an empty list"},
        Wrong{{"--length=512:128:x2"}, "reversed"},
        Wrong{{"--model.dropout=nan"}, "model.dropout: found 'nan', expected a number from 0"},
        Wrong{{"--train.learning_rate=1e99"}, "train.learning_rate: found '1e99'"},
        Wrong{{"--model.norm=middle"}, "model.norm: found 'middle', expected pre or post"},
        Wrong{{"--model.heads=3"}, "model.heads: found 3, expected a divisor of model.width = 64"},
        Wrong{{"--attention=windowed", "--attention.windowed.window=0"},
              "attention.windowed.window: found '0'"},
        Wrong{{"--attention.windowed.window=4"},
              "attention.windowed.window: no run reads it; expected 'windowed' among attention"},
        Wrong{{"--position=learned", "--length=2048"},
              "length: found 2048, expected at most the 1024 positions of position.learned"},
        Wrong{{"--position=learned", "--train.steps=1", "--eval.lengths=256+4096"},
              "eval.lengths: found 4096"},
        Wrong{{"--position=rotary", "--model.width=12"}, "rotary"},
        Wrong{{"--attention=linear", "--model.attention_dropout=0.1"}, "model.attention_dropout"},
        Wrong{{"--task=mqar", "--length=8"}, "task.mqar.pairs"},
        Wrong{{"--task=text", "--task.text.file=/no/such/file"}, "task.text.file"},
        Wrong{{"--length=1:100000:+1", "--seed=1:100:+1"}, "100000 runs"},
        Wrong{{"--json=yes"}, "json: found a value, expected none"},
        Wrong{{"--json=%canonical_option%"}, "json: found a value, expected none"},
        Wrong{{"--length=4", "--length=8"}, "length: given twice"},
        Wrong{{"no_such.ini"}, "no_such.ini: cannot be read"},
        Wrong{{"/tmp"}, "/tmp: cannot be read"}));

TEST_F(Sweep, RefusesWrongFiles) {
  EXPECT_THAT(refusal({ini("lenght = 4\n")}), AllOf(HasSubstr("sweep.ini"), HasSubstr("'length'")));
  EXPECT_THAT(refusal({ini("just words\n")}),
              HasSubstr("found the line 'just words', expected `key"));
  EXPECT_THAT(refusal({ini("50 %invalid_line%\n")}), HasSubstr("the line '50 %invalid_line%'"));
  EXPECT_THAT(refusal({ini("\xEF\xBB\xBFlength = 4\n")}), HasSubstr("byte order mark"));
  EXPECT_THAT(refusal({ini("length = 4\nlength = 8\n")}), HasSubstr("twice"));
  EXPECT_THAT(refusal({ini("attention.windowed.window = 4\n")}), HasSubstr("no run reads it"));
  EXPECT_THAT(refusal({ini("attention.windowed.window = 4\n"), "--attention=full"}), "accepted")
      << "a study's file, narrowed on the command line";
}

}  // namespace
}  // namespace lengthwise
