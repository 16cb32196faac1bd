#include <cmath>

#include "experiments/analysis/report.h"

namespace lengthwise {
namespace {

using nlohmann::json;

json number(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

std::string_view unit_name(Unit unit) {
  switch (unit) {
    case Unit::seconds:
      return "s";
    case Unit::flops:
      return "FLOP";
    case Unit::bytes:
      return "byte";
  }
  return "";
}

json law_json(const Group& group, Quantity quantity) {
  const GrowthLaw& law = group.laws[static_cast<size_t>(quantity)];
  const QuantityInfo& info = quantity_info(quantity);
  json lengths = json::array(), values = json::array(), pairs = json::array();
  for (const auto& [length, status] : group.lengths) {
    const auto found = law.values.find(length);
    lengths.push_back(length);
    values.push_back(number(found == law.values.end() ? kNotANumber : found->second));
  }
  for (const PairExponent& pair : law.leading.pairs) {
    pairs.push_back({{"shortest_length", pair.shortest},
                     {"longest_length", pair.longest},
                     {"value", number(pair.value)}});
  }
  json result = {{"part", info.part},
                 {"unit", unit_name(info.unit)},
                 {"lengths", lengths},
                 {"values", values},
                 {"slope",
                  {{"value", number(law.slope.value)},
                   {"standard_error", number(law.slope.standard_error)},
                   {"lengths", law.slope.lengths}}}};
  if (info.unit != Unit::seconds) {
    result["leading"] = {{"value", number(law.leading.value)},
                         {"cancelled", cancelled_name(law.leading.cancelled)},
                         {"settled", law.leading.settled},
                         {"pairs", pairs}};
  }
  return result;
}

json group_json(const Group& group) {
  json statuses = json::array(), quantities = json::object();
  for (const auto& [length, status] : group.lengths) {
    json entry = {{"length", length}, {"runs", status.runs}, {"ok", status.ok}};
    entry["failure"] = status.first_failure.empty() ? json(nullptr) : json(status.first_failure);
    statuses.push_back(entry);
  }
  for (size_t i = 0; i < kQuantities; ++i) {
    const auto quantity = static_cast<Quantity>(i);
    quantities[std::string(quantity_info(quantity).name)] = law_json(group, quantity);
  }
  return {{"label", group.label}, {"attention", group.attention}, {"position", group.position},
          {"task", group.task},   {"norm", group.norm},           {"settings", group.settings},
          {"lengths", statuses},  {"quantities", quantities}};
}

json score_json(const Comparison& comparison, const ScoreLine& line) {
  json result = {{"label", line.label},      {"group", comparison.groups.at(line.group).label},
                 {"length", line.length},    {"train_length", line.train_length},
                 {"runs", line.status.runs}, {"ok", line.status.ok}};
  for (size_t i = 0; i < kScoreKinds; ++i) {
    json scores = json::array();
    for (const auto& [at, value] : line.scores[i]) {
      scores.push_back({{"test_length", at}, {"value", number(value)}});
    }
    result[std::string(score_name(static_cast<Score>(i)))] = scores;
  }
  return result;
}

}  // namespace

json comparison_json(const Comparison& comparison) {
  json result = {{"file", comparison.file},
                 {"study", comparison.study},
                 {"runs", comparison.runs},
                 {"commits", comparison.commits},
                 {"cpus", comparison.cpus},
                 {"threads", comparison.threads},
                 {"settings", comparison.common},
                 {"notes", comparison.notes},
                 {"chance", number(comparison.chance)}};
  json groups = json::array(), scores = json::array(), ngrams = json::array(),
       failed = json::array();
  for (const Group& group : comparison.groups) groups.push_back(group_json(group));
  for (const ScoreLine& line : comparison.scores) scores.push_back(score_json(comparison, line));
  for (const auto& [context, bits] : comparison.ngram_bits_per_byte) {
    ngrams.push_back({{"context_bytes", context}, {"bits_per_byte", number(bits)}});
  }
  for (const FailedRun& run : comparison.failed) {
    failed.push_back({{"run_id", run.run_id},
                      {"label", run.label},
                      {"length", run.length},
                      {"seed", run.seed},
                      {"status", run.status}});
  }
  result["groups"] = groups;
  result["scores"] = scores;
  result["ngram_bits_per_byte"] = ngrams;
  result["not_ok"] = failed;
  return result;
}

}  // namespace lengthwise
