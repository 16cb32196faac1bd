#include "experiments/analysis/report.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

#include "base/check.h"
#include "base/text_table.h"
#include "tests/sample_results.h"

namespace lengthwise {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Tables of a text: blocks of lines around a rule, without the lines above that are prose.
void expect_aligned(const std::string& text) {
  std::istringstream lines(text);
  std::string line, before;
  size_t width = 0, tables = 0;
  while (std::getline(lines, line)) {
    EXPECT_LE(display_width(line), 110u) << line;
    if (!line.empty() && line.find_first_not_of('-') == std::string::npos) {
      width = display_width(line);
      EXPECT_EQ(display_width(before), width) << before;
      ++tables;
    } else if (line.empty() || line[0] == '~' || line[0] == '(' ||
               line.find(": ") != std::string::npos) {
      width = 0;
    } else if (width > 0) {
      EXPECT_EQ(display_width(line), width) << line;
    }
    before = line;
  }
  EXPECT_GE(tables, 9u);
}

TEST(Report, RowsOfATableAreOfOneWidth) {
  auto rows = quadratic_study();
  rows[11].status = 2;
  expect_aligned(comparison_text(compare_table(sample_table(rows), "results.h5")));
  for (int64_t length = 8192; length <= 1 << 20; length *= 2) rows.push_back({"full", length});
  const std::string text = comparison_text(compare_table(sample_table(rows), "results.h5"));
  expect_aligned(text);
  EXPECT_NE(text.find("shorter lengths: --json)"), std::string::npos);
}

TEST(Report, TextSaysWhatWasMeasured) {
  auto rows = quadratic_study();
  rows[0].commit = "fedcba9876543210-dirty";
  const std::string text = comparison_text(compare_table(sample_table(rows), "results.h5"));
  for (const std::string expected :
       {"file      results.h5\n", "study     quadratic\n", "machine   Some CPU, threads 2\n",
        "commit    0123456789ab, fedcba987654-dirty\n", "runs      12, 2 variants\n",
        "commits differ: 0123456789abcdef (11 runs), fedcba9876543210-dirty (1 run)",
        "Training step, ms\nattention alone    128   256",
        "full             0.823  3.29  13.2  52.7   211   843  2.00 [1.99, 2.01]\n",
        "linear            2.57  5.15  10.3  20.6  41.2  82.3  1.00 [0.99, 1.02]\n",
        "Training step, MFLOP\n", "Memory of a training step, MiB\n",
        "Bits per byte by test length, trained at length 256\n",
        "byte n-gram, 1 byte of context   3.500  3.500",
        "byte n-gram, 2 bytes of context  2.500  2.500", "full         0.900  0.800\n"}) {
    EXPECT_NE(text.find(expected), std::string::npos) << expected << "\n" << text;
  }
  // the same unit for both halves of a table, and both laws in one row of exponents
  EXPECT_NE(
      text.find(
          "full    2.00 [1.99, 2.01]  2.00 [1.99, 2.01]       2.00   2.00       2.00  2.00\n"),
      std::string::npos)
      << text;
}

TEST(Report, MarksExponentsWithoutASecondReading) {
  auto rows = quadratic_study();
  EXPECT_EQ(comparison_text(compare_table(sample_table(rows), "results.h5")).find('~'),
            std::string::npos);
  rows.resize(6);  // three lengths
  const std::string text = comparison_text(compare_table(sample_table(rows), "results.h5"));
  EXPECT_NE(text.find("~2.00\n"), std::string::npos) << text;
  EXPECT_NE(text.find("~ not settled"), std::string::npos);
}

TEST(Report, NeverPrintsAnIntervalThatIsNotKnown) {
  auto rows = quadratic_study();
  rows.resize(6);  // one process at each of three lengths
  const Comparison comparison = compare_table(sample_table(rows), "results.h5");
  EXPECT_EQ(comparison_text(comparison).find("nan"), std::string::npos);
  for (const std::string& sentence : comparison.summary) {
    EXPECT_EQ(sentence.find("nan"), std::string::npos) << sentence;
  }
}

TEST(Report, JsonHoldsEveryNumber) {
  auto rows = quadratic_study();
  rows[11].status = 1;
  const Comparison comparison = compare_table(sample_table(rows), "results.h5");
  const auto parsed = nlohmann::json::parse(comparison_json(comparison).dump());
  EXPECT_EQ(parsed["file"], "results.h5");
  EXPECT_EQ(parsed["runs"], 12);
  EXPECT_EQ(parsed["commits"]["0123456789abcdef"], 12);
  EXPECT_TRUE(parsed["chance"].is_null());
  const auto& full = parsed["groups"][0];
  EXPECT_EQ(full["label"], "full");
  EXPECT_EQ(full["lengths"][5]["failure"], "out_of_memory");
  EXPECT_TRUE(full["lengths"][4]["failure"].is_null());
  const auto& step = full["quantities"]["training_step_seconds"];
  EXPECT_EQ(step["lengths"], (std::vector<int64_t>{128, 256, 512, 1024, 2048, 4096}));
  EXPECT_EQ(step["values"][2].get<double>(),
            law(comparison.groups[0], Quantity::training_step_seconds).values.at(512));
  EXPECT_TRUE(step["values"][5].is_null());
  EXPECT_FALSE(step.contains("leading"));
  const auto& flops = full["quantities"]["training_step_flops"]["leading"];
  EXPECT_NEAR(flops["value"].get<double>(), 2, 1e-9);
  EXPECT_EQ(flops["cancelled"], "linear and constant");
  EXPECT_EQ(flops["pairs"].size(), 2u);
  EXPECT_EQ(parsed["scores"][0]["bits_per_byte"][1]["test_length"], 512);
  EXPECT_EQ(parsed["scores"][0]["bits_per_byte"][1]["value"], 2.5);
  EXPECT_EQ(parsed["ngram_bits_per_byte"][1]["context_bytes"], 2);
  EXPECT_EQ(parsed["not_ok"][0]["status"], "out_of_memory");

  const auto single = comparison_json(compare_table(sample_table({SampleRun{}}), "results.h5"));
  const auto& growth = single["groups"][0]["quantities"]["peak_total_bytes"];
  EXPECT_TRUE(growth["exponent"]["value"].is_null());
  EXPECT_TRUE(growth["leading"]["value"].is_null());
}

TEST(Report, JsonHoldsTheScoreAndTheCeilingOfEveryPart) {
  const Comparison comparison = compare_table(table_with_parts(), "results.h5");
  const auto parsed = nlohmann::json::parse(comparison_json(comparison).dump());
  const auto& line = parsed["scores"][0];
  EXPECT_EQ(line["primary"], "accuracy");
  EXPECT_EQ(line["test_length"], (std::vector<int64_t>{256, 512}));
  EXPECT_EQ(line["ceiling"], (std::vector<double>{1, 0.75}));
  EXPECT_EQ(line["mean"]["exact_match"], (std::vector<double>{0.2, 0.1}));
  EXPECT_EQ(line["seeds"][1]["run_id"], "id1");
  ASSERT_EQ(line["parts"].size(), 2u);
  const auto &eight = line["parts"][0], &sixteen = line["parts"][1];
  EXPECT_EQ(eight["part"], "pairs=8");
  EXPECT_EQ(eight["test_length"], (std::vector<int64_t>{256, 512}));
  EXPECT_EQ(eight["mean"]["accuracy"], (std::vector<double>{0.5, 0.525}));
  EXPECT_EQ(eight["seeds"][1]["accuracy"], (std::vector<double>{0.5, 0.55}));
  EXPECT_LT(eight["low"]["accuracy"][1], 0.525);
  EXPECT_TRUE(eight["mean"]["bits_per_byte"][0].is_null());
  EXPECT_EQ(sixteen["ceiling"][1], 0.625);
}

TEST(Report, ShowsTheChanceOfEachLengthThatLinesAgreeOf) {
  Comparison comparison = compare_table(table_with_parts(), "results.h5");
  comparison.scores[0].chance = 1.0 / 4096;
  EXPECT_THAT(comparison_text(comparison), testing::ContainsRegex("\nchance +0.0002 +0.0002 *\n"));
  EXPECT_THAT(comparison_text(comparison),
              testing::ContainsRegex("pairs=16\n-+\n.*\n.*\nchance +0.0002 +0.0002 +0.0002\n"));
  comparison.scores.push_back(comparison.scores[0]);
  comparison.scores[0].length = 512;
  comparison.scores[1].length = 256;
  comparison.scores[1].chance = 0.25;
  EXPECT_THAT(comparison_text(comparison), testing::ContainsRegex("\nchance +0.250 +0.0002 *\n"));
}

TEST(Report, ShowsCeilingsUnderScoresAndUnderThoseOfParts) {
  const std::string text = comparison_text(compare_table(table_with_parts(), "results.h5"));
  EXPECT_THAT(text, HasSubstr("\n  ceiling                          1.000         0.750 "));
  EXPECT_THAT(text, HasSubstr("Exact match by test length"));
  EXPECT_THAT(text, HasSubstr("Accuracy by part of the test, mean over seeds"));
  EXPECT_THAT(text, HasSubstr("pairs=8       pairs=8      pairs=16"));
  EXPECT_THAT(text, HasSubstr("\n  ceiling           1.000         1.000         0.625\n"));
  Table one_label = table_with_parts();
  const auto exact = std::find_if(one_label.columns.begin(), one_label.columns.end(),
                                  [](const Column& c) { return c.name == "exact_match"; });
  exact->values = one_label.find("accuracy")->values;
  EXPECT_THAT(comparison_text(compare_table(one_label, "results.h5")),
              Not(HasSubstr("Exact match by test length")));
}

TEST(Report, CompareReadsAFile) {
  const auto file = std::filesystem::path(testing::TempDir()) / "comparison_test.h5";
  write_table(file, sample_table(quadratic_study()));
  EXPECT_NE(compare(file, false).find("study     quadratic\n"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(compare(file, true))["groups"].size(), 2u);
  std::filesystem::remove(file);
  EXPECT_THROW(compare(file, false), UserError);
}

TEST(TextTable, AlignsWideCharacters) {
  EXPECT_EQ(display_width("1 ± 2 µs"), 8u);
  EXPECT_EQ(aligned({{"a", "±1"}, {"-"}, {"long", "2"}, {"c", "1", "2"}}),
            "a     ±1   \n-----------\nlong   2   \nc      1  2\n");
}

TEST(TextTable, ShortNumbersKeepThreeDigits) {
  EXPECT_EQ(short_number(1234.5), "1234");
  EXPECT_EQ(short_number(12.345), "12.3");
  EXPECT_EQ(short_number(0.012345), "0.0123");
  EXPECT_EQ(short_number(0), "0");
  EXPECT_EQ(short_number(kNotANumber), "-");
}

TEST(TextTable, OneScaleForAllNumbers) {
  const std::vector<Scale> scales = {{1e-6, "us"}, {1e-3, "ms"}, {1, "s"}};
  EXPECT_EQ(common_scale({0.5e-3, kNotANumber, 10}, scales).name, "ms");
  EXPECT_EQ(common_scale({2, 3}, scales).name, "s");
  EXPECT_EQ(common_scale({1e-9}, scales).name, "us");
  EXPECT_EQ(common_scale({}, scales).name, "us");
}

}  // namespace
}  // namespace lengthwise
