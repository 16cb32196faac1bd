// What a head's weights do as maps of the residual stream, each as one matrix [C,C]: W_Q W_K^T
// gives the score of two tokens, x W_Q W_K^T y^T before it is scaled, and W_V W_O what a token that
// is looked at adds.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "nn/parameters.h"

namespace lengthwise {

/// Of M = A B with A [C,D] and B [D,C], whose singular values are s_1 >= ... >= s_D; NaN, but for
/// the largest, where M is zero.
struct MapTraits {
  double largest = 0;              // s_1
  double participation_ratio = 0;  // (sum s^2)^2 / sum s^4: how many directions share what it does
  /// In M's polar decomposition, a rotation times a scaling by s_1 .. s_D, how little the scaling
  /// does: (mean s)^2 / mean s^2, 1 where all of them are the same, 1/D where only one is not 0.
  double rotation_share = 0;
  double symmetric_share = 0;  // |(M + M^T)/2|^2 / |M|^2, Frobenius: 1/2 of any drawn matrix
  /// sum Re(e) / sum |e| over the eigenvalues e: 1 of a map that gives back, scaled, what it is
  /// given, -1 of one that gives its opposite. In the residual stream: Elhage et al. 2021, "A
  /// Mathematical Framework for Transformer Circuits", have it of tokens, W_E W_V W_O W_U.
  double copying_share = 0;
};
/// In double, from row-major factors.
MapTraits traits_of_product(std::span<const double> left, std::span<const double> right,
                            int64_t width, int64_t inner);

enum class WeightMapKind { query_key, value_output };

struct WeightMap {
  WeightMapKind kind = WeightMapKind::query_key;
  int64_t layer = 0, head = 0;
  MapTraits traits;
};
/// Of every layer `layers.N` of a model of one sequence whose self-attention has the matrices; none
/// of one that has not. Heads that share keys and values share their matrices. Without the biases,
/// the norm before them, and what a scheme turns: with one that does, W_Q W_K^T is the map at
/// distance 0.
std::vector<WeightMap> weight_maps(std::span<const Parameter> parameters, int64_t heads);

}  // namespace lengthwise
