// Runs that begin with given weights: what fits, what enters their ids, how they are scored.
#include "experiments/runner/start_weights.h"

#include <gmock/gmock.h>

#include "experiments/runner/grid.h"
#include "experiments/runner/saved_model.h"
#include "io/safetensors.h"
#include "tests/build_paths.h"
#include "tests/sweep_fixture.h"
#include "train/score.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string kGpt2 = source_folder() / "tests/golden_weights/gpt2";
const std::string kDecoder = source_folder() / "tests/golden_weights/decoder.safetensors";

Grid grid_of(const std::vector<std::string>& arguments) { return Grid(parse_sweep(arguments)); }

class StartWeightsRun : public SweepTest {
 protected:
  void SetUp() override {
    SweepTest::SetUp();
    std::string text;
    for (int i = 0; i < 50'000; ++i) text += std::to_string(i % 997) + " ";
    std::ofstream(folder_ / "text") << text;
  }
  static std::string scored(const std::string& keys) {
    return fmt::format(
        "run --results r --repeats 1 --threads 1 --task text --task.text.file text "
        "--task.text.validation_bytes 16384 --length 16 --model.weights {} {}",
        kGpt2, keys);
  }
  void expect_refused(const std::string& keys, const std::string& message) const {
    const Outcome outcome = run(scored(keys));
    EXPECT_EQ(outcome.exit_code, 2) << keys;
    EXPECT_THAT(outcome.err, HasSubstr("lengthwise: " + message)) << keys;
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  }
};

TEST_F(StartWeightsRun, ScoresEveryVariantWithoutTraining) {
  const Outcome outcome =
      run(scored("--attention full,flash,windowed,linear --attention.windowed.window 6 "
                 "--eval.lengths 8+24"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(statuses(), "ok ok ok ok");
  const Table table = merged();
  EXPECT_EQ(std::get<Column::Integers>(table.find("width")->values), Column::Integers(4, 32));
  EXPECT_EQ(std::get<Column::Integers>(table.find("train_steps")->values), Column::Integers(4, 0));
  const auto& names = std::get<Column::Texts>(table.find("attention")->values);
  const Column::Numbers loss = numbers("loss");
  std::map<std::string, std::pair<double, double>> of;  // at 8 and at 24 tokens
  for (size_t i = 0; i < names.size(); ++i) of[names[i]] = {loss[2 * i], loss[2 * i + 1]};
  EXPECT_NEAR(of["full"].first, of["flash"].first, 1e-4);
  EXPECT_NEAR(of["full"].second, of["flash"].second, 1e-4);
  EXPECT_GT(std::abs(of["full"].second - of["windowed"].second), 1e-3);
  EXPECT_GT(std::abs(of["full"].second - of["linear"].second), 1e-3);

  // What the model itself is worth.
  const SavedModel saved = load_model(kGpt2);
  const auto task = task_entry("text").make(
      {{"file", (folder_ / "text").string()}, {"validation_bytes", "16384"}});
  EXPECT_NEAR(evaluate(*saved.model, *task, 0, 24, 1).all.loss, of["full"].second, 1e-4);
  EXPECT_THAT(run("compare r/sweep.h5").out, HasSubstr("test length"));
}

TEST_F(StartWeightsRun, TrainsOnFromThem) {
  const Outcome outcome =
      run(scored("--train.steps 3 --train.batch 2 --train.learning_rate 1e-9 --train.warm_up 0 "
                 "--eval.lengths 24"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const std::string checkpoint =
      fs::relative(file_in("r/checkpoints", ".last.h5"), folder_).string();
  const Outcome writes = run("generate --checkpoint " + checkpoint + " --prompt ab --tokens 3");
  EXPECT_EQ(writes.exit_code, 0) << writes.err;
  // At such a rate the weights are still those.
  const Outcome first = run(fmt::format("generate --checkpoint {} --prompt ab --tokens 3", kGpt2));
  EXPECT_EQ(writes.out, first.out) << first.err;
  // A checkpoint may be the beginning of another run.
  const Outcome again = run(fmt::format(
      "run --results s --repeats 1 --threads 1 --task text --task.text.file text --length 16 "
      "--task.text.validation_bytes 16384 --model.weights {} --eval.lengths 24",
      checkpoint));
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(numbers("loss", "s"), numbers("loss", "r"));
}

TEST_F(StartWeightsRun, NamesTheKeyThatDoesNotFit) {
  expect_refused("--model.width 64", "model.width: found 64, expected 32, as the weights in");
  expect_refused("--model.layers 3", "model.layers: found 3, expected 2, as the weights in");
  expect_refused("--model.heads 8", "model.heads: found 8, expected 4");
  expect_refused("--model.gelu erf", "model.gelu: found erf, expected tanh");
  expect_refused("--model.embedding_scale root_width", "model.embedding_scale: found root_width");
  expect_refused("--model.norm post", "model.norm: found post, expected pre");
  expect_refused("--position rotary", "position: found rotary, expected learned: the weights in");
  expect_refused("--position.learned.longest 99", kGpt2 + ": 'position.table': found [24,32]");
  expect_refused("--eval.lengths 8+32", "eval.lengths: found 32, expected at most the 24 positi");
  expect_refused("--train.batch 3", "train.batch: no run trains, so none reads it");
  expect_refused("--match parameters --attention linear --model.width 40", "model.width: found");
  const Outcome other = run("run --model.weights " + kGpt2 +
                            " --task uniform --task.uniform.vocabulary 300 --length 16");
  EXPECT_THAT(other.err,
              HasSubstr("task: found a vocabulary of 300 tokens in uniform, expected the "
                        "256 of the weights in"));
  EXPECT_THAT(run("run --length 25 --model.weights " + kGpt2).err,
              HasSubstr("length: found 25, expected at most the 24 positions"));
  EXPECT_THAT(run("run --model.weights nothing").err, HasSubstr("nothing: found no such file"));
  EXPECT_THAT(run("run --eval.lengths 8").err,
              HasSubstr("expected train.steps above 0, or model.weights"));
}

TEST(StartWeights, LackNothingOfAVariantThatIsTheirOwn) {
  const fs::path path =
      fs::path(testing::TempDir()) / fmt::format("lacking_{}.safetensors", getpid());
  const SafetensorsFile whole(kDecoder);
  std::map<std::string, std::vector<float>> values;
  std::map<std::string, SafetensorsArray> arrays;
  for (const auto& [name, tensor] : whole.header().tensors) {
    if (name == "layers.0.query.weight") continue;
    arrays[name] = {tensor.shape, values[name] = whole.values(name)};
  }
  write_safetensors(path, arrays, whole.header().metadata);
  const auto refusal = [&](const std::string& more) -> std::string {
    try {
      std::vector<std::string> arguments = {"--task=uniform", "--length=8",
                                            "--model.weights=" + path.string()};
      for (const std::string_view key : split_text(more, ' ')) arguments.emplace_back(key);
      grid_of(arguments);
      return "";
    } catch (const UserError& error) {
      return error.what();
    }
  };
  EXPECT_THAT(refusal("--repeats=1"), HasSubstr("found no 'layers.0.query.weight', expected"));
  EXPECT_THAT(refusal("--attention=windowed"),
              HasSubstr("attention: found windowed, whose 'layers.0.query.weight' the weights in"));
  EXPECT_EQ(refusal("--attention=no_weights"), "") << "it has no queries";
  EXPECT_EQ(refusal("--train.steps=1 --attention=windowed"), "");
  fs::remove(path);
}

TEST(StartWeights, BytesEnterIdsAndPathsDoNot) {
  const fs::path folder = fs::path(testing::TempDir()) / fmt::format("weights_{}", getpid());
  fs::create_directories(folder);
  const fs::path other = folder / "other.safetensors";
  fs::copy(kDecoder, other, fs::copy_options::overwrite_existing);
  const auto id = [](const std::string& path, const std::string& more = "--length=8") {
    return grid_of({"--task=uniform", "--model.weights=" + path, more}).runs().front().id;
  };
  EXPECT_EQ(id(kDecoder), id(other.string()));
  EXPECT_NE(id(kDecoder), id(kDecoder, "--eval.lengths=8"));
  EXPECT_NE(id(kDecoder, "--eval.lengths=16"), id(kDecoder, "--eval.lengths=8"));
  const uint64_t before = id(other.string());
  std::fstream(other, std::ios::in | std::ios::out | std::ios::binary).seekp(-1, std::ios::end)
      << '\x01';
  EXPECT_NE(id(other.string()), before);
  fs::remove_all(folder);
}

TEST(StartWeights, FillTheKeysThatAreNotGiven) {
  const Grid grid = grid_of(
      {"--task=uniform", "--model.weights=" + kDecoder, "--attention=windowed", "--length=8"});
  const RunConfig config = grid.config(grid.runs().front());
  EXPECT_EQ(config.run.attention, "windowed");
  EXPECT_EQ(config.model.width, 12);
  EXPECT_EQ(config.model.norm, "post");
  EXPECT_EQ(config.model.key_value_heads, 1);
  EXPECT_EQ(config.position_options.at("base"), "100");
  EXPECT_EQ(config.task_options.at("vocabulary"), "11");
}

TEST(StartWeights, KeysThatAreNewerThanRunsStandInNoConfigWhereTheySayNothing) {
  const auto text = [](const std::vector<std::string>& arguments) {
    const Grid grid = grid_of(arguments);
    return grid.config(grid.runs().front()).text();
  };
  for (const char* key : {"model.gelu", "model.embedding_scale", "model.weights"}) {
    EXPECT_EQ(text({}).find(key), std::string::npos);
  }
  EXPECT_EQ(grid_of({}).runs().front().id,
            grid_of({"--model.gelu=erf", "--model.embedding_scale=root_width"}).runs().front().id);
  EXPECT_NE(grid_of({}).runs().front().id, grid_of({"--model.gelu=tanh"}).runs().front().id);
  EXPECT_THAT(text({"--model.gelu=tanh"}), HasSubstr("model.gelu = tanh\n"));
}

}  // namespace
}  // namespace lengthwise
