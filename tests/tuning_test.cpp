// A training that changes a part of a model, sees few examples, or follows another.
#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "io/table.h"
#include "tests/gradient_check.h"
#include "tests/model_weights.h"
#include "tests/sweep_fixture.h"
#include "train/training.h"

namespace lengthwise {
namespace {

using testing::HasSubstr;

class Trained : public testing::Test {
 protected:
  static ModelSetup setup() {
    ModelSetup s;
    s.model.width = 16;
    s.model.heads = 2;
    s.attention = "flash";
    s.position = "learned";
    s.position_options = {{"longest", "32"}};
    s.vocabulary = 24;
    return s;
  }
  static TrainRequest request(const std::string& parameters) {
    TrainRequest r;
    r.options.steps = 5;
    r.options.warm_up = 1;
    r.options.batch = 4;
    r.options.learning_rate = 1e-2;
    r.options.weight_decay = 0;
    r.length = 16;
    r.trains = {parameters, 2};
    return r;
  }
  std::unique_ptr<Task> task_ = task_entry("mqar").make({{"vocabulary", "24"}, {"pairs", "2"}});
};

using Values = std::map<std::string, std::vector<float>>;

Values values_of(const Transformer& model) {
  Values values;
  for (const Parameter& parameter : model.parameters()) {
    const auto all = parameter.variable.value().values();
    values[parameter.name].assign(all.begin(), all.end());
  }
  return values;
}

std::set<std::string> changed(const Values& before, const Values& after) {
  std::set<std::string> names;
  for (const auto& [name, values] : before) {
    if (after.at(name) != values) names.insert(name);
  }
  return names;
}

TEST_F(Trained, AttentionAloneChangesNothingElse) {
  Transformer model(setup(), ParameterSet(5));
  const Values before = values_of(model);
  train(model, *task_, request("attention"));
  std::set<std::string> expected;
  for (const std::string layer : {"layers.0.", "layers.1."}) {
    for (const char* part : {"query", "key", "value", "output"}) {
      expected.insert(layer + part + ".weight");
      expected.insert(layer + part + ".bias");
    }
  }
  EXPECT_EQ(changed(before, values_of(model)), expected);
}

// The largest determinant of 3 rows and columns of a difference of rank 2 is 0; of one that is not,
// it is as large as its elements say.
double largest_determinant(const std::vector<float>& before, const std::vector<float>& after,
                           size_t width) {
  const auto d = [&](size_t row, size_t column) {
    return static_cast<double>(after[row * width + column]) - before[row * width + column];
  };
  double largest = 0, size = 0;
  for (size_t i = 0; i + 2 < width; ++i) {
    const double determinant = d(i, 0) * (d(i + 1, 1) * d(i + 2, 2) - d(i + 1, 2) * d(i + 2, 1)) -
                               d(i, 1) * (d(i + 1, 0) * d(i + 2, 2) - d(i + 1, 2) * d(i + 2, 0)) +
                               d(i, 2) * (d(i + 1, 0) * d(i + 2, 1) - d(i + 1, 1) * d(i + 2, 0));
    largest = std::max(largest, std::abs(determinant));
    size = std::max(size, std::abs(d(i, 0)));
  }
  return largest / (size * size * size);
}

TEST_F(Trained, LowRankAddsATermOfThatRankToEveryProjection) {
  Transformer model(setup(), ParameterSet(5)), whole(setup(), ParameterSet(5));
  const Values before = values_of(model);
  train(model, *task_, request("low_rank"));
  train(whole, *task_, request("attention"));
  const Values after = values_of(model), other = values_of(whole);
  std::set<std::string> expected;
  for (const std::string layer : {"layers.0.", "layers.1."}) {
    for (const char* part : {"query", "key", "value", "output"}) {
      expected.insert(layer + part + ".weight");
    }
  }
  EXPECT_EQ(changed(before, after), expected);
  for (const std::string& name : expected) {
    EXPECT_LT(largest_determinant(before.at(name), after.at(name), 16), 1e-4) << name;
    EXPECT_GT(largest_determinant(before.at(name), other.at(name), 16), 1e-2) << name;
  }
}

// W = W0 + A B: with B = 0 the slope of A is 0 and that of B is A^T dW.
TEST_F(Trained, LowRankTermsHaveTheSlopesOfTheirProduct) {
  Transformer model(setup(), ParameterSet(5));
  Trainable low(model, {"low_rank", 2}, 7);
  EXPECT_EQ(low.count(), 2 * 4 * (16 * 2 + 2 * 16));
  const Batch batch = task_->training_batch(5, 0, 4, 16);
  forward_backward(model, batch, {});
  const auto named = [](const std::vector<Parameter>& all, const std::string& name) {
    return std::find_if(all.begin(), all.end(), [&](const auto& p) { return p.name == name; })
        ->variable;
  };
  const std::string name = "layers.1.key.weight";
  const Var down = named(low.parameters(), name + ".down");
  const Var up = named(low.parameters(), name + ".up");
  const Var matrix = named(model.parameters(), name);
  for (int64_t i = 0; i < up.value().size(); ++i) {
    Var(up).value().data()[i] = 0.25F * static_cast<float>(i % 5) - 0.5F;
  }
  low.gather_gradients();
  std::vector<double> of_down(32), of_up(32);
  const float* slope = matrix.gradient()->data();
  for (size_t i = 0; i < 16; ++i) {
    for (size_t j = 0; j < 16; ++j) {
      for (size_t r = 0; r < 2; ++r) {
        const double s = slope[i * 16 + j];
        of_down[i * 2 + r] += s * up.data()[r * 16 + j];
        of_up[r * 16 + j] += s * down.data()[i * 2 + r];
      }
    }
  }
  EXPECT_LE(relative_error(as_doubles(down.gradient()->values()), of_down), 1e-5);
  EXPECT_LE(relative_error(as_doubles(up.gradient()->values()), of_up), 1e-5);
  const std::vector<double> original = as_doubles(matrix.value().values());
  low.apply();
  for (size_t i = 0; i < 16; ++i) {
    for (size_t j = 0; j < 16; ++j) {
      double sum = original[i * 16 + j];
      for (size_t r = 0; r < 2; ++r) sum += double{down.data()[i * 2 + r]} * up.data()[r * 16 + j];
      EXPECT_NEAR(matrix.data()[i * 16 + j], sum, 1e-6);
    }
  }
}

TEST_F(Trained, ARankAboveAMatrixIsRefused) {
  Transformer model(setup(), ParameterSet(5));
  try {
    const Trainable low(model, {"low_rank", 17}, 7);
    FAIL() << "accepted";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("tune.rank: found 17, expected at most 16"));
  }
}

// What of a task's calls a training makes.
class Watched final : public Task {
 public:
  explicit Watched(const Task& task) : task_(task) {}
  int64_t vocabulary() const override { return task_.vocabulary(); }
  void check_length(int64_t length) const override { task_.check_length(length); }
  double chance(int64_t length) const override { return task_.chance(length); }
  Batch training_batch(uint64_t seed, int64_t step, int64_t batch, int64_t length) const override {
    steps.push_back(step);
    return task_.training_batch(seed, step, batch, length);
  }
  Batch evaluation_batch(uint64_t seed, int64_t length, int64_t first,
                         int64_t count) const override {
    return task_.evaluation_batch(seed, length, first, count);
  }
  mutable std::vector<int64_t> steps;

