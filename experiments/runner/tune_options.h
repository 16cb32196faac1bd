// A second training, which takes up what the first one made.
#pragma once
#include "base/options.h"
#include "train/trainer.h"

namespace lengthwise {

/// Keys tune.*, which say nothing where there are no steps.
struct TuneOptions {
  int64_t steps = 0;
  int64_t length = 0;
  int64_t batch = 0;
  double learning_rate = 1e-3;
  int64_t warm_up = 10;
  TrainedPart part;

  void visit(OptionVisitor& v);
  /// Those of the first training but for these.
  TrainOptions after(const TrainOptions& first) const;
};

}  // namespace lengthwise
