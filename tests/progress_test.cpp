// What a person sees of a sweep under way, on a terminal and in a file.
#include <gmock/gmock.h>

#include <regex>
#include <sstream>

#include "tests/build_paths.h"
#include "tests/program_fixture.h"

namespace lengthwise {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class Progress : public ProgramTest {
 protected:
  // One run that ends well, one that does not fit, and one more.
  static constexpr const char* kSweep =
      "--length 512 --attention linear,full --seed 0,1 --repeats 1 --memory-limit 12MiB";

  // What a terminal of `columns` gets to show.
  std::string on_terminal(const std::string& environment, int columns = 200) const {
    const std::string command = fmt::format(
        "cd '{}' && script -qec \"stty cols {}; TERM=xterm {} '{}' run --results t {}\" /dev/null "
        "</dev/null >shown",
        folder_.string(), columns, environment, program_path().string(), kSweep);
    EXPECT_EQ(std::system(command.c_str()), 0);  // NOLINT(cert-env33-c): a test of a program
    std::filesystem::remove_all(folder_ / "t");
    return read("shown");
  }
};

TEST_F(Progress, InAFileIsALineARunAndASummary) {
  std::istringstream lines(run(std::string("run --results r ") + kSweep).err);
  std::vector<std::string> said;
  for (std::string line; std::getline(lines, line);) said.push_back(line);
  ASSERT_EQ(said.size(), 5U);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_THAT(said[i], MatchesRegex(i % 2 == 0 ? R"(\[./4\] linear [^:]* seed=.  [0-9.]+ m?s.*)"
                                                 : R"(\[./4\] full .*  out_of_memory: .*)"));
    EXPECT_THAT(said[i], AllOf(Not(HasSubstr("\r")), Not(HasSubstr("\033"))));
  }
  EXPECT_THAT(said[4], HasSubstr("4 runs: 4 done now"));
}

TEST_F(Progress, OnATerminalIsALineThatRewritesItself) {
  const std::string shown = on_terminal("NO_COLOR=");
  EXPECT_THAT(shown, HasSubstr("\r\033[K[1/4] linear"));
  EXPECT_TRUE(
      std::regex_search(shown, std::regex(R"(\r\x1b\[K\(about [0-9.]+ m?s left\) \[2/4\])")));
  EXPECT_THAT(shown, HasSubstr("  \033[33mout_of_memory\033[0m: "));
}

TEST_F(Progress, IsColouredForThoseWhoWantIt) {
  EXPECT_THAT(on_terminal("NO_COLOR=1"),
              AllOf(HasSubstr("out_of_memory: "), Not(HasSubstr("\033[3"))));
}

TEST_F(Progress, FitsTheTerminal) {
  const std::string shown = on_terminal("", 30);
  const std::string rewrite = "\r\033[K";
  size_t rewritten = 0;
  for (size_t at = shown.find(rewrite); at != std::string::npos;) {
    const size_t next = shown.find(rewrite, at + 1);
    const std::string line = shown.substr(at, next - at).substr(rewrite.size());
    if (line.find('\n') == std::string::npos) {
      EXPECT_LT(line.size(), 30U) << line;
      ++rewritten;
    }
    at = next;
  }
  EXPECT_GT(rewritten, 4U);
}

}  // namespace
}  // namespace lengthwise
