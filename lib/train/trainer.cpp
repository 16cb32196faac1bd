#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "train/training.h"

namespace lengthwise {
void TrainOptions::visit(OptionVisitor& v) {
  v.integer("steps", steps, {0, kLargestSize}, "optimizer steps; 0: no training");
  v.integer("batch", batch, {1, 1 << 24}, "examples of a step");
  v.integer("examples", examples, {0, kLargestSize},
            "different examples that training sees over and over, in whole batches whose order is "
            "drawn anew each time; 0: fresh ones at every step");
  v.number("learning_rate", learning_rate, {0, 100}, "peak rate of AdamW");
  v.integer("warm_up", warm_up, {0, kLargestSize}, "steps of linear rise to the peak rate");
  v.number("final_rate", final_rate, {0, 1}, "share of the peak rate at the end of the cosine");
  v.number("clip", clip, {0, 1e9}, "largest norm of all gradients together; 0: no clipping");
  v.number("weight_decay", weight_decay, {0, 10}, "decoupled, of matrices");
  v.number("label_smoothing", label_smoothing, {0, 0.99},
           "share of a target that goes to all classes alike, in the training loss alone");
  v.number("beta1", beta1, {0, 0.999999}, "decay of the first moment");
  v.number("beta2", beta2, {0, 0.999999}, "decay of the second moment");
  v.integer("evaluate_every", evaluate_every, {0, kLargestSize},
            "steps between validations at the training length; 0: none");
  v.number("stop_accuracy", stop_accuracy, {0, 1},
           "validation accuracy above which training stops; 1: never");
  v.choice("checkpoint", checkpoint, {"none", "layer"},
           "layer: keep only what enters each layer and run it again in the backward pass, in a "
           "measured step too");
}

double scheduled_rate(const TrainOptions& options, int64_t step) {
  if (step < options.warm_up) {
    return options.learning_rate * static_cast<double>(step + 1) /
           static_cast<double>(options.warm_up);
  }
  const double share = static_cast<double>(step - options.warm_up) /
                       static_cast<double>(std::max<int64_t>(1, options.steps - options.warm_up));
  const double cosine = 0.5 * (1.0 + std::cos(std::numbers::pi * std::min(1.0, share)));
  return options.learning_rate * (options.final_rate + (1.0 - options.final_rate) * cosine);
}

Var batch_loss(const Transformer& model, const Batch& batch, ForwardPass pass,
               double label_smoothing) {
  pass.source = source_of(batch);
  const Var logits = model.logits(batch.tokens, batch.batch, batch.length, batch.labelled, pass);
  const ScopeGuard scope(Scope::head);
  return cross_entropy(logits, batch.targets, label_smoothing);
}

double forward_backward(const Transformer& model, const Batch& batch, const ForwardPass& pass,
                        const std::function<void()>& between, double label_smoothing) {
  Tape tape;
  const Recording recording(tape);
  const Var loss = batch_loss(model, batch, pass, label_smoothing);
  const double value = static_cast<double>(loss.data()[0]);
  if (between) between();
  if (std::isfinite(value)) tape.backward(loss);
  return value;
}

TrainResult train(Transformer& model, const Task& task, const TrainRequest& request) {
  Training training(model, task, request);
  while (!training.done()) training.step();
  return training.result();
}

}  // namespace lengthwise
