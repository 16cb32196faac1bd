// Stopping between two steps, and going on from what was saved.
#include "train/training.h"

#include <gmock/gmock.h>

#include <cmath>

#include "base/check.h"
#include "tests/model_weights.h"
#include "tests/table_checks.h"

namespace lengthwise {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class Checkpoint : public FolderTest {
 protected:
  static ModelSetup setup(int64_t width = 16) {
    ModelSetup s;
    s.model.width = width;
    s.model.heads = 2;
    s.model.dropout = 0.2;
    s.attention = "full";
    s.position = "rotary";
    s.vocabulary = 24;
    return s;
  }
  static TrainRequest request(int64_t steps) {
    TrainRequest r;
    r.options.steps = steps;
    r.options.batch = 4;
    r.options.warm_up = 3;
    r.options.learning_rate = 1e-2;
    r.options.evaluate_every = 4;
    r.length = 16;
    r.seed = 5;
    r.evaluation_examples = 10;
    return r;
  }
  std::unique_ptr<Task> task_ = task_entry("mqar").make({{"vocabulary", "24"}, {"pairs", "2"}});
};

void expect_same_curve(const TrainResult& a, const TrainResult& b) {
  ASSERT_EQ(a.curve.size(), b.curve.size());
  const auto same = [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); };
  for (size_t i = 0; i < a.curve.size(); ++i) {
    EXPECT_EQ(a.curve[i].step, b.curve[i].step);
    EXPECT_EQ(a.curve[i].training_loss, b.curve[i].training_loss);
    EXPECT_TRUE(same(a.curve[i].validation_loss, b.curve[i].validation_loss));
    EXPECT_TRUE(same(a.curve[i].validation_accuracy, b.curve[i].validation_accuracy));
  }
}

TEST_F(Checkpoint, GoesOnBitForBitFromAnyStep) {
  Transformer undisturbed(setup(), ParameterSet(5));
  Training whole(undisturbed, *task_, request(11));
  while (!whole.done()) whole.step();
  for (const int stop : {0, 1, 4, 7, 10, 11}) {
    Transformer first(setup(), ParameterSet(5));
    Training before(first, *task_, request(11));
    for (int i = 0; i < stop; ++i) before.step();
    Archive saved;
    before.save(saved);
    write_archive(folder_ / "c.h5", saved);

    Transformer second(setup(), ParameterSet(99));
    Training after(second, *task_, request(11));
    after.restore(read_archive(folder_ / "c.h5"));
    EXPECT_EQ(after.done(), stop == 11);
    while (!after.done()) after.step();
    EXPECT_EQ(weights_of(second), weights_of(undisturbed)) << "stopped after " << stop;
    expect_same_curve(after.result(), whole.result());
    EXPECT_GE(after.result().seconds, before.result().seconds);
  }
}

TEST_F(Checkpoint, ScoresTheSameWhenReadAgain) {
  Transformer model(setup(), ParameterSet(5));
  Training training(model, *task_, request(6));
  while (!training.done()) training.step();
  Archive saved;
  training.save(saved);
  write_archive(folder_ / "c.h5", saved);
  Transformer again(setup(), ParameterSet(99));
  restore_weights(again, read_archive(folder_ / "c.h5"));
  EXPECT_EQ(evaluate(again, *task_, 5, 16, 40).all.loss,
            evaluate(model, *task_, 5, 16, 40).all.loss);
}

TEST_F(Checkpoint, KnowsTheBestValidation) {
  Transformer model(setup(), ParameterSet(5));
  TrainRequest jumpy = request(40);
  jumpy.options.learning_rate = 0.1;
  Training training(model, *task_, jumpy);
  double best = HUGE_VAL;
  int64_t better = 0, validated = 0;
  while (!training.done()) {
    training.step();
    const CurvePoint& last = training.result().curve.back();
    const bool is_better = last.validation_loss < best;  // false for NaN
    EXPECT_EQ(training.is_best(), is_better) << last.step;
    if (is_better) best = last.validation_loss;
    better += is_better ? 1 : 0;
    validated += std::isnan(last.validation_loss) ? 0 : 1;
  }
  EXPECT_GT(better, 1);
  EXPECT_LT(better, validated);
}

TEST_F(Checkpoint, OfAnotherModelChangesNothing) {
  Transformer narrow(setup(), ParameterSet(5)), wide(setup(32), ParameterSet(5));
  const std::vector<float> before = weights_of(narrow);
  Training of_narrow(narrow, *task_, request(2)), of_wide(wide, *task_, request(2));
  Archive saved;
  of_wide.save(saved);
  EXPECT_THAT([&] { of_narrow.restore(saved); },
              ThrowsMessage<UserError>(HasSubstr("as this model has it")));
  of_narrow.save(saved);
  for (auto& [name, array] : saved.arrays) array.values.front() += 1;
  const std::string last = "parameters/" + narrow.parameters().back().name;
  saved.arrays.erase(last);
  EXPECT_THAT([&] { of_narrow.restore(saved); },
              ThrowsMessage<UserError>(HasSubstr(fmt::format("found no '{}'", last))));
  EXPECT_EQ(weights_of(narrow), before);
}

TEST_F(Checkpoint, ThatIsDamagedIsNamed) {
  Transformer model(setup(), ParameterSet(5));
  Archive saved;
  Training(model, *task_, request(2)).save(saved);
  write_archive(folder_ / "c.h5", saved);
  fs::resize_file(folder_ / "c.h5", 4000);
  EXPECT_THAT([&] { read_archive(folder_ / "c.h5"); }, ThrowsMessage<UserError>(HasSubstr("c.h5")));
  EXPECT_THAT([&] { read_archive(folder_ / "none.h5"); },
              ThrowsMessage<UserError>(HasSubstr("none.h5")));
}

}  // namespace
}  // namespace lengthwise
