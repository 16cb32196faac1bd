// The weights that an attention applies to its values, found by handing it unit values. B batch,
// T queries, S keys, H heads, D head width.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "nn/attention_pattern.h"

namespace lengthwise {

/// What an attention does to its values while all else that it is given stays as it is.
struct ValueProbe {
  std::vector<double> weights{};  // [B,H,T,S]; empty where no weights give its outputs
  std::string why_none{};         // "" where some do
  double misfit = 0;              // max |weights v - o| / max |o|, over v given and v drawn
};

/// In D keys at a time, one to a channel: S / D calls of `attend`, that is T S numbers a head for
/// the price of S / D layers. A mixer whose outputs are no weighted sums of its values is found out
/// (misfit above kMisfitAllowed), and why it is none is said. `in` without dropout.
ValueProbe probe_values(const Attention& attention, const AttentionInput& in);
inline constexpr double kMisfitAllowed = 1e-3;

/// The same weights from the variant's definition, in double: [B,H,T,S], empty where it has none.
/// Slow: T S D operations a head, S / D times. The layer's parameters by the variant's names.
std::vector<double> defined_weights(const AttentionPart& part, const AttentionInput& in,
                                    const std::map<std::string, Var>& parameters);

/// max |a - b| / max(1, max |b|): of weights that sum to 1 the largest difference.
double weights_error(const std::vector<double>& found, const std::vector<double>& expected);

}  // namespace lengthwise
