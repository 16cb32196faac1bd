// The running softmax over a panel of scores [keys, kPanelQueries], one query a column: everything
// goes down the columns, so that no sum or maximum is taken across a vector. On the calling thread.
#pragma once
#include <cstdint>

namespace lengthwise {

inline constexpr int64_t kPanelQueries = 64;

/// What a panel's queries have met so far, [kPanelQueries] each.
struct RunningSoftmax {
  float* most;    // largest score
  float* sum;     // of exp(score - most)
  float* shrink;  // what earlier weights are worth since the last step: exp(most before - most)
};

void begin_softmax(const RunningSoftmax& running);
/// Takes a panel of scores, -inf where a query does not see a key, and turns it into
/// exp(score - most), 0 while a query has seen none.
void step_softmax(float* panel, int64_t keys, const RunningSoftmax& running);
/// sum <- 1 / sum and 0 where a query saw no key; panel [rows, kPanelQueries] <- panel * sum.
void finish_softmax(float* panel, int64_t rows, const RunningSoftmax& running);

}  // namespace lengthwise
