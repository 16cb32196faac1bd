#include "nn/attention_pattern.h"

#include <algorithm>

#include "base/check.h"

namespace lengthwise {

std::vector<std::string> pattern_names(std::string_view text) {
  std::vector<std::string> names;
  for (const std::string_view name : split_text(text, '+')) names.emplace_back(name);
  if (names.size() > 1 && std::ranges::count(names, "") > 0) {
    user_error("attention: found '{}', expected a name before and after each '+'", text);
  }
  return names;
}

AttentionPattern attention_pattern(std::string_view text,
                                   const std::vector<OptionValues>& options) {
  AttentionPattern pattern;
  for (const std::string& name : pattern_names(text)) {
    pattern.push_back({&attention_variant(name), {}});
  }
  if (options.empty()) return pattern;
  check_equal(options.size(), pattern.size(), "options of the parts of a pattern");
  for (size_t i = 0; i < pattern.size(); ++i) pattern[i].options = options[i];
  return pattern;
}

std::string pattern_text(const AttentionPattern& pattern) {
  std::string text;
  for (const AttentionPart& part : pattern) {
    text += (text.empty() ? "" : "+") + std::string(part.variant->info.name);
  }
  return text;
}

std::string why_refused(const AttentionPattern& pattern, const PositionInfo& position) {
  const bool acts_in_layers = position.rotates || position.biases;
  bool has_effect = !acts_in_layers;
  for (const AttentionPart& part : pattern) {
    const AttentionInfo& info = part.variant->info;
    const bool passed_by = acts_in_layers && !info.takes_positions;
    std::string reason = passed_by ? "" : why_refused(info, position);
    if (!reason.empty()) return reason;
    has_effect = has_effect || !passed_by;
  }
  return has_effect ? "" : why_refused(pattern.front().variant->info, position);
}

std::string why_refused(const AttentionPattern& pattern, bool causal) {
  for (const AttentionPart& part : pattern) {
    std::string reason = why_refused(part.variant->info, causal);
    if (!reason.empty()) return reason;
  }
  return "";
}

bool decodes(const AttentionPattern& pattern) {
  return std::all_of(pattern.begin(), pattern.end(),
                     [](const AttentionPart& part) { return part.variant->info.decodable; });
}

bool predicts_cost(const AttentionPattern& pattern) {
  return std::all_of(pattern.begin(), pattern.end(), [](const AttentionPart& part) {
    return static_cast<bool>(part.variant->cost);
  });
}

int64_t receptive_field(const AttentionPattern& pattern, int64_t layers) {
  int64_t field = 0;
  for (int64_t layer = 0; layer < layers; ++layer) {
    const AttentionPart& part = pattern[static_cast<size_t>(layer) % pattern.size()];
    if (!part.variant->reach) return -1;
    field += part.variant->reach(part.options);
  }
  return field;
}

}  // namespace lengthwise
