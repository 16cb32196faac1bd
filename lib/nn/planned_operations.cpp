#include "nn/planned_operations.h"

#include <algorithm>

#include "base/check.h"

namespace lengthwise {

using Value = PlannedOperations::Value;
using Block = PlannedOperations::Block;

int64_t PlannedOperations::parameter_count() const {
  int64_t count = 0;
  for (const auto& [name, value] : parameters_) count += value.floats;
  return count;
}

bool PlannedOperations::has(const std::string& name) const {
  return std::any_of(parameters_.begin(), parameters_.end(),
                     [&](const auto& parameter) { return parameter.first == name; });
}

const Value& PlannedOperations::parameter(const std::string& name) const {
  const auto found = std::find_if(parameters_.begin(), parameters_.end(),
                                  [&](const auto& parameter) { return parameter.first == name; });
  check(found != parameters_.end(), "model_cost: no parameter " + name);
  return found->second;
}

std::vector<Value> PlannedOperations::with_parameters(std::vector<Value> inputs,
                                                      const std::string& prefix) const {
  for (const auto& [name, value] : parameters_) {
    if (name.starts_with(prefix)) inputs.push_back(value);
  }
  return inputs;
}

Value PlannedOperations::linear(const Value& x, const std::string& name) {
  if (!has(name + ".weight")) return x;
  const Value &weight = parameter(name + ".weight"), &bias = parameter(name + ".bias");
  const int64_t n = bias.floats, k = weight.floats / n, rows = x.floats / k;
  plan_.count(2 * rows * n * k, 0);
  return plan_.record(plan_.result(rows * n), {x.block}, {x, weight, bias},
                      [this, rows, n, k] { plan_.count(4 * rows * n * k, 0); });
}

Value PlannedOperations::linear_gelu(const Value& x, const std::string& name) {
  const Value &weight = parameter(name + ".weight"), &bias = parameter(name + ".bias");
  const int64_t n = bias.floats, k = weight.floats / n, rows = x.floats / k;
  const Value in = plan_.result(rows * n);
  const Value out = plan_.recording() ? plan_.result(rows * n) : in;
  plan_.count(2 * rows * n * k, rows * n);
  return plan_.record(out, {x.block, in.block}, {x, weight, bias}, [this, rows, n, k] {
    const Block slopes = plan_.floats(rows * n, Tag::workspace);
    // The exact form has erf and the density, the other its tanh again.
    plan_.count(4 * rows * n * k, (options_.gelu == "erf" ? 2 : 1) * rows * n);
  });
}

Value PlannedOperations::tied_head(const Value& x) {
  const Value& table = parameter("embedding");
  const int64_t n = vocabulary_, k = options_.width, rows = x.floats / k;
  plan_.count(2 * rows * n * k, 0);
  return plan_.record(plan_.result(rows * n), {x.block}, {x, table},
                      [this, rows, n, k] { plan_.count(4 * rows * n * k, 0); });
}

Value PlannedOperations::norm(const Value& x, const std::string& name) {
  if (!has(name + ".gain")) return x;
  const Value out = plan_.result(x.floats);
  const Block moments = plan_.result(2 * x.floats / options_.width).block;
  return plan_.record(out, {x.block, moments},
                      {x, parameter(name + ".gain"), parameter(name + ".bias")}, {});
}

std::pair<Value, Value> PlannedOperations::add_norm(const Value& a, const Value& b,
                                                    const std::string& name) {
  const Value sum = plan_.result(a.floats), out = plan_.result(a.floats);
  const Block moments = plan_.result(2 * a.floats / options_.width).block;
  Value recorded = plan_.record(sum, {}, {a, b}, {});
  Value normed = plan_.record(out, {sum.block, moments},
                              {recorded, parameter(name + ".gain"), parameter(name + ".bias")}, {});
  return {std::move(recorded), std::move(normed)};
}

Value PlannedOperations::add_part(const Value& stream, const Value& part) {
  if (!options_.residual) return part;
  return plan_.record(plan_.result(part.floats), {}, {stream, part}, {});
}

std::pair<Value, Value> PlannedOperations::add_part(const Value& stream, const Value& part,
                                                    const std::string& name) {
  if (options_.residual && has(name + ".gain")) return add_norm(stream, part, name);
  Value sum = add_part(stream, part);
  Value normed = norm(sum, name);
  return {std::move(sum), std::move(normed)};
}

Value PlannedOperations::dropout(const Value& x) {
  if (options_.dropout == 0 || !plan_.recording()) return x;
  return plan_.record(plan_.result(x.floats), {}, {x},
                      [this, n = x.floats] { const Block kept = plan_.floats(n, Tag::workspace); });
}

Value PlannedOperations::embedding(int64_t tokens) {
  const Value out = plan_.result(tokens * options_.width);
  const Block saved = plan_.allocate(4 * tokens, Tag::data);
  return plan_.record(out, {saved}, {parameter("embedding")}, {});
}

Value PlannedOperations::gather(const Value& x, int64_t rows) {
  const Value out = plan_.result(rows * options_.width);
  const Block saved = plan_.allocate(8 * rows, Tag::data);
  return plan_.record(out, {saved}, {x}, {});
}

Value PlannedOperations::cross_entropy(const Value& logits, int64_t rows) {
  const Block log_sums = plan_.result(rows).block;
  Value loss = plan_.result(1);
  const Block targets = plan_.allocate(4 * rows, Tag::data);
  plan_.count(0, rows * vocabulary_);
  return plan_.record(loss, {logits.block, log_sums, targets}, {logits},
                      [this, rows] { plan_.count(0, rows * vocabulary_); });
}

}  // namespace lengthwise
