// `lengthwise attend` as a user meets it: summaries, the file of weights, refusals; and what a
// sweep takes down of attention.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/checkpoint_fixture.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class AttendCommand : public CheckpointTest {
 protected:
  AttendCommand() : CheckpointTest("attend") {}

  std::string decoder(const std::string& attention = "full") const {
    return trained(
        "d",
        "--task copy --position learned --position.learned.longest 12 --attention " + attention);
  }
  nlohmann::json attended(const std::string& checkpoint, const std::string& options) const {
    const Outcome outcome = on(checkpoint, options + " --json");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return nlohmann::json::parse(outcome.out);
  }
  Table written() const { return read_table(folder_ / "a.h5"); }
};

template <class Values>
const Values& values_of(const Table& table, const std::string& name) {
  return std::get<Values>(table.find(name)->values);
}

TEST_F(AttendCommand, SummarisesEveryHead) {
  const std::string checkpoint = decoder();
  const Outcome text = on(checkpoint, "--input abc");
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("input abc\n"));
  EXPECT_EQ(std::ranges::count(on(checkpoint, "--input abc --layer 1 --head 0").out, '\n') + 3,
            std::ranges::count(text.out, '\n'));
  const auto json = attended(checkpoint, "--input abc --target cb");
  const auto& input = json["inputs"].at(0);
  EXPECT_EQ(input["tokens"], (std::vector<int>{26, 0, 1, 2, 27, 2, 1}));
  EXPECT_EQ(input["target"], "cb");
  ASSERT_EQ(input["layers"].size(), 2U);
  for (const auto& layer : input["layers"]) {
    EXPECT_EQ(layer["role"], "decoder");
    EXPECT_LT(layer["exact_error"], 1e-4);
    ASSERT_EQ(layer["heads"].size(), 2U);
    for (const auto& head : layer["heads"]) {
      EXPECT_NEAR(head["least_sum"], 1, 1e-5);
      EXPECT_NEAR(head["most_sum"], 1, 1e-5);
      EXPECT_EQ(head["negative"], 0);
      EXPECT_GT(head["entropy"], 0);
      EXPECT_LE(head["entropy_share"], 1);
      EXPECT_LE(head["top1"], head["top5"]);
    }
  }
}

TEST_F(AttendCommand, WritesTheWeightsOfEveryPair) {
  const std::string checkpoint = decoder();
  ASSERT_EQ(on(checkpoint, "--input abc --input z -o a.h5").exit_code, 0);
  const Table table = written();
  EXPECT_EQ(table.attributes.at("title"), "Lengthwise attention");
  EXPECT_THAT(table.find("weights")->dimensions,
              ElementsAre("run", "role", "layer", "head", "query", "key"));
  EXPECT_THAT(table.dimensions,
              testing::IsSupersetOf(std::map<std::string, int64_t>{
                  {"run", 2}, {"role", 1}, {"layer", 2}, {"head", 2}, {"query", 5}, {"key", 5}}));
  const auto& weights = values_of<Column::Numbers>(table, "weights");
  const auto& rollout = values_of<Column::Numbers>(table, "rollout");
  for (const Column::Numbers* values : {&weights, &rollout}) {
    for (size_t row = 0; row < values->size() / 2; row += 5) {
      double sum = 0;
      for (size_t key = 0; key < 5; ++key) sum += (*values)[row + key];
      EXPECT_NEAR(sum, 1, 1e-5);
    }
    EXPECT_TRUE(std::isnan(values->back())) << "the second input has three tokens";
  }
  EXPECT_EQ(weights[1], 0) << "what comes later is not seen";
  EXPECT_THAT(values_of<Column::Texts>(table, "key_token"),
              ElementsAre("<26>", "a", "b", "c", "<27>", "<26>", "z", "<27>", "", ""));
  EXPECT_THAT(values_of<Column::Texts>(table, "input"), ElementsAre("abc", "z"));
  EXPECT_THAT(values_of<Column::Texts>(table, "config").at(0), HasSubstr("task = copy\n"));
  // Over a file of its own kind it writes, and over nothing else.
  EXPECT_EQ(on(checkpoint, "--input abc -o a.h5 --layer 1 --head 1").exit_code, 0);
  EXPECT_EQ(written().dimensions.at("layer"), 1);
  EXPECT_THAT(values_of<Column::Integers>(written(), "head"), ElementsAre(1));
  EXPECT_THAT(run("compare a.h5").err, HasSubstr("lengthwise: a.h5: "));
}

