// What a positional scheme gives a position, held to what is asked of one: that it be bounded,
// unique, repeating yet distinguishable, and that the offset of two can be recovered.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "nn/transformer.h"

namespace lengthwise {

/// Rows [positions, width] of what a scheme does at 0, 1, ...: what it adds to zeros, what its turn
/// makes of a query whose heads are the unit vector (1, ..., 1)/sqrt(D), and each head's bias for
/// the first token. Side by side if it does several; of one that does nothing the width is 0.
struct PositionCodes {
  int64_t positions = 0, width = 0;
  std::vector<double> values{};
};
/// Up to where it serves.
PositionCodes position_codes(const Position& position, const PositionInfo& info,
                             int64_t model_width, const AttentionSizes& sizes, int64_t positions);

inline constexpr std::array<int64_t, 3> kPositionOffsets = {1, 16, 64};
inline constexpr int64_t kLongestTraits = 4096;  // every pair of positions is compared

/// Of N positions. NaN: it has no codes, or not so many.
struct PositionTraits {
  double size = 0;    // the largest of a code within N, root mean square over its width
  double growth = 0;  // that within 4N over it: 1 of codes that are bounded
  /// The least distance of two codes within N, over the root mean square of all: 0 where two
  /// positions are one.
  double least_distance = 0;
  /// Of two codes within N, whatever their sizes: 1 where positions differ in size alone.
  double largest_cosine = 0;
  /// Share of channels that both rise and fall within N.
  double repeating_share = 0;
  /// Of the affine map that takes the code at p nearest to that at p + k, fitted at even p and
  /// judged at odd ones: what is left over how the codes there vary about their mean, root mean
  /// squares; 0: the offset is recovered, 1: as good as no map. Over 4N positions, so that there
  /// are more of them than channels, or as many as there are.
  std::array<double, kPositionOffsets.size()> offset_residual{};
};
/// Of N positions, from codes of up to 4N.
PositionTraits position_traits(const PositionCodes& codes, int64_t positions);

/// Permutes the words of a model with one encoder layer of this setup's width, heads and scheme,
/// whose own parameters are those of `trained` by that name: |outputs of permuted words - permuted
/// outputs| / |outputs|, root mean squares over the logits of drawn words. 0: it is told no order.
double order_difference(ModelSetup setup, const Transformer& trained, int64_t length);

}  // namespace lengthwise
