// Models made to agree in a budget.
#include "experiments/runner/match.h"

#include <gmock/gmock.h>

#include <cmath>

#include "base/check.h"
#include "experiments/runner/predicted_work.h"

namespace lengthwise {
namespace {

using testing::HasSubstr;

OptionValues keys(const std::string& attention, const std::string& budget) {
  return {{"attention", attention},  {"length", "256"},    {"match", budget},
          {"model.width", "64"},     {"model.heads", "4"}, {"match.reference", "full"},
          {"position", "sinusoidal"}};
}

RunConfig match_of(const std::string& attention, const std::string& budget) {
  const RunConfig config = resolve_run(keys(attention, budget));
  return matched(config, *config.make_task());
}

double step_flops(const RunConfig& config) {
  for (const WorkItem& item : WorkPredictor().predict(config, 1).work) {
    if (item.kind == WorkKind::training_step) return item.flops();
  }
  return 0;
}

double distance(double a, double b) { return std::abs(std::log(a / b)); }

TEST(Match, AdjustsTheSizeThatAVariantMarksWhereTheBudgetFollowsIt) {
  const double target = step_flops(resolve_run(keys("full", "none")));
  const RunConfig config = match_of("windowed", "flops");
  EXPECT_EQ(config.match.key, "attention.windowed.window");
  EXPECT_EQ(config.model.width, 64);
  EXPECT_EQ(static_cast<double>(config.match.target), target);
  EXPECT_EQ(static_cast<double>(config.match.found), step_flops(config));
  for (const int64_t step : {-1, 1}) {
    RunConfig other = config;
    const int64_t window = std::stoll(config.match.value) + step;
    other.attention_options.front()["window"] = std::to_string(window);
    EXPECT_LE(distance(step_flops(config), target), distance(step_flops(other), target)) << step;
  }
}

TEST(Match, AdjustsTheWidthWhereNothingElseCounts) {
  const RunConfig config = match_of("no_weights", "parameters");
  EXPECT_EQ(config.match.key, "model.width");
  EXPECT_EQ(config.model.width % 8, 0) << "heads stay of even width";
  EXPECT_GT(config.model.width, 64) << "it has no projections to spend parameters on";
  EXPECT_LT(
      distance(static_cast<double>(config.match.found), static_cast<double>(config.match.target)),
      0.1);
}

TEST(Match, LeavesTheReferenceAndWhatDoesNotAskAlone) {
  EXPECT_EQ(match_of("full", "flops").match.key, "");
  const RunConfig config = match_of("no_weights", "none");
  EXPECT_EQ(config.match.key, "");
  EXPECT_EQ(config.model.width, 64);
}

TEST(Match, TextGivesTheSameModelAgainWithNothingLeftToMatch) {
  const RunConfig config = match_of("no_weights", "parameters");
  OptionValues values;
  for (const auto& [key, value] : config.resolved) {
    if (!value.empty()) values[key] = value;
  }
  EXPECT_EQ(values["model.width"], "64") << "what was asked for";
  EXPECT_THAT(config.text(), HasSubstr(fmt::format("model.width = {}\n", config.model.width)));
  EXPECT_THAT(config.text(), HasSubstr("\nmatch = none\n"));
  EXPECT_EQ(matched(config, *config.make_task()).model.width, config.model.width);
}

TEST(Match, IsPartOfWhatARunIsAndItsReferenceOnlyThen) {
  const auto id = [](const OptionValues& values) { return resolve_run(values).id(0); };
  EXPECT_NE(id(keys("linear", "flops")), id(keys("linear", "parameters")));
  OptionValues other = keys("linear", "none");
  other["match.reference"] = "flash";
  EXPECT_EQ(id(keys("linear", "none")), id(other));
}

TEST(Match, NamesAReferenceThatIsNone) {
  OptionValues values = keys("linear", "flops");
  values["match.reference"] = "ful";
  const RunConfig config = resolve_run(values);
  try {
    matched(config, *config.make_task());
    FAIL() << "an unknown reference was taken";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'full'"));
  }
}

}  // namespace
}  // namespace lengthwise
