// Scores over seeds: spread, solved fraction, chosen rates, paired differences, price fronts.
#include "experiments/analysis/accuracy.h"

#include <gmock/gmock.h>

#include <cmath>

#include "experiments/analysis/accuracy_report.h"
#include "experiments/analysis/pareto.h"

namespace lengthwise {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

RunRecord trained(int64_t seed, NumberByLength accuracy, const std::string& variant = "full") {
  RunRecord record;
  record.attention = variant;
  record.status = "ok";
  record.ok = true;
  record.seed = seed;
  record.length = record.train_length = 64;
  record.training_seconds = 10 + static_cast<double>(seed);
  record.scores.of(Score::accuracy) = std::move(accuracy);
  return record;
}

RunRecord read_text(int64_t seed, NumberByLength bits) {
  RunRecord record = trained(seed, {});
  record.scores.of(Score::bits_per_byte) = std::move(bits);
  return record;
}

std::vector<ScoreLine> lines_of(const std::vector<RunRecord>& records, size_t group = 0) {
  std::vector<const RunRecord*> pointers;
  for (const RunRecord& record : records) pointers.push_back(&record);
  return score_lines(pointers, group);
}

TEST(Accuracy, KeepsEverySeedAndCountsThoseThatSolved) {
  const auto lines = lines_of(
      {trained(2, {{64, 0.2}}), trained(1, {{64, 0.99}, {128, 0.5}}), trained(3, {{64, 0.95}})});
  ASSERT_EQ(lines.size(), 1U);
  ASSERT_EQ(lines[0].seeds.size(), 3U);
  EXPECT_EQ(lines[0].seeds[0].seed, 1);
  EXPECT_EQ(lines[0].solved(), 2);
  const ScoreSpread& spread = lines[0].of(Score::accuracy);
  EXPECT_DOUBLE_EQ(spread.median.at(64), 0.95);
  EXPECT_NEAR(spread.mean.at(64), 0.7133333333, 1e-9);
  // Student's t with 2 degrees of freedom, 4.302653, times 0.445009 / sqrt(3)
  EXPECT_NEAR(spread.interval.at(64).high - spread.mean.at(64), 4.302653 * 0.4450094 / 1.7320508,
              1e-4);
  EXPECT_TRUE(std::isnan(spread.interval.at(128).low)) << "one seed tells no spread";
}

TEST(Accuracy, CountsFailedRunsBesideTheScored) {
  RunRecord diverged = trained(4, {});
  diverged.ok = false;
  diverged.status = "diverged";
  const auto lines = lines_of({trained(1, {{64, 0.9}}), diverged});
  EXPECT_EQ(lines[0].status.runs, 2);
  EXPECT_EQ(lines[0].status.ok, 1);
  EXPECT_EQ(lines[0].seeds.size(), 1U);
}

TEST(Accuracy, ServesUpToTheFirstLengthThatFails) {
  EXPECT_EQ(lines_of({trained(1, {{64, 0.9}, {128, 0.86}, {256, 0.84}, {512, 0.99}})})[0]
                .effective_length,
            128);
  EXPECT_EQ(lines_of({trained(1, {{64, 0.5}})})[0].effective_length, 0);
  EXPECT_EQ(lines_of({read_text(1, {{64, 2.0}, {128, 2.09}, {256, 2.2}})})[0].effective_length,
            128);
}

TEST(Accuracy, SolvesAndServesByTheScoreThatTheTaskReports) {
  RunRecord copied = trained(1, {{64, 0.99}, {128, 0.97}});
  copied.primary_score = "exact_match";
  copied.scores.of(Score::exact_match) = {{64, 0.9}, {128, 0.7}};
  const ScoreLine line = lines_of({copied})[0];
  EXPECT_EQ(line.primary, Score::exact_match);
  EXPECT_EQ(line.solved(), 0) << "an accuracy of 0.99 is not what the task reports";
  EXPECT_EQ(line.effective_length, 64);
  copied.scores.of(Score::exact_match)[64] = 0.96;
  EXPECT_EQ(lines_of({copied})[0].solved(), 1);
}

TEST(Accuracy, SummarisesEveryPartOverTheSeedsThatHaveIt) {
  std::vector<RunRecord> records = {trained(1, {{64, 0.5}}), trained(2, {{64, 0.5}})};
  for (RunRecord& record : records) {
    PartScores parts;
    parts["pairs=8"].of(Score::accuracy) = {{64, 0.2 * static_cast<double>(record.seed)}};
    parts["pairs=8"].ceiling = {{64, 0.5}};
    if (record.seed == 1) parts["pairs=16"].of(Score::accuracy) = {{64, 0.1}, {128, 0.3}};
    record.part_scores = std::make_shared<const PartScores>(std::move(parts));
  }
  const auto parts = lines_of(records)[0].parts;
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts.begin()->first, "pairs=8") << "8 is less than 16";
  const ScoreSummary& eight = parts.at("pairs=8");
  EXPECT_NEAR(eight.of(Score::accuracy).mean.at(64), 0.3, 1e-12);
  // Student's t with 1 degree of freedom, 12.7062, times 0.1414214 / sqrt(2)
  EXPECT_NEAR(eight.of(Score::accuracy).interval.at(64).high, 0.3 + 12.7062 * 0.1, 1e-4);
  EXPECT_EQ(eight.ceiling.at(64), 0.5);
  EXPECT_EQ(parts.at("pairs=16").test_lengths(), (std::set<int64_t>{64, 128}));
  EXPECT_TRUE(std::isnan(parts.at("pairs=16").of(Score::accuracy).interval.at(64).low));
}