TEST_F(AttendCommand, ReadsSourceAndTarget) {
  const std::string checkpoint = encoder_decoder();
  const auto json = attended(checkpoint, "--input abc --target ba -o a.h5");
  std::vector<std::string> roles;
  for (const auto& layer : json["inputs"][0]["layers"]) {
    roles.push_back(layer["role"]);
    EXPECT_LT(layer["exact_error"], 1e-4);
  }
  EXPECT_THAT(roles, ElementsAre("encoder", "encoder", "decoder", "cross", "decoder", "cross"));
  const Table table = written();
  EXPECT_THAT(values_of<Column::Texts>(table, "role"), ElementsAre("encoder", "decoder", "cross"));
  EXPECT_THAT(values_of<Column::Texts>(table, "query_token"),
              ElementsAre("a", "b", "c", "<27>", "<26>", "b", "a", "", "<26>", "b", "a", ""));
  EXPECT_THAT(values_of<Column::Texts>(table, "key_token"),
              ElementsAre("a", "b", "c", "<27>", "<26>", "b", "a", "", "a", "b", "c", "<27>"));
  // Without a target it writes its own, as generate does.
  const Outcome generated = run(fmt::format("generate --checkpoint '{}' --prompt abc", checkpoint));
  EXPECT_EQ(attended(checkpoint, "--input abc")["inputs"][0]["target"].get<std::string>() + "\n",
            generated.out);
}

TEST_F(AttendCommand, SaysWhereThereAreNoWeights) {
  const std::string checkpoint = decoder("short_conv+linear");
  const auto layers = attended(checkpoint, "--input abc -o a.h5")["inputs"][0]["layers"];
  EXPECT_THAT(layers[0]["why_none"].get<std::string>(), HasSubstr("does not mix the values"));
  EXPECT_TRUE(layers[0]["heads"].empty());
  EXPECT_EQ(layers[1]["heads"].size(), 2U);
  EXPECT_THAT(on(checkpoint, "--input abc").out,
              HasSubstr("decoder layer 0: no weights: short_conv does not mix"));
  const Table table = written();
  for (const double value : values_of<Column::Numbers>(table, "rollout")) {
    EXPECT_TRUE(std::isnan(value)) << "of a layer over one that has no weights";
  }
}

