#include "experiments/analysis/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "experiments/analysis/report.h"
#include "tests/sample_results.h"

namespace lengthwise {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> labels(const Comparison& comparison) {
  std::vector<std::string> found;
  for (const Group& group : comparison.groups) found.push_back(group.label);
  return found;
}
using Labels = std::vector<std::string>;

TEST(Comparison, TakesMediansAndExponents) {
  const Comparison found = compare_table(sample_table(quadratic_study()), "results.h5");
  ASSERT_EQ(labels(found), (Labels{"full", "linear"}));
  const Group& full = found.groups[0];
  const double step = 1e-7 * 512 * 512 * 1.005;  // the median of two repeats
  EXPECT_DOUBLE_EQ(law(full, Quantity::training_step_seconds).values.at(512), step);
  EXPECT_DOUBLE_EQ(law(full, Quantity::training_step_attention_seconds).values.at(512), step / 2);
  EXPECT_DOUBLE_EQ(law(full, Quantity::forward_seconds).values.at(512), step / 3);
  EXPECT_DOUBLE_EQ(law(full, Quantity::forward_attention_seconds).values.at(512), step / 6);
  EXPECT_DOUBLE_EQ(law(full, Quantity::decode_step_seconds).values.at(512), step / 10);
  EXPECT_DOUBLE_EQ(law(full, Quantity::decode_step_attention_seconds).values.at(512), step / 20);
  EXPECT_DOUBLE_EQ(law(full, Quantity::prefill_seconds).values.at(512), step / 4);
  EXPECT_DOUBLE_EQ(law(full, Quantity::prefill_attention_seconds).values.at(512), step / 8);
  EXPECT_DOUBLE_EQ(law(full, Quantity::state_bytes).values.at(512), 0.32 * 512 * 512);
  const double flops = 768 * 512 * 512 + 64 * 512;
  EXPECT_EQ(law(full, Quantity::training_step_attention_flops).values.at(512), flops);
  EXPECT_EQ(law(full, Quantity::training_step_flops).values.at(512), flops + 600 * 512);
  EXPECT_EQ(law(full, Quantity::attention_activation_bytes).values.at(512), 32.0 * 512 * 512);

  for (const size_t group : {0, 1}) {
    const double expected = group == 0 ? 2 : 1;
    for (size_t i = 0; i < kQuantities; ++i) {
      const GrowthLaw& found_law = found.groups[group].laws[i];
      ASSERT_EQ(found_law.values.size(), 6u);
      EXPECT_EQ(found_law.exponent.to, 4096);
      const bool exact = quantity_info(static_cast<Quantity>(i)).unit != Unit::seconds;
      if (exact) {
        EXPECT_NEAR(found_law.leading.value, expected, 1e-9);
      } else {
        EXPECT_TRUE(std::isnan(found_law.leading.value));
        EXPECT_NEAR(found_law.exponent.value, expected, 1e-3);
      }
    }
  }
  // the constant and linear terms bend the local slope, not the leading exponent
  EXPECT_LT(law(full, Quantity::peak_total_bytes).local_slopes.back().value, 1.95);
}

TEST(Comparison, TakesTheMedianOverSeeds) {
  std::vector<SampleRun> rows;
  for (const int64_t seed : {0, 1, 2}) {
    rows.push_back({"full", 128, seed});
    rows.back().step_seconds = seed == 2 ? 9 : 1.0 + static_cast<double>(seed);
    rows.back().accuracy = {0.5 + 0.1 * static_cast<double>(seed), kNotANumber};
  }
  const Comparison found = compare_table(sample_table(rows), "results.h5");
  ASSERT_EQ(found.groups.size(), 1u);
  EXPECT_DOUBLE_EQ(law(found.groups[0], Quantity::training_step_seconds).values.at(128), 2.01);
  ASSERT_EQ(found.scores.size(), 1u);
  EXPECT_EQ(found.scores[0].status.runs, 3);
  const auto& accuracy = found.scores[0].of(Score::accuracy).median;
  EXPECT_DOUBLE_EQ(accuracy.at(256), 0.6);
  EXPECT_FALSE(accuracy.contains(512));
}

TEST(Comparison, OneLineOfScoresForEachTrainedLength) {
  auto rows = quadratic_study();
  const Comparison one = compare_table(sample_table(rows), "results.h5");
  ASSERT_EQ(one.scores.size(), 2u);
  EXPECT_EQ(one.scores[0].label, "full");
  EXPECT_EQ(one.scores[0].length, 256);
  EXPECT_EQ(one.ngram_bits_per_byte, (NumberByLength{{1, 3.5}, {2, 2.5}}));

  rows[5].accuracy = {0.95, 0.9};  // full at length 512
  const Comparison two = compare_table(sample_table(rows), "results.h5");
  ASSERT_EQ(two.scores.size(), 3u);
  EXPECT_EQ(two.scores[0].label, "full length=256");
  EXPECT_EQ(two.scores[1].label, "full length=512");
  EXPECT_EQ(two.scores[2].label, "linear");
  EXPECT_EQ(two.scores[1].train_length, 512);
  EXPECT_EQ(comparison_text(two).find("trained at length"), std::string::npos);
}

TEST(Comparison, ReadsThePartsOfEveryTestLength) {
  const Comparison found = compare_table(table_with_parts(), "results.h5");
  ASSERT_EQ(found.scores.size(), 1u);
  const ScoreLine& line = found.scores[0];
  EXPECT_EQ(line.scores.ceiling, (NumberByLength{{256, 1}, {512, 0.75}}));
  EXPECT_EQ(line.of(Score::exact_match).mean.at(512), 0.1);
  ASSERT_EQ(line.parts.size(), 2u);
  EXPECT_EQ(line.parts.begin()->first, "pairs=8");
  EXPECT_EQ(line.parts.at("pairs=16").of(Score::accuracy).mean, (NumberByLength{{512, 0.275}}));
  EXPECT_EQ(line.parts.at("pairs=16").ceiling, (NumberByLength{{512, 0.625}}));
  EXPECT_TRUE(line.parts.at("pairs=8").of(Score::bits_per_byte).mean.empty());
}

TEST(Comparison, ThePartsOfTextAreInBits) {
  Table table = table_with_parts();
  const auto bits = std::find_if(table.columns.begin(), table.columns.end(),
                                 [](const Column& c) { return c.name == "bits_per_byte"; });
  bits->values = Column::Numbers{2, 2, 2, 2};
  const ScoreLine line = compare_table(table, "results.h5").scores.at(0);
  EXPECT_EQ(line.primary, Score::bits_per_byte) << "a file without the column 'score'";
  EXPECT_DOUBLE_EQ(line.parts.at("pairs=8").of(Score::bits_per_byte).mean.at(512), 1);
}

TEST(Comparison, TheRecordSaysByWhichScoreATaskRanks) {
  Table table = table_with_parts();
  table.columns.push_back(
      {"score", {"run"}, Column::Texts{"exact_match", "exact_match"}, "", "", {}});
  EXPECT_EQ(compare_table(table, "results.h5").scores.at(0).primary, Score::exact_match);
}

TEST(Comparison, TellsSettingsApart) {
  std::vector<SampleRun> rows;
  for (const std::string window : {"128", "64"}) {
    for (const int64_t length : {128, 256}) {
      SampleRun row{"windowed", length};
      row.batch = 1024 / length;
      row.config = fmt::format(
          "attention.windowed.window = {}\nattention.other.window = {}{}\nbatch = {}\nseed = 0\n"
          "length = {}\n",
          window, window, length, row.batch, length);
      rows.push_back(row);
    }
  }
  const Comparison found = compare_table(sample_table(rows), "results.h5");
  // neither the batch, which the length decides, nor another variant's option divides
  EXPECT_EQ(labels(found), (Labels{"windowed window=64", "windowed window=128"}));
  EXPECT_EQ(found.groups[0].lengths.size(), 2u);
  EXPECT_EQ(found.groups[0].settings, (Settings{{"attention.windowed.window", "64"}}));
  ASSERT_EQ(found.notes.size(), 1u);
  EXPECT_NE(found.notes[0].find("batch changes with the length"), std::string::npos);
}

// Options of every role's variant count, and a role is named by its whole key.
TEST(Comparison, TellsTheRolesOfAnEncoderDecoderApart) {
  std::vector<SampleRun> rows;
  for (const std::string across : {"flash", "linear"}) {
    for (const std::string window : {"8", "16"}) {
      SampleRun row{"full", 128};
      row.config = fmt::format(
          "decoder.attention = windowed\ncross.attention = {}\nattention.windowed.window = {}\n",
          across, window);
      rows.push_back(row);
    }
  }
  EXPECT_EQ(
      labels(compare_table(sample_table(rows), "results.h5")),
      (Labels{"full window=8 cross.attention=flash", "full window=8 cross.attention=linear",
              "full window=16 cross.attention=flash", "full window=16 cross.attention=linear"}));
}

TEST(Comparison, SizesDivideWhereThereIsNoConfig) {
  SampleRun small, large;
  small.batch = 2, large.batch = 16;
  EXPECT_EQ(labels(compare_table(sample_table({large, small}), "results.h5")),
            (Labels{"full batch=2", "full batch=16"}));
}

TEST(Comparison, NamesPositionsWhereTheyDiffer) {
  SampleRun rotary, alibi;
  alibi.position = "alibi";
  EXPECT_EQ(labels(compare_table(sample_table({rotary, alibi}), "results.h5")),
            (Labels{"full alibi", "full rotary"}));
}

TEST(Comparison, FailedRunsAreShownAndNotFitted) {
  auto rows = quadratic_study();
  rows[11].status = 1;  // full at 4096
  rows[11].step_seconds = 1e9;
  rows[3].status = 4;  // full at 256, which is the trained one
  const Comparison found = compare_table(sample_table(rows), "results.h5");
  const GrowthLaw& step = law(found.groups[0], Quantity::training_step_seconds);
  EXPECT_FALSE(step.values.contains(4096));
  EXPECT_NEAR(step.exponent.value, 2, 1e-3);
  EXPECT_EQ(law(found.groups[0], Quantity::training_step_flops).leading.pairs.front().shortest,
            512);
  EXPECT_EQ(found.groups[0].lengths.at(4096).first_failure, "out_of_memory");
  ASSERT_EQ(found.failed.size(), 2u);
  EXPECT_EQ(found.failed[0].length, 256);
  EXPECT_EQ(found.failed[0].status, "diverged");
  ASSERT_EQ(found.scores.size(), 2u);
  EXPECT_EQ(found.scores[0].status.ok, 0);

  const std::string text = comparison_text(found);
  EXPECT_NE(text.find("no memory"), std::string::npos);
  EXPECT_NE(text.find("not ok, and in no fit"), std::string::npos);
  EXPECT_NE(text.find("12, 2 not ok"), std::string::npos);
}

TEST(Comparison, EverySentenceNamesItsQuantity) {
  const Comparison found = compare_table(sample_table(quadratic_study()), "results.h5");
  ASSERT_FALSE(found.crossovers.empty());
  for (const PairCrossover& pair : found.crossovers) {
    EXPECT_THAT(pair.sentence, Not(HasSubstr("  "))) << quantity_info(pair.quantity).name;
    EXPECT_THAT(pair.sentence, Not(HasSubstr("in in"))) << quantity_info(pair.quantity).name;
  }
}

TEST(Comparison, FilesWithoutDecodingAreRead) {
  Table table = sample_table(quadratic_study());
  std::erase_if(table.columns, [](const Column& column) {
    return column.name.starts_with("decode_step") || column.name.starts_with("prefill") ||
           column.name == "state_bytes";
  });
  const Comparison found = compare_table(table, "results.h5");
  EXPECT_TRUE(law(found.groups[0], Quantity::state_bytes).values.empty());
  EXPECT_THAT(comparison_text(found), Not(AnyOf(HasSubstr("ecoding"), HasSubstr("Taking"))));
}

TEST(Comparison, OneLengthHasNoExponent) {
  const Comparison found = compare_table(sample_table({SampleRun{}}), "results.h5");
  for (const GrowthLaw& growth : found.groups[0].laws) {
    EXPECT_EQ(growth.values.size(), 1u);
    EXPECT_TRUE(std::isnan(growth.exponent.value) || growth.exponent.exact);
    EXPECT_TRUE(std::isnan(growth.leading.value));
  }
  EXPECT_EQ(comparison_text(found).find("nan"), std::string::npos);
}

TEST(Comparison, NaNIsAbsent) {
  auto rows = quadratic_study();
  for (SampleRun& row : rows) {
    row.step_seconds = kNotANumber;
    row.attention_flops = row.length == 128 ? kNotANumber : row.attention_flops;
  }
  const Comparison found = compare_table(sample_table(rows), "results.h5");
  EXPECT_TRUE(law(found.groups[0], Quantity::training_step_seconds).values.empty());
  EXPECT_EQ(law(found.groups[0], Quantity::training_step_flops).values.size(), 5u);
  EXPECT_NEAR(law(found.groups[0], Quantity::training_step_flops).leading.value, 2, 1e-9);
  EXPECT_EQ(comparison_text(found).find("nan"), std::string::npos);
}

TEST(Comparison, NoRuns) {
  const Comparison found = compare_table(sample_table({}), "results.h5");
  EXPECT_TRUE(found.groups.empty());
  EXPECT_NE(comparison_text(found).find("runs      0"), std::string::npos);
}

void expect_user_error(const Table& table, const std::string& expected) {
  try {
    compare_table(table, "results.h5");
    ADD_FAILURE() << "expected: " << expected;
  } catch (const UserError& error) {
    EXPECT_EQ(std::string(error.what()), expected);
  }
}

TEST(Comparison, RefusesWhatIsNotAsExpected) {
  const auto column = [](Table& table, const std::string& name) {
    return std::find_if(table.columns.begin(), table.columns.end(),
                        [&](const Column& other) { return other.name == name; });
  };
  for (const std::string name : {"live_bytes", "length", "status", "peak_total_bytes", "scope"}) {
    Table table = sample_table({SampleRun{}});
    table.columns.erase(column(table, name));
    expect_user_error(table, fmt::format("results.h5: no column '{}'", name));
  }
  Table table = sample_table({SampleRun{}});
  column(table, "peak_total_bytes")->dimensions = {"run", "tag"};
  expect_user_error(table,
                    "results.h5: column 'peak_total_bytes' has dimensions (run, tag), expected "
                    "(run)");
  table = sample_table({SampleRun{}});
  column(table, "peak_total_bytes")->values = Column::Numbers{1, 2};
  expect_user_error(table, "results.h5: column 'peak_total_bytes' holds 2 values, expected 1");
  table = sample_table({SampleRun{}});
  column(table, "peak_total_bytes")->values = Column::Texts{"many"};
  expect_user_error(table, "results.h5: column 'peak_total_bytes' holds text, expected numbers");
  table = sample_table({SampleRun{}});
  column(table, "length")->values = Column::Numbers{128};
  expect_user_error(table, "results.h5: column 'length' does not hold whole numbers");
  table = sample_table({SampleRun{}});
  column(table, "status")->values = Column::Flags{9};
  expect_user_error(table, "results.h5: column 'status' holds 9, expected a flag under 6");
  table = sample_table({SampleRun{}});
  std::get<Column::Texts>(column(table, "scope")->values)[0] = "attend";
  expect_user_error(table, "results.h5: coordinate 'scope' has no 'attention'");
  table = sample_table({SampleRun{}});
  table.dimensions.erase("tag");
  expect_user_error(table, "results.h5: no dimension 'tag'");
}

TEST(Comparison, ScoresAndProvenanceMayBeMissing) {
  Table table = sample_table(quadratic_study());
  std::erase_if(table.columns, [](const Column& column) {
    return column.name == "accuracy" || column.name == "bits_per_byte" || column.name == "loss" ||
           column.name == "ngram_bits_per_byte" || column.name == "commit" ||
           column.name == "config" || column.name == "cpu";
  });
  const Comparison found = compare_table(table, "results.h5");
  EXPECT_EQ(found.groups.size(), 2u);
  EXPECT_TRUE(found.scores.empty());
  EXPECT_EQ(comparison_text(found).find("by test length"), std::string::npos);
}

}  // namespace
}  // namespace lengthwise
