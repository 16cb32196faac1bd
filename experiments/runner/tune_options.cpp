#include "experiments/runner/tune_options.h"

namespace lengthwise {

void TuneOptions::visit(OptionVisitor& v) {
  v.integer("steps", steps, {0, kLargestSize},
            "optimizer steps of a second training, from what train.steps or model.weights give; 0: "
            "none");
  v.integer("length", length, {0, kLargestSize}, "tokens of its examples; 0: length");
  v.integer("batch", batch, {0, 1 << 24}, "examples of its steps; 0: train.batch");
  v.number("learning_rate", learning_rate, {0, 100}, "its peak rate, which falls to 0");
  v.integer("warm_up", warm_up, {0, kLargestSize}, "its steps of linear rise");
  v.choice("parameters", part.parameters, {"all", "attention", "low_rank"},
           "what it changes: everything, the layers' attention, or a term of low rank beside each "
           "matrix of their attention");
  v.integer("rank", part.rank, {1, 1 << 16}, "of those terms");
}

TrainOptions TuneOptions::after(const TrainOptions& first) const {
  TrainOptions options = first;
  options.steps = steps;
  if (batch > 0) options.batch = batch;
  options.examples = 0;
  options.learning_rate = learning_rate;
  options.warm_up = warm_up;
  options.final_rate = 0;
  options.evaluate_every = 0;
  options.stop_accuracy = 1;
  return options;
}

}  // namespace lengthwise