TEST_F(AttendCommand, RefusesWhatCannotBe) {
  const std::string checkpoint = decoder(), both = encoder_decoder();
  const std::string ab = "--input ab ";
  expect_refused(checkpoint, "", "attend: found no input, expected --input TEXT");
  expect_refused(checkpoint, "--input 'a b'",
                 "--input: found ' ' at place 2, expected letters from a to z");
  expect_refused(checkpoint, "--input ''", "--input: found no token, expected at least one");
  expect_refused(checkpoint, "--input abcdefghijklm",
                 "--input: found 15 tokens, expected at most the 12 positions of position.learned");
  expect_refused(checkpoint, ab + "--target abcdefghijklm",
                 "--input and --target: found 17 tokens, expected at most the 12 positions");
  expect_refused(checkpoint, ab + "--layer 9",
                 "--layer: found 9, expected at most 1: the model has 2 layers");
  expect_refused(checkpoint, ab + "--head 2", "--head: found 2, expected at most 1");
  expect_refused(checkpoint, ab + "--layer x", "--layer: found 'x'");
  expect_refused(checkpoint, ab + "--target 'a b'",
                 "--target: found ' ' at place 2, expected tokens");
  expect_refused(checkpoint, ab + "--target a --target b",
                 "--target: found 2, expected none or 1, one for each --input");
  expect_refused(checkpoint, ab + "--inptu a",
                 "attend: unknown option '--inptu' (did you mean '--input'?)");
  expect_refused(
      checkpoint, ab + "-o " + checkpoint,
      fmt::format("-o: found '{}', which is there and holds something else", checkpoint));
  expect_refused(checkpoint, ab + "-o no/folder/a.h5", "no/folder/a.h5");
  expect_refused(both, "--input " + std::string(1030, 'a'),
                 "--input: found 1031 tokens, expected at most 1024");
  expect_refused("nothing.h5", ab, "nothing.h5: found no such file");
  expect_refused("d/sweep.h5", ab, "d/sweep.h5: found");
  const std::string encodes = trained("n",
                                      "--model.kind encoder --task mqar --task.mqar.vocabulary 64 "
                                      "--task.mqar.pairs 2");
  expect_refused(encodes, "--input '1 2' --target 3", "--target: found an encoder in");
  EXPECT_EQ(attended(encodes, "--input '1 2'")["inputs"][0]["layers"][0]["role"], "encoder");
  const Outcome help = run("attend --help");
  EXPECT_EQ(help.exit_code, 0);
  for (const char* option : {"--checkpoint FILE", "--input TEXT", "--target TEXT", "-o FILE",
                             "--layer N", "--head N", "--threads N", "--json"}) {
    EXPECT_THAT(help.out, HasSubstr(option));
  }
}

TEST_F(AttendCommand, ASweepTakesItDownAtEveryLengthOfTheTest) {
  (void)trained("s",
                "--task copy --position rotary --attention full,short_conv+full "
                "--eval.lengths 8+16 --eval.attention true");
  const Table table = merged("s");
  const Column& entropy = *table.find("attention_entropy");
  EXPECT_THAT(entropy.dimensions, ElementsAre("run", "test_length", "role", "layer", "head"));
  const auto& values = std::get<Column::Numbers>(entropy.values);
  ASSERT_EQ(values.size(), 2U * 2 * 1 * 2 * 2);
  for (size_t i = 0; i < 8; ++i) EXPECT_GT(values[i], 0);
  for (const size_t of_convolution : {8, 9, 12, 13}) {
    EXPECT_TRUE(std::isnan(values[of_convolution])) << of_convolution;
  }
  const auto& distance = values_of<Column::Numbers>(table, "attention_distance");
  EXPECT_GT(distance[4], distance[0]) << "there are more keys to look back at";
  EXPECT_THAT(run("export s/sweep.h5 --csv").out, HasSubstr("attention_entropy"));
  EXPECT_EQ(run("compare s/sweep.h5").exit_code, 0);
  const Outcome refused =
      run("run --results t --task copy --length 8 --train.steps 1 "
          "--eval.lengths 2048 --eval.attention true");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err,
              HasSubstr("eval.attention: found eval.lengths = 2048, expected at most 1024"));
}

TEST_F(AttendCommand, ARunThatDoesNotAskForItIsTheSameRun) {
  const std::string keys = "--task copy --attention full";
  const std::string plain = trained("p", keys);
  EXPECT_EQ(fs::path(trained("q", keys + " --eval.attention false")).filename(),
            fs::path(plain).filename());
  EXPECT_EQ(merged("p").find("attention_entropy"), nullptr);
  EXPECT_THAT(values_of<Column::Texts>(merged("p"), "config").at(0),
              testing::Not(HasSubstr("eval.attention")));
  EXPECT_NE(fs::path(trained("r", keys + " --eval.attention true")).filename(),
            fs::path(plain).filename());
}

}  // namespace
}  // namespace lengthwise