std::vector<ScoreLine> two_rates(const std::vector<RunRecord>& slow,
                                 const std::vector<RunRecord>& quick) {
  std::vector<ScoreLine> lines = lines_of(slow);
  lines.push_back(lines_of(quick, 1)[0]);
  lines[0].learning_rate = "0.001";
  lines[1].learning_rate = "0.01";
  return lines;
}

TEST(LearningRates, AreChosenOnASeedThatIsThenNotReported) {
  auto lines = two_rates({trained(0, {{64, 0.6}}), trained(1, {{64, 1.0}})},
                         {trained(0, {{64, 0.7}}), trained(1, {{64, 0.3}})});
  std::vector<std::string> notes;
  choose_learning_rates(lines, {"full", "full"}, notes);
  EXPECT_FALSE(lines[0].chosen);
  EXPECT_TRUE(lines[1].chosen);
  EXPECT_EQ(lines[1].selection_seed, 0);
  EXPECT_DOUBLE_EQ(lines[1].of(Score::accuracy).mean.at(64), 0.3);
  EXPECT_THAT(notes, ElementsAre(HasSubstr("seed 0, which is not reported")));
}

TEST(LearningRates, ARateThatTheChoosingSeedAloneHasIsNotChosen) {
  auto lines =
      two_rates({trained(0, {{64, 0.99}})}, {trained(0, {{64, 0.96}}), trained(1, {{64, 0.3}})});
  std::vector<std::string> notes;
  choose_learning_rates(lines, {"full", "full"}, notes);
  EXPECT_TRUE(lines[1].chosen) << "the other has no seed to report";
  EXPECT_FALSE(lines[0].chosen);
  ASSERT_EQ(lines[1].seeds.size(), 1U);
  EXPECT_EQ(lines[1].solved(), 0) << "the seed that chose solved it, and is not counted";
  EXPECT_EQ(lines[1].status.runs, 1);
  EXPECT_THAT(notes, ElementsAre(HasSubstr("learning rate 0.001 did best on seed 0 but"),
                                 HasSubstr("seed 0, which is not reported")));
}

TEST(LearningRates, TheChoosingSeedCountsInNoStatus) {
  RunRecord diverged = trained(0, {});
  diverged.ok = false;
  diverged.status = "diverged";
  auto lines = two_rates({diverged, trained(1, {{64, 0.9}})},
                         {trained(0, {{64, 0.7}}), trained(1, {{64, 0.3}})});
  std::vector<std::string> notes;
  choose_learning_rates(lines, {"full", "full"}, notes);
  EXPECT_TRUE(lines[1].chosen);
  EXPECT_EQ(lines[0].status.runs, 1);
  EXPECT_EQ(lines[0].status.first_failure, "");
}

TEST(LearningRates, TheNextSeedJudgesWhereTheLowestHasNoChoice) {
  auto lines = two_rates({trained(1, {{64, 0.5}}), trained(2, {{64, 0.5}})},
                         {trained(1, {{64, 0.6}}), trained(2, {{64, 0.4}})});
  lines.push_back(lines_of({trained(0, {{64, 1.0}})})[0]);
  lines[2].learning_rate = "0.1";
  std::vector<std::string> notes;
  choose_learning_rates(lines, {"full", "full", "full"}, notes);
  EXPECT_TRUE(lines[1].chosen);
  EXPECT_EQ(lines[1].selection_seed, 1);
  EXPECT_EQ(lines[1].seeds.size(), 1U);
}

