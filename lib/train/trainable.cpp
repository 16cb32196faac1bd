#include "train/trainable.h"

#include <cmath>

#include "base/check.h"
#include "kernels/multiply.h"

namespace lengthwise {
namespace {

// layers.0.query.weight, layers.1.cross_output.bias, layers.0.attention.kernel.
bool is_of_attention(std::string_view name) {
  const size_t layer = name.find("layers.");
  if (layer == std::string_view::npos) return false;
  std::string_view part = name.substr(name.find('.', layer + 7) + 1);
  if (part.starts_with("cross_")) part.remove_prefix(6);
  part = part.substr(0, part.find('.'));
  return part == "query" || part == "key" || part == "value" || part == "output" ||
         part == "attention";
}

bool is_projection(const Parameter& parameter) {
  return is_of_attention(parameter.name) && parameter.name.ends_with(".weight") &&
         parameter.name.find(".attention.") == std::string::npos;
}

bool is_changed(const Parameter& parameter, const TrainedPart& part) {
  if (part.parameters == "all") return true;
  return part.parameters == "attention" ? is_of_attention(parameter.name)
                                        : is_projection(parameter);
}

MatrixView view(const Tensor& matrix, bool transposed = false) {
  return {matrix.data(), matrix.extent(1), transposed};
}

}  // namespace

void check_trained_part(const std::vector<Parameter>& parameters, const TrainedPart& part) {
  bool has_any = false;
  for (const Parameter& parameter : parameters) {
    if (!is_changed(parameter, part)) continue;
    has_any = true;
    if (part.parameters != "low_rank") continue;
    const int64_t side = std::min(parameter.shape.at(0), parameter.shape.at(1));
    if (part.rank > side) {
      user_error("tune.rank: found {}, expected at most {}, the smaller side of {}", part.rank,
                 side, parameter.name);
    }
  }
  if (has_any) return;
  user_error("tune.parameters: found {}, expected all: the model's attention has none",
             part.parameters);
}

Trainable::Trainable(Transformer& model, const TrainedPart& part, uint64_t seed)
    : model_(model), added_(seed) {
  check_trained_part(model.parameters(), part);
  for (const Parameter& parameter : model.parameters()) {
    if (!is_changed(parameter, part)) continue;
    if (part.parameters == "low_rank") {
      add_low_rank(parameter, part.rank);
    } else {
      parameters_.push_back(parameter);
    }
  }
  if (part.parameters == "low_rank") parameters_ = added_.all();
}

void Trainable::add_low_rank(const Parameter& of_model, int64_t rank) {
  const int64_t in = of_model.shape.at(0), out = of_model.shape.at(1);
  const ParameterSet scope = added_.scoped(of_model.name);
  const Var down = scope.add("down", {in, rank}, 1 / std::sqrt(static_cast<double>(in)));
  const Var up = scope.add_constant("up", {rank, out}, 0);
  low_rank_.push_back(
      {of_model.variable, of_model.variable.value().clone(Tag::optimizer), down, up});
}

int64_t Trainable::count() const {
  int64_t count = 0;
  for (const Parameter& parameter : parameters_) count += elements(parameter.shape);
  return count;
}

void Trainable::gather_gradients() {
  for (const LowRank& term : low_rank_) {
    if (term.matrix.gradient()->empty()) continue;
    const int64_t in = term.down.extent(0), rank = term.down.extent(1), out = term.up.extent(1);
    const MatrixView slope = {term.matrix.gradient()->data(), out};
    Tensor of_down({in, rank}, Tag::workspace), of_up({rank, out}, Tag::workspace);
    // W = W0 + A B: dA = dW B^T, dB = A^T dW.
    parallel_multiply(in, rank, out, 1, slope, view(term.up.value(), true), 0, of_down.data(),
                      rank);
    parallel_multiply(rank, out, in, 1, view(term.down.value(), true), slope, 0, of_up.data(), out);
    term.down.gradient()->add(of_down.values());
    term.up.gradient()->add(of_up.values());
  }
}

void Trainable::apply() {
  for (LowRank& term : low_rank_) {
    const int64_t in = term.down.extent(0), rank = term.down.extent(1), out = term.up.extent(1);
    std::copy_n(term.original.data(), in * out, term.matrix.value().data());
    parallel_multiply(in, out, rank, 1, view(term.down.value()), view(term.up.value()), 1,
                      term.matrix.value().data(), out);
  }
}

void Trainable::clear_gradients() {
  model_.clear_gradients();
  added_.clear_gradients();
}

}  // namespace lengthwise
