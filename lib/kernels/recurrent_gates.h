// The gates of a gated recurrence on one row of C channels, forward and backward, on the calling
// thread. Nothing is counted.
#pragma once
#include <cstdint>

namespace lengthwise {

/// Exponentials of one channel of recurrent_gates_row: two sigmoids and a tanh.
constexpr int64_t recurrent_gate_exponentials() { return 3; }

/// r = sigmoid(a_r + s_r), z = sigmoid(a_z + s_z), n = tanh(a_n + r s_n),
/// state <- n + z (state - n), out <- state.
/// gates [3,C]: a_r, a_z, a_n of the input, then r, z, n. of_state [3,C]: s_r, s_z, s_n of the
/// state. kept [C] <- s_n; it may be the last third of of_state.
void recurrent_gates_row(int64_t channels, const float* of_state, float* gates, float* kept,
                         float* state, float* out);

/// The slopes of the same. slope [C] is that of out; carried [C] is what later steps ask of state,
/// and then what this one asks of `before`, the state before it, other than through of_state.
/// gates [3,C]: r, z, n, then the slopes of a_r, a_z, a_n. kept [C]: s_n, then its slope.
/// of_state [3,C] <- the slopes of s_r, s_z, s_n.
void recurrent_gates_backward_row(int64_t channels, const float* before, const float* slope,
                                  float* carried, float* gates, float* kept, float* of_state);

}  // namespace lengthwise
