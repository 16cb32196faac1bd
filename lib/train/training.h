// A training that can stop between any two steps and go on, bit for bit, from what was saved.
#pragma once
#include "io/archive.h"
#include "train/trainer.h"

namespace lengthwise {

class Training {
 public:
  /// The model and the task outlive it.
  Training(Transformer& model, const Task& task, TrainRequest request);

  /// Every step was taken, the accuracy asked for was reached, or the loss was not finite.
  bool done() const;
  /// One step, and its validation where one is due.
  void step();
  const TrainResult& result() const { return result_; }
  /// The last step was validated, and no validation loss before was as low.
  bool is_best() const;

  /// How many numbers it changes.
  int64_t trained_count() const { return trainable_.count(); }

  /// Weights, moments, the position in the schedule, and the curve so far; of one that trains all.
  void save(Archive& archive) const;
  /// UserError where the archive is not of such a model; then nothing has changed.
  void restore(const Archive& archive);

 private:
  bool reached() const;
  int64_t drawn_step(int64_t step) const;
  CurvePoint train_step(int64_t step);

  Transformer& model_;
  const Task& task_;
  TrainRequest request_;
  Trainable trainable_;
  AdamW optimizer_;
  TrainResult result_;
};

/// The model's weights, under their names.
void save_weights(const Transformer& model, Archive& archive);
/// Sets the model's weights to those of a checkpoint. UserError as restore.
void restore_weights(Transformer& model, const Archive& archive);

}  // namespace lengthwise
