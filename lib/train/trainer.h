#pragma once
#include <functional>
#include <vector>

#include "train/adamw.h"
#include "train/score.h"  // IWYU pragma: export
#include "train/trainable.h"

namespace lengthwise {

struct TrainOptions {
  int64_t steps = 0;
  int64_t batch = 32;
  int64_t examples = 0;
  double learning_rate = 1e-3;
  int64_t warm_up = 100;
  double final_rate = 0;
  double clip = 1;
  double weight_decay = 0.1;
  double label_smoothing = 0;
  double beta1 = 0.9;
  double beta2 = 0.98;
  int64_t evaluate_every = 0;
  double stop_accuracy = 1;
  std::string checkpoint = "none";

  void visit(OptionVisitor& v);
};

/// The rate of step 0, 1, ...: rising linearly over the warm-up, then half a cosine down to
/// final_rate times the peak.
double scheduled_rate(const TrainOptions& options, int64_t step);

/// One line of the training curve. Validation is NaN where the step was not evaluated.
struct CurvePoint {
  int64_t step = 0;
  double training_loss = 0;  // smoothed, if labels are; validation never is
  double validation_loss = 0, validation_accuracy = 0, seconds = 0;
};

struct TrainResult {
  bool diverged = false;  // the loss, or a gradient, was not finite: nothing was updated with it
  int64_t steps = 0;      // taken
  double seconds = 0;     // of training, evaluation included
  std::vector<CurvePoint> curve;
};

struct TrainRequest {
  TrainOptions options;
  int64_t length = 0;
  uint64_t seed = 0;
  TrainedPart trains{};
  int64_t first_step = 0;  // of the examples that are drawn: those before are another training's
  int64_t evaluation_examples = 1000;
  std::function<void(const CurvePoint&)> progress;  // may be empty
};

TrainResult train(Transformer& model, const Task& task, const TrainRequest& request);

/// Mean loss over the batch's labels, in nats: [1]; smoothed as cross_entropy says. The source is
/// the batch's, and the tokens before each label the right ones.
Var batch_loss(const Transformer& model, const Batch& batch, ForwardPass pass,
               double label_smoothing = 0);

/// One training step without the update: forward on `batch`, `between` (if any), backward; returns
/// the mean loss. Gradients add to what is there; a loss that is not finite gives none.
double forward_backward(const Transformer& model, const Batch& batch, const ForwardPass& pass,
                        const std::function<void()>& between = {}, double label_smoothing = 0);

}  // namespace lengthwise
