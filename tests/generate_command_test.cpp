// `lengthwise generate` as a user meets it: answers, options, refusals.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "io/archive.h"
#include "tests/checkpoint_fixture.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class GenerateCommand : public CheckpointTest {
 protected:
  GenerateCommand() : CheckpointTest("generate") {}

  std::string decoder() const {
    return trained("d", "--task copy --position learned --position.learned.longest 12");
  }
};

TEST_F(GenerateCommand, WritesOnAndSaysAllThatIsKnown) {
  const std::string checkpoint = decoder();
  const Outcome text = on(checkpoint, "--prompt abc --tokens 5");
  EXPECT_EQ(text.exit_code, 0) << text.err;
  const Outcome known = on(checkpoint, "--prompt abc --tokens 5 --json");
  EXPECT_EQ(known.exit_code, 0) << known.err;
  const auto json = nlohmann::json::parse(known.out);
  EXPECT_EQ(json["steps"], 3);
  EXPECT_EQ(json["most_tokens"], 5);
  EXPECT_THAT(json["config"].get<std::string>(), HasSubstr("task = copy\n"));
  const auto& answer = json["answers"].at(0);
  EXPECT_EQ(answer["prompt_tokens"], (std::vector<int>{26, 0, 1, 2, 27}));
  EXPECT_EQ(answer["text"].get<std::string>() + "\n", text.out);
  EXPECT_LT(answer["log_probability"], 0);
  EXPECT_EQ(answer["tokens"].size() == 5, !answer["ended"].get<bool>());
  // As many as the positions leave room for: the last token is not read.
  EXPECT_EQ(nlohmann::json::parse(on(checkpoint, "--prompt abc --json").out)["most_tokens"], 8);
}

TEST_F(GenerateCommand, DrawsTheSameWithTheSameSeed) {
  const std::string checkpoint = decoder();
  const auto draw = [&](const std::string& options) {
    const Outcome outcome = on(checkpoint, "--prompt ab --tokens 8 " + options);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.out;
  };
  const std::string hot = "--temperature 2 --top-k 20 --top-p 0.95 --seed ";
  EXPECT_EQ(draw(hot + "1"), draw(hot + "1 --threads 1"));
  EXPECT_NE(draw(hot + "1"), draw(hot + "2"));
  EXPECT_EQ(draw("--top-k 1"), draw(""));
}

TEST_F(GenerateCommand, AnswersPromptsInTheirOrder) {
  const std::string checkpoint = encoder_decoder();
  std::ofstream(folder_ / "prompts") << "abc\r\nz\nhelloworld\n";
  const Outcome together = on(checkpoint, "--prompts prompts --prompt q --tokens 7");
  EXPECT_EQ(together.exit_code, 0) << together.err;
  std::string alone;
  for (const char* prompt : {"abc", "z", "helloworld", "q"}) {
    alone += on(checkpoint, fmt::format("--prompt={} --tokens=7", prompt)).out;
  }
  EXPECT_EQ(together.out, alone);
  EXPECT_EQ(std::ranges::count(together.out, '\n'), 4);
}

TEST_F(GenerateCommand, SearchesWithBeams) {
  const std::string checkpoint = encoder_decoder();
  const auto answer = [&](const std::string& options) {
    const Outcome outcome = on(checkpoint, "--prompt abc --tokens 6 --json " + options);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return nlohmann::json::parse(outcome.out)["answers"].at(0);
  };
  EXPECT_EQ(answer("--beams 1")["tokens"], answer("")["tokens"]);
  const auto wide = answer("--beams 5 --length-exponent 0");
  ASSERT_EQ(wide["beams"].size(), 5U);
  EXPECT_EQ(wide["beams"][0]["score"], wide["log_probability"]);
  const double greedy = answer("")["log_probability"];
  EXPECT_GE(wide["log_probability"], greedy - 1e-5) << "but for what sums of five rows round";
}

