// The operations of a model with sizes in place of values: what each allocates, saves and counts.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "nn/step_plan.h"

namespace lengthwise {

/// Parameters are found by their names. Every function mirrors the operation of its name.
class PlannedOperations {
 public:
  using Value = StepPlan::Value;
  using Block = StepPlan::Block;

  PlannedOperations(StepPlan& plan, const ModelOptions& options, int64_t vocabulary)
      : plan_(plan), options_(options), vocabulary_(vocabulary) {}

  void add_parameter(const std::string& name, int64_t floats) {
    parameters_.emplace_back(name, plan_.parameter(floats));
  }
  int64_t parameter_count() const;
  bool has(const std::string& name) const;
  /// The inputs and the parameters that a plug-in has under this prefix.
  std::vector<Value> with_parameters(std::vector<Value> inputs, const std::string& prefix) const;

  /// x itself where there is no such weight.
  Value linear(const Value& x, const std::string& name);
  Value linear_gelu(const Value& x, const std::string& name);
  Value tied_head(const Value& x);
  /// x itself where there is no such norm.
  Value norm(const Value& x, const std::string& name);
  /// What follows a part, with or without residual, and its norm.
  Value add_part(const Value& stream, const Value& part);
  std::pair<Value, Value> add_part(const Value& stream, const Value& part, const std::string& norm);
  Value dropout(const Value& x);
  Value embedding(int64_t tokens);
  Value gather(const Value& x, int64_t rows);
  Value cross_entropy(const Value& logits, int64_t rows);

  StepPlan& plan() const { return plan_; }

 private:
  const Value& parameter(const std::string& name) const;
  std::pair<Value, Value> add_norm(const Value& a, const Value& b, const std::string& name);

  StepPlan& plan_;
  const ModelOptions& options_;
  int64_t vocabulary_;
  std::vector<std::pair<std::string, Value>> parameters_;
};

}  // namespace lengthwise