 private:
  const Task& task_;
};

TEST_F(Trained, AFixedNumberOfExamplesComesOverAndOverInNewOrders) {
  Transformer model(setup(), ParameterSet(5));
  const Watched watched(*task_);
  TrainRequest few = request("all");
  few.options.steps = 24;
  few.options.examples = 4 * 6;
  few.first_step = 100;
  train(model, watched, few);
  ASSERT_EQ(watched.steps.size(), 24U);
  std::vector<std::vector<int64_t>> rounds;
  for (size_t first = 0; first < 24; first += 6) {
    rounds.emplace_back(watched.steps.begin() + first, watched.steps.begin() + first + 6);
    EXPECT_THAT(rounds.back(), testing::UnorderedElementsAre(100, 101, 102, 103, 104, 105));
  }
  EXPECT_NE(rounds[0], rounds[1]);
  EXPECT_NE(rounds[1], rounds[2]);
}

class Tuning : public SweepTest {
 protected:
  static std::string base(int steps = 40) {
    return "run --results r --attention flash --position rotary --task mqar --task.mqar.vocabulary "
           "48 "
           "--task.mqar.pairs 2 --length 16 --model.width 16 --model.heads 2 --repeats 1 "
           "--threads 1 --train.batch 8 --eval.lengths 16+32 --eval.examples 50 --train.steps " +
           std::to_string(steps) + " ";
  }
};

TEST_F(Tuning, GoesOnFromTheFirstTrainingAndIsScoredBeforeAndAfter) {
  const Outcome outcome =
      run(base() + "--tune.steps 0,20 --tune.length 32 --tune.batch 4 --tune.parameters low_rank");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto loss = numbers("loss"), before = numbers("untuned_loss");
  ASSERT_EQ(loss.size(), 4U);
  EXPECT_TRUE(std::isnan(before[0]));
  EXPECT_EQ(before[2], loss[0]) << "the first training is the same";
  EXPECT_EQ(before[3], loss[1]);
  EXPECT_NE(loss[3], before[3]);
  EXPECT_EQ(numbers("tune_steps").at(1), 20);
  EXPECT_EQ(numbers("tune_length").at(1), 32);
  EXPECT_EQ(numbers("tuned_parameters").at(1), 2 * 4 * 2 * 4 * 16);
  EXPECT_EQ(run("run --results again --model.weights r/checkpoints/*.tuned.h5 --task mqar "
                "--task.mqar.vocabulary 48 --task.mqar.pairs 2 --length 16 --repeats 1 "
                "--threads 1 --eval.lengths 16+32 --eval.examples 50")
                .exit_code,
            0);
  const auto again = numbers("loss", "again");
  EXPECT_EQ(again, std::vector<double>(loss.begin() + 2, loss.end()));
}

TEST_F(Tuning, ComparesWhatWasTrainedTwiceAsSuch) {
  ASSERT_EQ(run(base() + "--tune.steps 0,20 --tune.length 32 --tune.batch 4").exit_code, 0);
  const auto lines = nlohmann::json::parse(run("compare r/sweep.h5 --json").out).at("scores");
  const auto once = numbers("train_seconds"), again = numbers("tune_seconds");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].at("tune_length"), 0);
  EXPECT_EQ(lines[0].at("seeds")[0].at("training_seconds"), once[0]);
  EXPECT_EQ(lines[1].at("tune_length"), 32);
  EXPECT_EQ(lines[1].at("seeds")[0].at("training_seconds"), once[1] + again[1]);
  EXPECT_THAT(run("compare r/sweep.h5").out, HasSubstr("trained at length 16\n"));
  ASSERT_EQ(run(base() + "--tune.steps 20 --tune.length 32 --tune.batch 4").exit_code, 0);
  EXPECT_THAT(run("compare r/sweep.h5").out, HasSubstr("trained at length 16, then at 32\n"));
}

