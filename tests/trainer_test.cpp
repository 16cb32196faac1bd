#include "train/trainer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/parallel.h"
#include "base/random.h"
#include "tests/gradient_check.h"
#include "tests/model_weights.h"

namespace lengthwise {
namespace {

TEST(AdamW, EqualsDoubleOverTenSteps) {
  ParameterSet set(1);
  const Var matrix = set.add("matrix", {3, 5}, 0.5), gain = set.add_constant("gain", {5}, 1);
  const AdamWOptions options{0.8, 0.9, 1e-8, 0.3};
  AdamW optimizer(set.all(), options);
  for (const Parameter& p : set.all()) {
    std::vector<double> w = as_doubles(p.variable.value().values());
    std::vector<double> m(w.size()), v(w.size());
    RandomStream expected_draws(3, Purpose::probe, p.decays);
    for (int t = 1; t <= 10; ++t) {
      const double rate = 0.01 * t;
      for (size_t i = 0; i < w.size(); ++i) {
        const double g = static_cast<double>(static_cast<float>(expected_draws.normal())) * 0.5;
        m[i] = 0.8 * m[i] + 0.2 * g;
        v[i] = 0.9 * v[i] + 0.1 * g * g;
        w[i] -= p.decays ? rate * 0.3 * w[i] : 0.0;
        w[i] -= rate * m[i] / (1 - std::pow(0.8, t)) /
                (std::sqrt(v[i] / (1 - std::pow(0.9, t))) + 1e-8);
      }
    }
    // The real one, this parameter alone: without a gradient a parameter stays as it is.
    const std::vector<double> other = as_doubles((p.decays ? gain : matrix).value().values());
    AdamW alone(set.all(), options);
    RandomStream draws(3, Purpose::probe, p.decays);
    for (int t = 1; t <= 10; ++t) {
      p.variable.gradient()->data();
      for (float& g : p.variable.gradient()->values()) g = static_cast<float>(draws.normal());
      alone.step(0.01 * t, 0.5);
      set.clear_gradients();
    }
    EXPECT_LE(relative_error(as_doubles(p.variable.value().values()), w), 1e-5) << p.name;
    EXPECT_EQ(as_doubles((p.decays ? gain : matrix).value().values()), other);
  }
}

TEST(AdamW, GradientNormIsOfAllTogether) {
  ParameterSet set(1);
  const Var a = set.add("a", {2}, 1), b = set.add("b", {50'000}, 1), unused = set.add("c", {9}, 1);
  a.gradient()->data();
  a.gradient()->values()[0] = 3;
  b.gradient()->data();
  for (float& g : b.gradient()->values()) g = 0.5F;
  EXPECT_NEAR(gradient_norm(set.all()), std::sqrt(9 + 12'500.0), 1e-9);
}

TEST(Schedule, RisesThenFallsAlongACosine) {
  TrainOptions options;
  options.steps = 110;
  options.warm_up = 10;
  options.learning_rate = 2;
  options.final_rate = 0.1;
  EXPECT_DOUBLE_EQ(scheduled_rate(options, 0), 0.2);
  EXPECT_DOUBLE_EQ(scheduled_rate(options, 9), 2);
  EXPECT_DOUBLE_EQ(scheduled_rate(options, 10), 2);
  EXPECT_DOUBLE_EQ(scheduled_rate(options, 60), 2 * 0.55);
  EXPECT_NEAR(scheduled_rate(options, 110), 0.2, 1e-12);
}

class Training : public testing::Test {
 protected:
  void TearDown() override { set_thread_count(0); }

  static ModelSetup setup(const std::string& attention = "full") {
    ModelSetup s;
    s.model.width = 16;
    s.model.heads = 2;
    s.attention = attention;
    s.position = "learned";
    s.position_options = {{"longest", "32"}};
    s.vocabulary = 24;
    return s;
  }
  std::unique_ptr<Task> task_ = task_entry("mqar").make({{"vocabulary", "24"}, {"pairs", "2"}});
};

TEST_F(Training, LearnsAndIsBitwiseTheSameWithAnyThreads) {
  for (const char* attention : {"full", "windowed", "no_weights", "linear"}) {
    std::vector<float> first;
    double before = 0;
    for (const int threads : {1, 2, 3, 2}) {
      set_thread_count(threads);
      Transformer model(setup(attention), ParameterSet(5));
      TrainRequest request;
      request.options.steps = 30;
      request.options.warm_up = 5;
      request.options.batch = 8;
      request.options.learning_rate = 1e-2;
      request.length = 16;
      before = evaluate(model, *task_, 5, 16, 50).all.loss;
      const TrainResult result = train(model, *task_, request);
      EXPECT_EQ(result.steps, 30);
      EXPECT_FALSE(result.diverged);
      EXPECT_EQ(result.curve.size(), 30U);
      EXPECT_LT(evaluate(model, *task_, 5, 16, 50).all.loss, before) << attention;
      if (first.empty()) first = weights_of(model);
      EXPECT_EQ(weights_of(model), first) << attention << ", " << threads << " threads";
    }
  }
}

TEST_F(Training, EndsBeforeALossThatIsNotFiniteTouchesAWeight) {
  ModelSetup wild = setup();
  wild.model.initial_deviation = 10;
  Transformer model(wild, ParameterSet(5));
  for (const Parameter& p : model.parameters()) {
    if (p.name == "embedding") Var(p.variable).value().data()[0] = HUGE_VALF;
  }
  const std::vector<float> before = weights_of(model);
  TrainRequest request;
  request.options.steps = 30;
  request.options.batch = 4;
  request.length = 16;
  const TrainResult result = train(model, *task_, request);
  EXPECT_TRUE(result.diverged);
  EXPECT_EQ(result.steps, 0);
  EXPECT_EQ(result.curve.size(), 1U);
  EXPECT_EQ(weights_of(model), before);
}

TEST_F(Training, SmoothsLabelsInTheTrainingLossAlone) {
  Transformer model(setup(), ParameterSet(5));
  TrainRequest request;
  request.options.steps = 1;
  request.options.batch = 4;
  request.options.learning_rate = 0;
  request.options.evaluate_every = 1;
  request.options.label_smoothing = 0.5;
  request.length = 16;
  request.evaluation_examples = 20;
  const CurvePoint point = train(model, *task_, request).curve.back();
  const Batch batch = task_->training_batch(request.seed, 0, 4, 16);
  EXPECT_EQ(point.training_loss, forward_backward(model, batch, {}, {}, 0.5));
  EXPECT_NE(point.training_loss, forward_backward(model, batch, {}));
  const Batch scored = task_->evaluation_batch(request.seed, 16, 0, 20);
  EXPECT_NEAR(point.validation_loss, forward_backward(model, scored, {}), 1e-6);
}

TEST_F(Training, StopsAtTheAccuracyAskedFor) {
  Transformer model(setup(), ParameterSet(5));
  TrainRequest request;
  request.options.steps = 50;
  request.options.batch = 4;
  request.options.evaluate_every = 10;
  request.options.stop_accuracy = 0.0;
  request.length = 16;
  request.evaluation_examples = 20;
  const TrainResult result = train(model, *task_, request);
  EXPECT_EQ(result.steps, 10);
  EXPECT_FALSE(std::isnan(result.curve.back().validation_accuracy));
  EXPECT_TRUE(std::isnan(result.curve.front().validation_accuracy));
}

TEST_F(Training, ScoresDoNotDependOnHowManyTokensGoAtOnce) {
  const Transformer model(setup(), ParameterSet(5));
  const LengthScore few = evaluate(model, *task_, 5, 16, 37, 16),
                    many = evaluate(model, *task_, 5, 16, 37, 100'000);
  EXPECT_EQ(few.all.scored, 74);
  EXPECT_EQ(many.all.scored, 74);
  EXPECT_NEAR(few.all.loss, many.all.loss, 1e-6);
  EXPECT_EQ(few.all.accuracy, many.all.accuracy);
}

}  // namespace
}  // namespace lengthwise
