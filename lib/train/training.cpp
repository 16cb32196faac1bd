#include "train/training.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.h"
#include "base/random.h"

namespace lengthwise {
namespace {

constexpr int64_t kCurvePoints = 200;  // of a whole training, at most about
constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();

// The columns of the curve, under the names that they have in a checkpoint.
template <class Visit>
void each_curve_column(const Visit& visit) {
  visit(
      "curve/step", [](auto& point) -> auto& { return point.step; });
  visit(
      "curve/training_loss", [](auto& point) -> auto& { return point.training_loss; });
  visit(
      "curve/validation_loss", [](auto& point) -> auto& { return point.validation_loss; });
  visit(
      "curve/validation_accuracy", [](auto& point) -> auto& { return point.validation_accuracy; });
  visit(
      "curve/seconds", [](auto& point) -> auto& { return point.seconds; });
}

Archive::Array array_of(const Tensor& tensor) {
  return {tensor.shape(), {tensor.values().begin(), tensor.values().end()}};
}

template <class Values>
const Values& find(const std::map<std::string, Values>& entries, const std::string& name) {
  const auto found = entries.find(name);
  if (found == entries.end()) {
    user_error("checkpoint: found no '{}', expected a complete one of this model", name);
  }
  return found->second;
}

const Archive::Array& find_array(const Archive& archive, const std::string& name,
                                 const Shape& shape) {
  const Archive::Array& array = find(archive.arrays, name);
  if (array.shape != shape) {
    user_error("checkpoint: '{}': found {}, expected {}, as this model has it", name,
               to_string(array.shape), to_string(shape));
  }
  return array;
}

std::string weight_name(const Parameter& parameter) { return "parameters/" + parameter.name; }

}  // namespace

Training::Training(Transformer& model, const Task& task, TrainRequest request)
    : model_(model),
      task_(task),
      request_(std::move(request)),
      trainable_(model_, request_.trains, request_.seed),
      optimizer_(trainable_.parameters(), {.beta1 = request_.options.beta1,
                                           .beta2 = request_.options.beta2,
                                           .weight_decay = request_.options.weight_decay}) {}

bool Training::reached() const {
  const double wanted = request_.options.stop_accuracy;
  return wanted < 1 && !result_.curve.empty() && result_.curve.back().step == result_.steps &&
         result_.curve.back().validation_accuracy >= wanted;
}

bool Training::done() const {
  return result_.diverged || result_.steps >= request_.options.steps || reached();
}

bool Training::is_best() const {
  if (result_.curve.empty() || result_.curve.back().step != result_.steps) return false;
  const double last = result_.curve.back().validation_loss;
  return !std::isnan(last) &&
         std::none_of(result_.curve.begin(), result_.curve.end() - 1,
                      [&](const CurvePoint& point) { return point.validation_loss <= last; });
}

// Which step's fresh examples this one sees. A fixed number of them makes so many batches, which
// come in an order of their own each time.
int64_t Training::drawn_step(int64_t step) const {
  const int64_t batches = request_.options.examples / request_.options.batch;
  if (batches == 0) return request_.first_step + step;
  std::vector<int64_t> order(static_cast<size_t>(batches));
  std::iota(order.begin(), order.end(), int64_t{0});
  RandomStream random(request_.seed, Purpose::order, static_cast<uint64_t>(step / batches));
  for (int64_t left = batches; left > 1; --left) {
    std::swap(order[static_cast<size_t>(left - 1)], order[static_cast<size_t>(random.below(left))]);
  }
  return request_.first_step + order[static_cast<size_t>(step % batches)];
}

// Forward, backward and update; a loss or gradient that is not finite updates nothing.
CurvePoint Training::train_step(int64_t step) {
  const TrainOptions& options = request_.options;
  const Batch batch =
      task_.training_batch(request_.seed, drawn_step(step), options.batch, request_.length);
  const ForwardPass pass{.training = true,
                         .seed = request_.seed,
                         .step = step,
                         .checkpoint_layers = options.checkpoint == "layer"};
  const double loss = forward_backward(model_, batch, pass, {}, options.label_smoothing);
  if (std::isfinite(loss)) trainable_.gather_gradients();
  const double norm = std::isfinite(loss) ? gradient_norm(trainable_.parameters()) : loss;
  result_.diverged = !std::isfinite(norm);
  if (!result_.diverged) {
    const double factor = options.clip > 0 && norm > options.clip ? options.clip / norm : 1.0;
    optimizer_.step(scheduled_rate(options, step), factor);
    trainable_.clear_gradients();
    trainable_.apply();
    result_.steps = step + 1;
  }
  return {step + 1, loss, kAbsent, kAbsent, 0};
}

void Training::step() {
  const TrainOptions& options = request_.options;
  const auto start = std::chrono::steady_clock::now();
  const int64_t step = result_.steps;
  CurvePoint point = train_step(step);
  const bool last = step + 1 == options.steps;
  const bool evaluates = !result_.diverged && options.evaluate_every > 0 &&
                         ((step + 1) % options.evaluate_every == 0 || last);
  if (evaluates) {
    const LengthScore score =
        evaluate(model_, task_, request_.seed, request_.length, request_.evaluation_examples);
    point.validation_loss = score.all.loss;
    point.validation_accuracy = score.all.accuracy;
  }
  result_.seconds +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  point.seconds = result_.seconds;
  const int64_t every = std::max<int64_t>(1, options.steps / kCurvePoints);
  if (result_.diverged || step % every == 0 || last || evaluates) {
    result_.curve.push_back(point);
    if (request_.progress) request_.progress(point);
  }
}

void Training::save(Archive& archive) const {
  check(request_.trains.parameters == "all", "save of a training that changes a part");
  save_weights(model_, archive);
  archive.arrays["optimizer/first"] = array_of(optimizer_.first());
  archive.arrays["optimizer/second"] = array_of(optimizer_.second());
  archive.integers["optimizer/steps"] = optimizer_.steps();
  archive.integers["steps"] = result_.steps;
  archive.numbers["seconds"] = {result_.seconds};
  each_curve_column([&](const char* name, auto value_of) {
    std::vector<double>& values = archive.numbers[name];
    for (const CurvePoint& point : result_.curve) {
      values.push_back(static_cast<double>(value_of(point)));
    }
  });
}

void Training::restore(const Archive& archive) {
  TrainResult result;
  result.steps = find(archive.integers, "steps");
  result.seconds = find(archive.numbers, "seconds").at(0);
  result.curve.resize(find(archive.numbers, "curve/step").size());
  each_curve_column([&](const char* name, auto value_of) {
    const std::vector<double>& values = find(archive.numbers, name);
    if (values.size() != result.curve.size()) {
      user_error("checkpoint: '{}': found {} values, expected {}", name, values.size(),
                 result.curve.size());
    }
    for (size_t i = 0; i < values.size(); ++i) {
      auto& value = value_of(result.curve[i]);
      value = static_cast<std::remove_reference_t<decltype(value)>>(values[i]);
    }
  });
  const Shape moments = optimizer_.first().shape();
  const Archive::Array& first = find_array(archive, "optimizer/first", moments);
  const Archive::Array& second = find_array(archive, "optimizer/second", moments);
  const int64_t steps = find(archive.integers, "optimizer/steps");
  restore_weights(model_, archive);
  optimizer_.restore(steps, first.values, second.values);
  result_ = std::move(result);
}

void save_weights(const Transformer& model, Archive& archive) {
  for (const Parameter& parameter : model.parameters()) {
    archive.arrays[weight_name(parameter)] = array_of(parameter.variable.value());
  }
}

void restore_weights(Transformer& model, const Archive& archive) {
  std::vector<const Archive::Array*> arrays;
  for (const Parameter& parameter : model.parameters()) {
    arrays.push_back(&find_array(archive, weight_name(parameter), parameter.shape));
  }
  for (size_t i = 0; i < arrays.size(); ++i) {
    Var variable = model.parameters()[i].variable;
    std::copy(arrays[i]->values.begin(), arrays[i]->values.end(), variable.value().data());
  }
}

}  // namespace lengthwise
