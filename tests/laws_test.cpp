// Every law on every registered variant and scheme, and on models of every pair that works.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "laws/law.h"

namespace lengthwise {
namespace {

void expect_holds(const LawResult& result) {
  EXPECT_EQ(result.failure, "") << result.subject;
  EXPECT_GT(result.cases, 0) << result.subject << ": nothing was tried";
}

// A law and what it is tried on, for gtest to name.
template <class Law, class... Subject>
struct Trial {
  const Law* law;
  std::tuple<const Subject*...> subject;

  std::string name() const {
    std::string text(law->name);
    const auto add = [&](const auto*... part) {
      ((text += "_" + std::string(part->info.name)), ...);
    };
    std::apply(add, subject);
    return text;
  }
  friend void PrintTo(const Trial& trial, std::ostream* out) { *out << trial.name(); }
};

template <class Trial>
std::string trial_name(const testing::TestParamInfo<Trial>& test) {
  return test.param.name();
}

using AttentionTrial = Trial<AttentionLaw, AttentionVariant>;
using PositionTrial = Trial<PositionLaw, PositionScheme>;

struct ModelTrial {
  const ModelLaw* law;
  AttentionPattern pattern;
  const PositionScheme* scheme;

  std::string name() const {
    std::string text = fmt::format("{}_{}_{}", law->name, pattern_text(pattern), scheme->info.name);
    std::replace(text.begin(), text.end(), '+', '_');
    return text;
  }
  friend void PrintTo(const ModelTrial& trial, std::ostream* out) { *out << trial.name(); }
};

std::vector<AttentionTrial> attention_trials() {
  std::vector<AttentionTrial> trials;
  for (const AttentionLaw& law : attention_laws()) {
    for (const AttentionVariant& variant : attention_variants()) {
      if (law.why_not(variant).empty()) trials.push_back({&law, {&variant}});
    }
  }
  return trials;
}

std::vector<PositionTrial> position_trials() {
  std::vector<PositionTrial> trials;
  for (const PositionLaw& law : position_laws()) {
    for (const PositionScheme& scheme : position_schemes()) {
      if (law.why_not(scheme).empty()) trials.push_back({&law, {&scheme}});
    }
  }
  return trials;
}

std::vector<ModelTrial> model_trials() {
  std::vector<ModelTrial> trials;
  for (const ModelLaw& law : model_laws()) {
    for (const AttentionVariant& variant : attention_variants()) {
      for (const AttentionPattern& pattern : law_patterns(variant)) {
        for (const PositionScheme& scheme : position_schemes()) {
          if (law.why_not(pattern, scheme).empty()) trials.push_back({&law, pattern, &scheme});
        }
      }
    }
  }
  return trials;
}

class OfAttention : public testing::TestWithParam<AttentionTrial> {};
TEST_P(OfAttention, Holds) {
  expect_holds(try_law(*GetParam().law, *std::get<0>(GetParam().subject)));
}
INSTANTIATE_TEST_SUITE_P(Law, OfAttention, testing::ValuesIn(attention_trials()),
                         trial_name<AttentionTrial>);

class OfPosition : public testing::TestWithParam<PositionTrial> {};
TEST_P(OfPosition, Holds) {
  expect_holds(try_law(*GetParam().law, *std::get<0>(GetParam().subject)));
}
INSTANTIATE_TEST_SUITE_P(Law, OfPosition, testing::ValuesIn(position_trials()),
                         trial_name<PositionTrial>);

class OfModels : public testing::TestWithParam<ModelTrial> {};
TEST_P(OfModels, Holds) {
  expect_holds(try_law(*GetParam().law, GetParam().pattern, *GetParam().scheme));
}
INSTANTIATE_TEST_SUITE_P(Law, OfModels, testing::ValuesIn(model_trials()), trial_name<ModelTrial>);

// What a plug-in of this repository must have; a user's own may leave it out.
TEST(Laws, NothingInTheRepositoryIsLeftUnchecked) {
  for (const AttentionVariant& variant : attention_variants()) {
    EXPECT_TRUE(variant.define && variant.define_with_slope && variant.cost) << variant.info.name;
  }
  for (const PositionScheme& scheme : position_schemes()) {
    EXPECT_TRUE(scheme.define && scheme.define_with_slope) << scheme.info.name;
  }
}

TEST(Laws, TryEveryOptionThatIsNotANumberInEveryCombination) {
  const auto samples = option_samples(attention_variant("no_weights").options);
  EXPECT_EQ(samples.size(), 8U);
  const auto windows = option_samples(attention_variant("windowed").options);
  EXPECT_THAT(windows, testing::Contains(OptionValues{{"window", "1"}}));
}

TEST(Laws, AThrowBreaksTheLaw) {
  const LawResult result = try_law("law", "subject", 0, [](Findings& findings) {
    findings.begin("T=1", 1);
    throw std::runtime_error("no");
  });
  EXPECT_EQ(result.failure, "T=1: threw: no");
}

}  // namespace
}  // namespace lengthwise