TEST_F(GenerateCommand, NeedsNoDataAndWritesBytes) {
  std::ofstream(folder_ / "text") << std::string(200'000, 'a') + "bcd";
  const std::string checkpoint = trained("t", "--task text --task.text.file text");
  fs::remove(folder_ / "text");
  const Outcome text = on(checkpoint, "--prompt 'In the' --tokens 20");
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_EQ(text.out.size(), 21U);
  EXPECT_EQ(text.err, "");
  // Bytes that are no UTF-8 are no fault of JSON.
  const Outcome json = on(checkpoint, "--prompt a --tokens 20 --temperature 9 --json");
  EXPECT_EQ(json.exit_code, 0) << json.err;
  EXPECT_EQ(nlohmann::json::parse(json.out)["answers"][0]["tokens"].size(), 20U);
}

TEST_F(GenerateCommand, RefusesWhatCannotBe) {
  const std::string decodes = decoder(), both = encoder_decoder();
  const std::string ab = "--prompt ab ";
  expect_refused(decodes, "",
                 "generate: found no prompt, expected --prompt TEXT or --prompts FILE");
  expect_refused(decodes, "--prompt ''", "--prompt: found an empty prompt, expected a token");
  expect_refused(decodes, "--prompt 'a b'",
                 "--prompt: found ' ' at place 2, expected letters from a to z");
  expect_refused(
      decodes, "--prompt abcdefghijklm",
      "--prompt: found 15 tokens, expected at most the 12 positions of position.learned");
  expect_refused(decodes, ab + "--tokens 10",
                 "--tokens: found 10, expected at most 9: position.learned has 12 positions, and "
                 "--prompt has 4 tokens");
  expect_refused(decodes, ab + "--tokens 0", "--tokens: found '0'");
  expect_refused(decodes, ab + "--tokens", "--tokens: found nothing after it, expected N");
  expect_refused(decodes, ab + "--temperature 0",
                 "--temperature: found 0, expected a number above 0");
  expect_refused(decodes, ab + "--temperature -1", "--temperature: found -1");
  expect_refused(decodes, ab + "--temperature nan", "--temperature: found 'nan'");
  expect_refused(decodes, ab + "--top-p 0",
                 "--top-p: found 0, expected a number above 0 and at most 1");
  expect_refused(decodes, ab + "--top-p 1.5", "--top-p: found 1.5");
  expect_refused(decodes, ab + "--top-k 30",
                 "--top-k: found 30, expected at most the 29 tokens of the vocabulary");
  expect_refused(decodes, ab + "--seed 1",
                 "--seed: found no --temperature, --top-k or --top-p, expected it beside");
  expect_refused(decodes, ab + "--beams 2", "--beams: found a decoder in");
  expect_refused(both, ab + "--beams 0", "--beams: found '0'");
  expect_refused(both, ab + "--beams 2 --top-k 3", "--beams: found --temperature, --top-k or");
  expect_refused(both, ab + "--length-exponent 1", "--length-exponent: found no --beams");
  expect_refused(both, ab + "--temprature 1",
                 "generate: unknown option '--temprature' (did you mean '--temperature'?)");
  expect_refused(both, "--prompts nothing", "--prompts: found no line in 'nothing'");
  std::ofstream(folder_ / "prompts") << "ab\n\nc\n";
  expect_refused(both, "--prompts prompts",
                 "--prompts: line 2 of 'prompts': found an empty prompt, expected a token");
  const std::string encodes = trained("n",
                                      "--model.kind encoder --task mqar --task.mqar.vocabulary 64 "
                                      "--task.mqar.pairs 2");
  expect_refused(encodes, "--prompt '1 2'", "--checkpoint: found an encoder in");
  EXPECT_EQ(
      run("generate --prompt a").err,
      "lengthwise: generate: found no --checkpoint, expected the file that a training kept\n");
}

TEST_F(GenerateCommand, RefusesFilesThatAreNoCheckpoint) {
  const std::string checkpoint = decoder();
  const std::string whole = read(checkpoint);
  const auto write = [&](const std::string& bytes) {
    std::ofstream(folder_ / "x.h5", std::ios::binary) << bytes;
  };
  expect_refused("nothing.h5", "--prompt a", "nothing.h5: found no such file");
  expect_refused("d", "--prompt a", "d: found");
  for (const size_t kept : {size_t{0}, size_t{10}, whole.size() / 2, whole.size() - 1}) {
    write(whole.substr(0, kept));
    expect_refused("x.h5", "--prompt a", "x.h5: found");
  }
  std::string flipped = whole;
  flipped[whole.size() / 3] ^= 4;
  write(flipped);
  expect_refused("x.h5", "--prompt a", "x.h5: found");
  expect_refused("d/sweep.h5", "--prompt a", "d/sweep.h5: found");
  write("no HDF5 at all");
  expect_refused("x.h5", "--prompt a", "x.h5: found");

  // Whole, and of something else.
  const auto expect_archive_refused = [&](const Archive& archive, const std::string& message) {
    write_archive(folder_ / "x.h5", archive);
    expect_refused("x.h5", "--prompt a", "x.h5: " + message);
  };
  expect_archive_refused({}, "found no 'config', expected a training's checkpoint");
  const Archive archive = read_archive(folder_ / checkpoint);
  Archive other = archive;
  std::string& config = other.texts.at("config");
  config.replace(config.find("model.width = 8"), 15, "model.width = 6");
  expect_archive_refused(other, "'embedding': found [29,8], expected [29,6]");
  other = archive;
  other.texts.at("config") += "attention.full.unheard = 1\n";
  expect_archive_refused(other, "attention.full.unheard: unknown key");
  other = archive;
  other.arrays.erase("parameters/embedding");
  expect_archive_refused(other, "found no 'embedding', expected [29,8]");
}

TEST_F(GenerateCommand, HelpNamesEveryOption) {
  const Outcome help = run("generate --help");
  EXPECT_EQ(help.exit_code, 0);
  for (const char* option : {"--checkpoint FILE", "--prompt TEXT", "--prompts FILE", "--tokens N",
                             "--temperature X", "--top-k K", "--top-p P", "--seed S", "--beams W",
                             "--length-exponent A", "--threads N", "--json"}) {
    EXPECT_THAT(help.out, HasSubstr(option));
  }
  EXPECT_THAT(run("--help").out, HasSubstr("lengthwise generate"));
}

}  // namespace
}  // namespace lengthwise
