#include "base/options.h"

#include <gmock/gmock.h>

#include "base/check.h"

namespace lengthwise {
namespace {

struct Sample {
  int64_t size = 4;
  double rate = 0.5;
  std::string mode = "fast";
  bool on = false;
  std::string path = "x";
  std::vector<int64_t> lengths = {1, 2};
  void visit(OptionVisitor& v) {
    v.integer("size", size, {1, 64}, "a size");
    v.number("rate", rate, {0, 1}, "a rate");
    v.choice("mode", mode, {"fast", "slow"}, "a mode");
    v.flag("on", on, "a flag");
    v.text("path", path, "a path");
    v.integers("lengths", lengths, {1, 100}, "a list");
  }
};

std::string refusal(const OptionValues& values) {
  try {
    read_options<Sample>(values, "some.");
  } catch (const UserError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Options, ReadEveryKindAndKeepDefaults) {
  const auto s = read_options<Sample>({{"size", "64"}, {"rate", "1e-3"}, {"on", "true"}}, "some.");
  EXPECT_EQ(s.size, 64);
  EXPECT_EQ(s.rate, 1e-3);
  EXPECT_TRUE(s.on);
  EXPECT_EQ(s.mode, "fast");
  const auto t = read_options<Sample>({{"lengths", "3+4"}, {"mode", "slow"}, {"path", "a+b"}});
  EXPECT_EQ(t.lengths, (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(t.path, "a+b");
  EXPECT_TRUE(read_options<Sample>({{"lengths", ""}}).lengths.empty());
}

TEST(Options, RefuseInOneLineThatNamesKeyFoundAndExpected) {
  const std::string size = "expected a whole number from 1 to 64";
  EXPECT_EQ(refusal({{"size", "-1"}}), "some.size: found '-1', " + size);
  EXPECT_EQ(refusal({{"rate", "nan"}}), "some.rate: found 'nan', expected a number from 0 to 1");
  EXPECT_EQ(refusal({{"mode", "Fast"}}), "some.mode: found 'Fast', expected fast or slow");
  EXPECT_EQ(refusal({{"on", "yes"}}), "some.on: found 'yes', expected true or false");
  EXPECT_EQ(refusal({{"sise", "1"}}), "some.sise: unknown key (did you mean 'some.size'?)");
  for (const char* text :
       {"", " 5", "5 ", "+5", "5x", "0", "65", "5.0", "1e99", "0x4", "99999999999999999999"}) {
    EXPECT_EQ(refusal({{"size", text}}), "some.size: found '" + std::string(text) + "', " + size);
  }
  for (const char* text : {"inf", "-0.1", "1.1", "1e99", "", "0,5"}) {
    EXPECT_THAT(refusal({{"rate", text}}), testing::StartsWith("some.rate: found '"));
  }
  for (const char* text : {"1+", "+1", "1++2", "0", "1+101"}) {
    EXPECT_THAT(refusal({{"lengths", text}}), testing::StartsWith("some.lengths: found '"));
  }
}

TEST(Options, DescribeThemselves) {
  const auto all = describe_options<Sample>();
  ASSERT_EQ(all.size(), 6U);
  EXPECT_EQ(all[0].name, "size");
  EXPECT_EQ(all[0].default_value, "4");
  EXPECT_EQ(all[0].expected, "a whole number from 1 to 64");
  EXPECT_EQ(all[5].default_value, "1+2");
}

}  // namespace
}  // namespace lengthwise
