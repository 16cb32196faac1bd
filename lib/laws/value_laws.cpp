// A law of the weights that unit values find: they are the definition's.
#include "insight/value_probe.h"
#include "laws/attention_case.h"
#include "laws/attention_laws.h"

namespace lengthwise {
namespace {

constexpr int64_t kLengths[] = {1, 2, 7, 63, 65, 130};
constexpr int64_t kHeadWidth = 12;  // keys found in one call

// Grouped heads under a bias; rows that end early; keys of another sequence.
std::vector<AttentionCase> cases(const AttentionVariant& variant) {
  std::vector<AttentionCase> all;
  for (const int64_t length : kLengths) {
    for (const bool causal : masks_of(variant)) {
      AttentionCase c = AttentionCase::of_length(length, causal);
      c.heads = 4;
      c.head_width = kHeadWidth;
      all.push_back(c);
      all.back().biased = variant.info.score_bias;
      all.push_back(c);
      all.back().real_keys = {(length + 1) / 2, length / 8};
    }
    if (!why_not_across(variant.info).empty()) continue;
    all.push_back({.queries = 9, .keys = length, .head_width = kHeadWidth, .causal = false});
    all.back().real_keys = {length, (length + 1) / 2};
  }
  return all;
}

}  // namespace

void check_values(const AttentionVariant& variant, const OptionValues& options,
                  Findings& findings) {
  for (const AttentionCase& c : cases(variant)) {
    const AttentionProbe probe(variant, options, c);
    findings.begin(c.text(options), c.queries);
    const ValueProbe found = probe_values(*probe.attention, probe.in);
    findings.holds(found.why_none, found.why_none.empty());
    if (!found.why_none.empty()) continue;
    findings.error("a weight",
                   weights_error(found.weights, defined_weights({&variant, options}, probe.in,
                                                                probe.own_parameters())));
  }
}

}  // namespace lengthwise
