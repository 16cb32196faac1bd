#include "experiments/analysis/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/check.h"
#include "experiments/analysis/nonnegative_least_squares.h"
#include "experiments/analysis/power_sums.h"

namespace lengthwise {
namespace {

TEST(Median, SkipsNaN) {
  EXPECT_EQ(median({3, 1, kNotANumber, 2}), 2);
  EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
  EXPECT_TRUE(std::isnan(median({kNotANumber})));
  EXPECT_TRUE(std::isnan(median({})));
}

TEST(Moments, SkipNaN) {
  const Moments found = moments(std::vector<double>{1, kNotANumber, 2, 6});
  EXPECT_EQ(found.count, 3u);
  EXPECT_DOUBLE_EQ(found.mean, 3);
  EXPECT_DOUBLE_EQ(found.variance, 7);
  EXPECT_TRUE(std::isnan(moments(std::vector<double>{5}).variance));
  EXPECT_EQ(moments({}).count, 0u);
}

TEST(StudentReach, AgreesWithTables) {
  EXPECT_NEAR(student_reach(4), 2.776, 5e-4);
  EXPECT_NEAR(student_reach(28), 2.048, 5e-4);
  EXPECT_NEAR(student_quantile(0.99, 10), 2.764, 5e-4);
  EXPECT_NEAR(fisher_quantile(0.95, 3, 20), 3.098, 5e-4);
  EXPECT_TRUE(std::isnan(student_reach(0)));
}

TEST(ModeratedVariances, AreOneWhereTheyAreAlike) {
  const auto found =
      moderated_variances(std::vector<double>{1, 1.1, 0.9, 1}, std::vector<double>{4, 4, 4, 4});
  for (const double variance : found.variances) EXPECT_DOUBLE_EQ(variance, 1);
  EXPECT_DOUBLE_EQ(found.degrees, 16);
}

TEST(ModeratedVariances, KeepApartWhatDiffers) {
  const auto found = moderated_variances(std::vector<double>{1e-4, 1, 1e-4, 1, 1},
                                         std::vector<double>{40, 40, 40, 40, 0});
  EXPECT_NEAR(found.variances[0], 1e-4, 5e-5);
  EXPECT_NEAR(found.variances[1], 1, 0.1);
  EXPECT_GT(found.variances[4], 1e-4);  // the common one
  EXPECT_LT(found.variances[4], 1);
  EXPECT_LT(found.degrees, 45);
  EXPECT_GT(found.degrees, 40);
  EXPECT_THROW(moderated_variances(std::vector<double>{1}, std::vector<double>{0}), CheckFailure);
}

TEST(NonnegativeLeastSquares, IsLeastSquaresWherePositive) {
  // columns (1, 1, 1) and (0, 1, 2) through 1, 3, 5
  const std::vector<double> columns = {1, 1, 1, 0, 1, 2}, b = {1, 3, 5};
  const auto x = nonnegative_least_squares(columns, b);
  EXPECT_NEAR(x[0], 1, 1e-12);
  EXPECT_NEAR(x[1], 2, 1e-12);
}

TEST(NonnegativeLeastSquares, FulfilsTheConditionsOfAMinimum) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  for (int trial = 0; trial < 200; ++trial) {
    const size_t rows = 2 + random() % 8, count = 1 + random() % 20;
    std::vector<double> columns(rows * count), b(rows);
    for (double& value : columns) value = normal(random);
    for (double& value : b) value = normal(random);
    const auto x = nonnegative_least_squares(columns, b);
    std::vector<double> left = b;
    for (size_t j = 0; j < count; ++j) {
      ASSERT_GE(x[j], 0);
      for (size_t i = 0; i < rows; ++i) left[i] -= columns[j * rows + i] * x[j];
    }
    for (size_t j = 0; j < count; ++j) {
      double slope = 0;
      for (size_t i = 0; i < rows; ++i) slope += columns[j * rows + i] * left[i];
      EXPECT_LE(slope, 1e-6);
      if (x[j] > 0) {
        EXPECT_NEAR(slope, 0, 1e-6);
      }
    }
  }
}

std::vector<LogPoint> points_of(double (*law)(double)) {
  std::vector<LogPoint> points;
  for (int64_t n = 128; n <= 8192; n *= 2) {
    points.push_back({n, std::log(law(static_cast<double>(n))), 0.01});
  }
  return points;
}

TEST(PowerSums, MeetSumsOfPowers) {
  const auto points = points_of([](double n) { return 1e4 + 30 * n + n * n / 100; });
  const auto best = PowerSums(points).best();
  EXPECT_LT(best.misfit, 1e-6);
  const double n = 8192, truth = (30 * n + 2 * n * n / 100) / (1e4 + 30 * n + n * n / 100);
  EXPECT_NEAR(best.exponent, truth, 2e-3);
  EXPECT_NEAR(local_exponent(best.terms, std::log(n)), best.exponent, 1e-12);
  EXPECT_NEAR(log_value(best.terms, std::log(512.0)), points[2].value, 1e-5);
  EXPECT_LT(PowerSums(points).misfit_at(truth), 1e-3);
  EXPECT_GT(PowerSums(points).misfit_at(truth + 0.1), 1);
  EXPECT_GT(PowerSums(points).misfit_at(truth - 0.1), 1);
}

TEST(PowerSums, MeetPowersBetweenTheirSteps) {
  const auto best = PowerSums(points_of([](double n) { return std::pow(n, 1.375); })).best();
  EXPECT_LT(best.misfit, 0.2);  // 0.2 % of error would make 0.28
  EXPECT_NEAR(best.exponent, 1.375, 2e-3);
}

TEST(PowerSums, NeverMeetWhatBendsDown) {
  const auto best = PowerSums(points_of([](double n) { return n / (n + 1000); })).best();
  EXPECT_GT(best.misfit, 100);
}

TEST(PowerSums, FindAStep) {
  const PowerSums sums(points_of([](double n) { return n * n * (n >= 1024 ? 1.25 : 1); }));
  const PowerSums::Step step = sums.step_at(3);
  EXPECT_NEAR(step.size, std::log(1.25), 0.01);
  EXPECT_LT(step.misfit, 0.1);
  EXPECT_GT(sums.step_at(2).misfit, 10);
}

}  // namespace
}  // namespace lengthwise
