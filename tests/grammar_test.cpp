#include "experiments/runner/grammar.h"

#include <gmock/gmock.h>

#include "base/check.h"

namespace lengthwise {
namespace {

using Kind = OptionDescription::Kind;
using testing::ElementsAre;

std::vector<std::string> sweep(Kind kind, const std::string& text,
                               const std::string& key = "some.key") {
  return sweep_values(key, text, {key, kind, "", "a value", ""});
}

TEST(Grammar, CommasSweep) {
  EXPECT_THAT(sweep(Kind::integer, "128,256,512"), ElementsAre("128", "256", "512"));
  EXPECT_THAT(sweep(Kind::choice, "softmax,sum"), ElementsAre("softmax", "sum"));
  EXPECT_THAT(sweep(Kind::number, "0.5"), ElementsAre("0.5"));
}

TEST(Grammar, IntegerRangesIncludeTheirBounds) {
  EXPECT_THAT(sweep(Kind::integer, "128:1024:x2"), ElementsAre("128", "256", "512", "1024"));
  EXPECT_THAT(sweep(Kind::integer, "128:1000:x2"), ElementsAre("128", "256", "512"));
  EXPECT_THAT(sweep(Kind::integer, "128:512:+128"), ElementsAre("128", "256", "384", "512"));
  EXPECT_THAT(sweep(Kind::integer, "7:7:x2"), ElementsAre("7"));
  EXPECT_THAT(sweep(Kind::integer, "1,4:16:x2"), ElementsAre("1", "4", "8", "16"));
}

TEST(Grammar, IntegerRangesEndBeforeTheyOverflow) {
  EXPECT_EQ(sweep(Kind::integer, "1:9223372036854775807:x2").size(), 63U);
}

TEST(Grammar, NumberRanges) {
  EXPECT_THAT(sweep(Kind::number, "1e-4:1e-1:log4"), ElementsAre("0.0001", "0.001", "0.01", "0.1"));
  EXPECT_EQ(sweep(Kind::number, "0.1:0.3:+0.1").size(), 3U);
  EXPECT_THAT(sweep(Kind::number, "1:8:x2"), ElementsAre("1", "2", "4", "8"));
}

TEST(Grammar, IntegerRangesReachBothEndsOfTheScale) {
  EXPECT_THAT(sweep(Kind::integer, "-9223372036854775808:-9223372036854775807:+1"),
              ElementsAre("-9223372036854775808", "-9223372036854775807"));
  EXPECT_THAT(sweep(Kind::integer, "-9223372036854775808:9223372036854775807:+9223372036854775807"),
              ElementsAre("-9223372036854775808", "-1", "9223372036854775806"));
}

TEST(Grammar, NumberRangesEndWhereNumbersDo) {
  const auto doubled = sweep(Kind::number, "1:1.7976931348623157e308:x2");
  EXPECT_EQ(doubled.size(), 1025U);
  EXPECT_EQ(doubled.back(), "1.7976931348623157e+308");
  EXPECT_THAT(sweep(Kind::number, "1e-300:1e300:log3"), ElementsAre("1e-300", "1", "1e+300"));
  EXPECT_THAT(sweep(Kind::number, "1e-300:1e300:x1e300"), ElementsAre("1e-300", "1", "1e+300"));
}

TEST(Grammar, NumberRangesEndWhereAStepIsTooSmallToCount) {
  EXPECT_THAT(sweep(Kind::number, "1e300:1e300:+1"), ElementsAre("1e+300"));
}

TEST(Grammar, BoundsOfNumberRangesKeepEveryDigit) {
  EXPECT_THAT(sweep(Kind::number, "0.12345678901234566:0.9876543210987654:log2"),
              ElementsAre("0.12345678901234566", "0.9876543210987654"));
  EXPECT_THAT(sweep(Kind::number, "0.12345678901234566:0.62345678901234567:+0.5").front(),
              "0.12345678901234566");
}

TEST(Grammar, AsManyValuesAsAllowedAndNoMore) {
  EXPECT_EQ(sweep(Kind::integer, "1:100000:+1").size(), kMostValues);
  EXPECT_EQ(sweep(Kind::number, "1:100000:+1").size(), kMostValues);
  EXPECT_EQ(sweep(Kind::number, "1:2:log100000").size(), kMostValues);
}

TEST(Grammar, PlusJoinsTheElementsOfListsOnly) {
  EXPECT_THAT(sweep(Kind::integers, "256+512"), ElementsAre("256+512"));
  EXPECT_THAT(sweep(Kind::integers, "128:512:x2+4096"), ElementsAre("128+256+512+4096"));
  EXPECT_THAT(sweep(Kind::integers, "128:384:+128"), ElementsAre("128+256+384"));
  EXPECT_THAT(sweep(Kind::integers, "1+2,3"), ElementsAre("1+2", "3"));
}

TEST(Grammar, PathsNeverSplit) {
  EXPECT_THAT(sweep(Kind::text, "a,b:c+d.txt", "task.text.file"), ElementsAre("a,b:c+d.txt"));
  EXPECT_THAT(sweep(Kind::text, "full,linear", "attention"), ElementsAre("full", "linear"));
}

struct WrongValue {
  Kind kind;
  std::string text, said;
};

class GrammarRefuses : public testing::TestWithParam<WrongValue> {};

TEST_P(GrammarRefuses, InOneLineThatNamesTheKey) {
  try {
    sweep(GetParam().kind, GetParam().text);
    FAIL() << "accepted " << GetParam().text;
  } catch (const UserError& error) {
    const std::string message = error.what();
    EXPECT_THAT(message, testing::StartsWith("some.key: "));
    EXPECT_THAT(message, testing::HasSubstr(GetParam().said));
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, GrammarRefuses,
    testing::Values(WrongValue{Kind::integer, "", "empty list"},
                    WrongValue{Kind::integer, "128,,256", "empty element"},
                    WrongValue{Kind::integer, "128,", "empty element"},
                    WrongValue{Kind::integer, "512:128:x2", "reversed"},
                    WrongValue{Kind::integer, "128:512", "no step"},
                    WrongValue{Kind::integer, "128:512:2", "step is unknown"},
                    WrongValue{Kind::integer, "128:512:x1", "leads nowhere"},
                    WrongValue{Kind::integer, "128:512:+0", "leads nowhere"},
                    WrongValue{Kind::integer, "0:512:x2", "leads nowhere"},
                    WrongValue{Kind::integer, "a:512:x2", "found 'a'"},
                    WrongValue{Kind::integer, "1:1000000000000:+1", "more than 100000"},
                    WrongValue{Kind::number, "1:0:+0.1", "reversed"},
                    WrongValue{Kind::number, "0:1:log3", "leads nowhere"},
                    WrongValue{Kind::number, "0.1:1:log1", "found '1'"},
                    WrongValue{Kind::number, "nan:1:+0.1", "found 'nan'"},
                    WrongValue{Kind::number, "0:1:+1e-9", "more than 100000"},
                    WrongValue{Kind::integer, "0:100000:+1", "more than 100000"},
                    WrongValue{Kind::integer, "1:100000:+1,1", "more than 100000"},
                    WrongValue{Kind::integers, "1:100000:+1+1", "more than 100000"},
                    WrongValue{Kind::integers, "1:100000:+1,1:100000:+1", "more than 100000"},
                    WrongValue{Kind::number, "1:2:log100001", "found '100001'"},
                    WrongValue{Kind::integers, "1++2", "empty element"},
                    WrongValue{Kind::integers, "1+", "empty element"}));

}  // namespace
}  // namespace lengthwise
