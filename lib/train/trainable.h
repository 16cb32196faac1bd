// What of a model a training changes.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "nn/transformer.h"

namespace lengthwise {

/// "all"; "attention", the parameters of its layers' attention, norms excepted; or "low_rank",
/// W + A B with A [in,rank] and B [rank,out] beside each matrix of query, key, value and output,
/// which alone change: B from 0, A from normal values of deviation 1 / sqrt(in) (Hu et al. 2021,
/// arXiv:2106.09685). The model's own matrices hold the sum, so that nothing about it is special.
struct TrainedPart {
  std::string parameters = "all";
  int64_t rank = 4;
};

/// UserError where a model of these parameters, which may be counting, has none of the part, or
/// none of such a rank.
void check_trained_part(const std::vector<Parameter>& parameters, const TrainedPart& part);

class Trainable {
 public:
  /// The model outlives it; its parameters are such that check_trained_part accepts them.
  Trainable(Transformer& model, const TrainedPart& part, uint64_t seed);

  /// What an optimizer changes.
  const std::vector<Parameter>& parameters() const { return parameters_; }
  int64_t count() const;
  /// Their gradients, once those of the model's parameters are there.
  void gather_gradients();
  /// The model's parameters, once these have changed.
  void apply();
  void clear_gradients();

 private:
  struct LowRank {
    Var matrix;  // of the model
    Tensor original;
    Var down, up;  // [in,rank], [rank,out]
  };
  void add_low_rank(const Parameter& of_model, int64_t rank);

  Transformer& model_;
  ParameterSet added_;
  std::vector<LowRank> low_rank_;
  std::vector<Parameter> parameters_;
};

}  // namespace lengthwise
