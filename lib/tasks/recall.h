// The sizes of multi-query associative recall, the law of its gaps, and what a model that looks
// only so far back can answer of it.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/memory.h"
#include "base/random.h"

namespace lengthwise {

/// T tokens that hold so many key-value pairs.
struct RecallCell {
  int64_t length = 0, pairs = 0;
  int64_t weight = 1;  // against the other cells of a mix
};

/// "64x4*5+128x8": T x pairs, and a weight where it is not 1, joined by '+'; none for an empty
/// text. UserError names `key` unless V > T >= 4 pairs, T even, for every cell.
std::vector<RecallCell> parse_recall_cells(std::string_view key, std::string_view text,
                                           int64_t vocabulary);
/// UserError names the two keys that do not go together.
void check_recall_cell(std::string_view length_key, std::string_view pairs_key,
                       const RecallCell& cell, int64_t vocabulary);

/// The query for the i-th key stands 2 gap(i) after the pairs. Gaps differ, each drawn from those
/// that are left with probability proportional to (gap + 1)^(power - 1), and stand as drawn.
class RecallGaps {
 public:
  RecallGaps(const RecallCell& cell, double power);
  std::vector<int64_t> draw(RandomStream& random) const;

 private:
  int64_t pairs_;
  DataVector<double> mean_arrivals_;
};

/// c(r): the share of queries whose value stands at most `reach` tokens back, sampled from the
/// generator's own law to a standard error under 0.001. A window of W keys after a convolution over
/// n tokens reaches W - 1 + n - 2: the furthest token whose convolution holds both key and value.
double recall_ceiling(const RecallCell& cell, double power, int64_t reach);

}  // namespace lengthwise
