// A head's weights in a few numbers.
#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace lengthwise {

/// The weights of one head over one row: [T,S], row-major.
struct HeadWeights {
  std::span<const double> weights;
  int64_t queries = 0, keys = 0;
  std::span<const int64_t> visible;  // [T] query i sees keys 0 .. visible[i] - 1; 0: padding
};

/// Means over the queries that give any weight; NaN where there are none. A query's weights count
/// by their size as shares, p_j = |w_j| / sum |w|, since some variants have negative ones.
struct HeadSummary {
  static constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();
  double entropy = kAbsent;        // -sum p ln p, in nats
  double entropy_share = kAbsent;  // of ln(keys seen), of queries that see two or more
  double distance = kAbsent;       // sum p |i - j|, in tokens; across, of places in two sequences
  double diagonal = kAbsent;       // p of the key at the query's own place
  double first = kAbsent;          // p of the first key
  double top1 = kAbsent,
         top5 = kAbsent;      // p of the 1 or 5 keys that all queries together give most
  double negative = kAbsent;  // p of negative weights
  double least_sum = kAbsent, most_sum = kAbsent;  // of a query's weights, over all queries
};

HeadSummary summarise(const HeadWeights& head);

/// Number by number over those that are there, the least and the most of sums.
HeadSummary mean_of(std::span<const HeadSummary> summaries);

/// One layer of attention rollout (Abnar and Zuidema 2020, arXiv:2005.00928): R_l = A_l R_{l-1},
/// where A_l is the mean over the heads of p, half of it the residual stream: (p + I) / 2.
/// `before` [T,T] is R_{l-1}, empty in the first layer; the result [T,T] has rows that sum to 1, of
/// padding as it was.
std::vector<double> roll_out(std::span<const HeadWeights> heads, std::span<const double> before);

}  // namespace lengthwise