TEST_F(Tuning, ScoresTheWeightsOfTheLowestValidationLossIfAsked) {
  const std::string few = base(200) +
                          "--train.examples 8 --train.evaluate_every 10 --train.learning_rate 1e-2 "
                          "--eval.weights last,best";
  const Outcome outcome = run(few);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto curve = numbers("curve_validation_loss"), loss = numbers("loss");
  double best = INFINITY;
  for (const double value : curve) {
    if (!std::isnan(value)) best = std::min(best, value);
  }
  EXPECT_GT(loss[0], best);
  EXPECT_NEAR(loss[2], best, 1e-6);
}

TEST_F(Tuning, RemovalIsRecordedByHeadAndWeight) {
  const Outcome outcome = run(base() + "--eval.removal true");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto correlation = numbers("removal_correlation"), effect = numbers("removal_effect");
  ASSERT_EQ(correlation.size(), 2U * 2 * 2);
  ASSERT_EQ(effect.size(), 2U * 2 * 2 * 10);
  for (const double value : correlation) EXPECT_LE(std::abs(value), 1);
  EXPECT_TRUE(std::any_of(effect.begin(), effect.end(), [](double value) { return value > 0; }));
  EXPECT_EQ(merged().find("gradient_norm")->dimensions, (std::vector<std::string>{"run", "layer"}));
}

TEST_F(Tuning, LookingInEveryWayAtOnceFitsAVariantOfOneHead) {
  const Outcome outcome = run(
      "run --results r --attention no_weights --task induction --length 16 --model.width 16 "
      "--repeats 1 --train.steps 5 --eval.examples 20 --eval.attention true --eval.removal true");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(numbers("attention_entropy").size(), 2U);
  EXPECT_EQ(numbers("removal_correlation").size(), 2U);
}

TEST_F(Tuning, RefusesWhatItCannotDo) {
  const auto refused = [&](const std::string& more) { return run(base() + more).err; };
  EXPECT_THAT(refused("--train.examples 10"),
              HasSubstr("train.examples: found 10, expected a multiple of train.batch = 8"));
  EXPECT_THAT(refused("--eval.weights best"),
              HasSubstr("eval.weights: found best without validations"));
  EXPECT_THAT(refused("--eval.evidence true"),
              HasSubstr("eval.evidence: found task = mqar, which does not say"));
  EXPECT_THAT(refused("--tune.steps 5 --tune.parameters low_rank --tune.rank 17"),
              HasSubstr("tune.rank: found 17, expected at most 16, the smaller side of layers.0"));
  EXPECT_THAT(refused("--tune.steps 5 --tune.parameters low_rank --model.projections none"),
              HasSubstr("tune.parameters: found low_rank, expected all"));
  EXPECT_THAT(run("run --tune.steps 5").err, HasSubstr("tune.steps: found 5 and nothing to go on"));
}

}  // namespace
}  // namespace lengthwise
