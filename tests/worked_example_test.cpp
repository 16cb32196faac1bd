// The variant that variants/README.md shows, compiled from that page and held to every law.
#include <gtest/gtest.h>

#include "laws/law.h"

namespace lengthwise {
namespace {

TEST(WorkedExample, HoldsEveryLaw) {
  const AttentionVariant& variant = attention_variant("worked_example");
  EXPECT_TRUE(variant.define && variant.cost);
  for (const AttentionLaw& law : attention_laws()) {
    const LawResult result = try_law(law, variant);
    EXPECT_EQ(result.failure, "") << law.name;
    EXPECT_EQ(result.cases > 0, result.not_tried.empty()) << law.name;
  }
  for (const ModelLaw& law : model_laws()) {
    for (const AttentionPattern& pattern : law_patterns(variant)) {
      for (const PositionScheme& scheme : position_schemes()) {
        EXPECT_EQ(try_law(law, pattern, scheme).failure, "") << law.name << scheme.info.name;
      }
    }
  }
}

TEST(WorkedExample, ItsOptionIsRead) {
  const AttentionVariant& variant = attention_variant("worked_example");
  EXPECT_THROW(
      variant.make({AttentionSizes{}, OptionValues{{"temperature", "0"}}, ParameterSet(0), 0}),
      UserError);
}

}  // namespace
}  // namespace lengthwise
