// The weights of a model, by name. Its counting form allocates nothing: how a model is sized
// without being built.
#pragma once
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/tape.h"

namespace lengthwise {

struct Parameter {
  std::string name;
  Shape shape;
  Var variable;  // undefined when counting
  bool decays;   // weight decay applies: matrices yes, gains and biases no
};

/// Those whose names begin with this prefix, by what stands behind it.
std::map<std::string, Var> variables_below(std::string_view prefix,
                                           std::span<const Parameter> parameters);

class ParameterSet {
 public:
  /// Parameters are drawn from (seed, name): adding one does not change the others.
  explicit ParameterSet(uint64_t seed);
  static ParameterSet counting();
  /// The same set, under names that begin with this prefix and a dot.
  ParameterSet scoped(std::string_view prefix) const;

  bool is_counting() const;
  /// Normal values of mean 0 and this standard deviation; decays.
  Var add(std::string_view name, Shape shape, double standard_deviation) const;
  /// Every value the same; does not decay.
  Var add_constant(std::string_view name, Shape shape, double value) const;

  const std::vector<Parameter>& all() const;
  int64_t count() const;
  void clear_gradients();

 private:
  struct State;
  ParameterSet(std::shared_ptr<State> state, std::string prefix);
  Var add(std::string_view name, Shape shape, double mean, double standard_deviation,
          bool decays) const;

  std::shared_ptr<State> state_;
  std::string prefix_;
};

}  // namespace lengthwise