TEST(LearningRates, ChooseTheFewerBits) {
  auto lines = two_rates({read_text(0, {{64, 1.5}})}, {read_text(0, {{64, 1.7}})});
  std::vector<std::string> notes;
  choose_learning_rates(lines, {"full", "full"}, notes);
  EXPECT_TRUE(lines[0].chosen);
  EXPECT_FALSE(lines[1].chosen);
  EXPECT_EQ(lines[0].seeds.size(), 1U) << "the only seed there is";
  EXPECT_THAT(notes, ElementsAre(HasSubstr("flatter")));
}

TEST(LearningRates, AreChosenOnAllLengthsOfTheTestWithinThatOfTraining) {
  auto lines = two_rates({trained(0, {{32, 0.2}, {64, 0.5}, {128, 0.9}})},
                         {trained(0, {{32, 0.8}, {64, 0.4}, {128, 0.1}})});
  std::vector<std::string> notes;
  choose_learning_rates(lines, {"full", "full"}, notes);
  EXPECT_TRUE(lines[1].chosen) << "the mean of 0.8 and 0.4 is above that of 0.2 and 0.5";
}

TEST(LearningRates, OfDifferentVariantsDoNotCompete) {
  auto lines = two_rates({trained(0, {{64, 0.6}})}, {trained(0, {{64, 0.7}})});
  std::vector<std::string> notes;
  choose_learning_rates(lines, {"full", "linear"}, notes);
  EXPECT_TRUE(lines[0].chosen && lines[1].chosen);
  EXPECT_TRUE(notes.empty());
}

TEST(Paired, ComparesTheSameSeedsAlone) {
  auto lines = lines_of({trained(1, {{64, 0.9}}), trained(2, {{64, 0.8}}), trained(9, {{64, 0}})});
  lines.push_back(
      lines_of({trained(1, {{64, 0.5}}, "linear"), trained(2, {{64, 0.6}}, "linear")}, 1)[0]);
  const auto pairs = paired_differences(lines, {"full", "linear"});
  ASSERT_EQ(pairs.size(), 1U) << "to the right of a pair stands the reference";
  EXPECT_EQ(pairs[0].left, 1U);
  EXPECT_EQ(pairs[0].seeds, 2);
  EXPECT_NEAR(pairs[0].difference, -0.3, 1e-12);
  // Student's t with 1 degree of freedom, 12.7062, times 0.1414214 / sqrt(2)
  EXPECT_NEAR(pairs[0].interval.low, -0.3 - 12.7062 * 0.1, 1e-4);
}

TEST(Paired, SaysAPairOnceWhereEachIsTheOthersReference) {
  Comparison comparison;
  for (const std::string variant : {"windowed", "linear"}) {
    comparison.scores.push_back(
        lines_of({trained(1, {{64, 0.9}}, variant), trained(2, {{64, 0.8}}, variant)})[0]);
    comparison.scores.back().label = variant;
  }
  comparison.scores[1].group = 1;
  comparison.groups.resize(2);
  comparison.paired_differences = paired_differences(comparison.scores, {"windowed", "linear"});
  ASSERT_EQ(comparison.paired_differences.size(), 2U) << "one in each order";
  const std::string text = accuracy_text(comparison);
  EXPECT_THAT(text, HasSubstr("linear - windowed"));
  EXPECT_THAT(text, Not(HasSubstr("windowed - linear")));
}

TEST(Pareto, ADearerAndWorseModelIsOnNoFront) {
  Comparison comparison;
  comparison.groups.resize(3);
  const std::vector<double> accuracy = {0.9, 0.5, 0.8}, peak = {200, 100, 300};
  for (size_t i = 0; i < 3; ++i) {
    comparison.scores.push_back(
        lines_of({trained(static_cast<int64_t>(i), {{64, accuracy[i]}})}, i)[0]);
    auto& law = comparison.groups[i].laws[static_cast<size_t>(Quantity::peak_total_bytes)];
    law.values[64] = peak[i];
  }
  const auto points = pareto_points(comparison);
  ASSERT_EQ(points.size(), 3U);
  EXPECT_TRUE(points[0].on_front_bytes);
  EXPECT_TRUE(points[1].on_front_bytes) << "worse, and cheaper";
  EXPECT_FALSE(points[2].on_front_bytes) << "worse and dearer than the first";
  EXPECT_TRUE(points[0].on_front_seconds);
  EXPECT_FALSE(points[1].on_front_seconds);
}

}  // namespace
}  // namespace lengthwise
