#include "nn/parameters.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "base/random.h"

namespace lengthwise {

struct ParameterSet::State {
  uint64_t seed = 0;
  bool counting = false;
  std::vector<Parameter> parameters;
};

ParameterSet::ParameterSet(uint64_t seed) : state_(std::make_shared<State>()) {
  state_->seed = seed;
}

ParameterSet::ParameterSet(std::shared_ptr<State> state, std::string prefix)
    : state_(std::move(state)), prefix_(std::move(prefix)) {}

ParameterSet ParameterSet::counting() {
  ParameterSet set(uint64_t{0});
  set.state_->counting = true;
  return set;
}

ParameterSet ParameterSet::scoped(std::string_view prefix) const {
  return {state_, prefix_ + std::string(prefix) + "."};
}

bool ParameterSet::is_counting() const { return state_->counting; }

Var ParameterSet::add(std::string_view name, Shape shape, double standard_deviation) const {
  return add(name, std::move(shape), 0.0, standard_deviation, true);
}

Var ParameterSet::add_constant(std::string_view name, Shape shape, double value) const {
  return add(name, std::move(shape), value, 0.0, false);
}

Var ParameterSet::add(std::string_view name, Shape shape, double mean, double standard_deviation,
                      bool decays) const {
  const std::string full = prefix_ + std::string(name);
  const auto same = [&](const Parameter& other) { return other.name == full; };
  check(std::none_of(state_->parameters.begin(), state_->parameters.end(), same),
        fmt::format("parameter '{}' is added twice", full));
  Var variable;
  if (!state_->counting) {
    Tensor value(shape, Tag::parameters);
    RandomStream stream(state_->seed, Purpose::parameters, hash_text(full));
    for (float& v : value.values()) {
      v = static_cast<float>(mean +
                             (standard_deviation > 0 ? standard_deviation * stream.normal() : 0.0));
    }
    variable = Var(value, std::make_shared<Gradient>(value.size()));
  }
  state_->parameters.push_back({full, std::move(shape), variable, decays});
  return variable;
}

const std::vector<Parameter>& ParameterSet::all() const { return state_->parameters; }

int64_t ParameterSet::count() const {
  int64_t count = 0;
  for (const Parameter& parameter : all()) count += elements(parameter.shape);
  return count;
}

void ParameterSet::clear_gradients() {
  for (const Parameter& parameter : all()) parameter.variable.gradient()->clear();
}

std::map<std::string, Var> variables_below(std::string_view prefix,
                                           std::span<const Parameter> parameters) {
  std::map<std::string, Var> below;
  for (const Parameter& parameter : parameters) {
    if (!parameter.name.starts_with(prefix)) continue;
    below.emplace(parameter.name.substr(prefix.size()), parameter.variable);
  }
  return below;
}

}  // namespace lengthwise
