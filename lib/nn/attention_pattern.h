// Which variant each layer attends by: one for all, or several by turns, as short_conv+windowed.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nn/attention.h"
#include "nn/position.h"

namespace lengthwise {

struct AttentionPart {
  const AttentionVariant* variant = nullptr;
  OptionValues options = {};
};

/// Layer i attends as part i % size says; never empty.
using AttentionPattern = std::vector<AttentionPart>;

/// The parts of a text that are joined by '+'.
std::vector<std::string> pattern_names(std::string_view text);
/// Of registered names; options of each part, or none: defaults. UserError with the nearest name.
AttentionPattern attention_pattern(std::string_view text,
                                   const std::vector<OptionValues>& options = {});
/// The names, joined by '+'.
std::string pattern_text(const AttentionPattern& pattern);

/// A scheme that turns or biases leaves layers alone that take no positions: one must take them.
std::string why_refused(const AttentionPattern& pattern, const PositionInfo& position);
/// The reason why a part cannot work in a decoder (causal) or in an encoder, or "".
std::string why_refused(const AttentionPattern& pattern, bool causal);

bool decodes(const AttentionPattern& pattern);
/// Every part predicts its cost.
bool predicts_cost(const AttentionPattern& pattern);

/// How many tokens back the output of so many layers may depend on; -1: on all. Each layer adds
/// its own reach.
int64_t receptive_field(const AttentionPattern& pattern, int64_t layers);

}  // namespace lengthwise
