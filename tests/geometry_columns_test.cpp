// What a sweep records of its weights as maps and of its positions.
#include "experiments/runner/geometry_columns.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/sweep_fixture.h"

namespace lengthwise {
namespace {

using testing::HasSubstr;
using Names = std::vector<std::string>;

class GeometryColumns : public SweepTest {
 protected:
  static std::string base() {
    return "run --results r --task mqar --task.mqar.vocabulary 48 --task.mqar.pairs 2 "
           "--model.width 16 "
           "--model.heads 2 --repeats 1 --threads 1 ";
  }
};

TEST_F(GeometryColumns, WeightsStandByMapLayerAndHead) {
  const Outcome outcome =
      run(base() +
          "--length 16 --attention full,no_weights --position none --train.steps 2 "
          "--train.batch 4 --eval.examples 10 --eval.geometry true");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Table table = merged();
  EXPECT_EQ(table.find("map_largest")->dimensions, (Names{"run", "map", "layer", "head"}));
  EXPECT_EQ(table.find("copying_share")->dimensions, (Names{"run", "layer", "head"}));
  const auto largest = numbers("map_largest"), copying = numbers("copying_share");
  ASSERT_EQ(largest.size(), 2U * 2 * 2 * 2);
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_GT(largest[i], 0);
    EXPECT_TRUE(std::isnan(largest[8 + i])) << "of no_weights";
  }
  for (size_t i = 0; i < 4; ++i) EXPECT_LE(std::abs(copying[i]), 1);
}

TEST_F(GeometryColumns, PositionsNeedNoTraining) {
  const Outcome outcome =
      run(base() +
          "--length 16 --position none,linear_incremental,learned --measure_positions true "
          "--position.learned.longest 40");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  // In the order of the sweep.
  const auto growth = numbers("position_growth"), order = numbers("order_difference"),
             residual = numbers("position_offset_residual");
  ASSERT_EQ(growth.size(), 3U);
  EXPECT_TRUE(std::isnan(growth[0]));
  EXPECT_LT(order[0], 1e-5);
  EXPECT_NEAR(growth[1], 63.0 / 15, 1e-5);
  EXPECT_TRUE(std::isnan(growth[2])) << "past the end of the table";
  EXPECT_GT(order[2], 0.01);
  ASSERT_EQ(residual.size(), 3U * 3);
  EXPECT_LT(residual[3], 1e-5);
  EXPECT_TRUE(std::isnan(residual[8])) << "no position 64 on in a table of 40";
}

TEST_F(GeometryColumns, RefusesWhatItCannotDo) {
  EXPECT_THAT(run("run --measure_positions true --length 8192").err,
              HasSubstr("measure_positions: found length = 8192, expected at most 4096"));
  EXPECT_THAT(run("run --model.kind encoder_decoder --task reverse --train.steps 1 --length 16 "
                  "--attention full --eval.geometry true")
                  .err,
              HasSubstr("eval.geometry: found model.kind = encoder_decoder"));
}

}  // namespace
}  // namespace lengthwise
