// The model that a sweep's runs begin with, where model.weights names one.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "experiments/runner/run_config.h"
#include "experiments/runner/stored_model.h"

namespace lengthwise {

class StartWeights {
 public:
  /// None for "". UserError names the path where it is missing, damaged or no model.
  explicit StartWeights(const std::string& path);

  /// Those of `values` and, for keys that they do not give, those that say what the weights are of.
  OptionValues filled(OptionValues values) const;
  /// UserError names the key or the tensor in which this run's model is not that of the weights;
  /// the variants of its layers may be others.
  void check_fit(const RunConfig& asked, const Task& task) const;
  /// A hash of the data's and of the weights' bytes; where there are no weights that of the data.
  uint64_t hashed_with(uint64_t data_hash) const;

 private:
  std::optional<StoredModel> stored_;
  RunConfig config_;  // of the weights
  uint64_t hash_ = 0;
};

/// Sets the weights of a run's model to those that it begins with, if there are any. UserError as
/// above.
void start_from_weights(const RunConfig& config, Transformer& model);

}  // namespace lengthwise
