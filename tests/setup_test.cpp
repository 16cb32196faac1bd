#include "experiments/analysis/setup.h"

#include <gtest/gtest.h>

#include <vector>

namespace lengthwise {
namespace {

const std::vector<Size> kSizes = {{"batch", 4}, {"width", 64}};

TEST(Setups, AreSharedByRunsThatDifferInLengthAndSeedAlone) {
  Setups setups;
  const auto first = setups.of("length = 128\nseed = 1\nmodel.width = 64\n", kSizes, "none");
  EXPECT_EQ(setups.of("length = 512\nseed = 23\nmodel.width = 64\n", kSizes, "none"), first);
  EXPECT_EQ(first->settings, (Settings{{"model.width", "64"}}));
  EXPECT_EQ(first->sizes, (std::map<std::string, int64_t>{{"batch", 4}, {"width", 64}}));
  for (const auto& other :
       {setups.of("length = 128\nseed = 1\nmodel.width = 128\n", kSizes, "none"),
        setups.of("length = 128\nseed = 1\nmodel.width = 64\nseeds = 1\n", kSizes, "none"),
        setups.of("length = 128\nseed = 1\nmodel.width = 64\n", {}, "none"),
        setups.of("length = 128\nseed = 1\nmodel.width = 64\n", kSizes, "flops")}) {
    EXPECT_NE(other, first);
  }
}

TEST(Setups, HoldTheBudgetAndTheSizesWhereThereIsNoConfig) {
  Setups setups;
  EXPECT_EQ(setups.of("a =\nno setting\nb = x y", {}, "flops")->settings,
            (Settings{{"a", ""}, {"b", "x y"}, {"match", "flops"}}));
  EXPECT_EQ(setups.of("", kSizes, "")->settings, (Settings{{"batch", "4"}, {"width", "64"}}));
  EXPECT_TRUE(setups.of("seed = 1", kSizes, "")->settings.empty());
}

}  // namespace
}  // namespace lengthwise
