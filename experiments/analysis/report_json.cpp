#include <fmt/format.h>

#include "experiments/analysis/accuracy_report.h"
#include "experiments/analysis/json_number.h"
#include "experiments/analysis/report.h"

namespace lengthwise {
namespace {

using nlohmann::json;

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

json interval_json(double value, const Interval& interval) {
  return {{"value", json_number(value)},
          {"low", json_number(interval.low)},
          {"high", json_number(interval.high)}};
}

json local_slopes_json(const GrowthLaw& law) {
  json slopes = json::array();
  for (const LocalSlope& slope : law.local_slopes) {
    json entry = interval_json(slope.value, slope.interval);
    entry["from"] = slope.from, entry["to"] = slope.to;
    slopes.push_back(entry);
  }
  return slopes;
}

json exponent_json(const Exponent& exponent) {
  const auto length = [](int64_t value) { return value == 0 ? json(nullptr) : json(value); };
  json result = interval_json(exponent.value, exponent.interval);
  result.update({{"from", length(exponent.from)},
                 {"to", length(exponent.to)},
                 {"at", length(exponent.to)},
                 {"method", exponent.method},
                 {"exact", exponent.exact},
                 {"settled", exponent.settled},
                 {"flags", exponent.flags}});
  return result;
}

json leading_json(const LeadingExponent& leading) {
  json pairs = json::array();
  for (const PairExponent& pair : leading.pairs) {
    pairs.push_back({{"shortest_length", pair.shortest},
                     {"longest_length", pair.longest},
                     {"value", json_number(pair.value)}});
  }
  return {{"value", json_number(leading.value)},
          {"cancelled", cancelled_name(leading.cancelled)},
          {"settled", leading.settled},
          {"pairs", pairs}};
}

json law_json(const Group& group, Quantity quantity) {
  const GrowthLaw& law = group.laws[static_cast<size_t>(quantity)];
  const QuantityInfo& info = quantity_info(quantity);
  json result = {{"part", info.part}, {"unit", unit_name(info.unit)}};
  for (const char* name : {"lengths", "values", "low", "high", "processes", "repeats", "kinks"}) {
    result[name] = json::array();
  }
  for (const auto& [length, status] : group.lengths) {
    const auto found = law.curve.find(length);
    const Cell cell = found == law.curve.end() ? Cell{} : found->second;
    result["lengths"].push_back(length);
    result["values"].push_back(json_number(cell.median));
    result["low"].push_back(json_number(cell.interval.low));
    result["high"].push_back(json_number(cell.interval.high));
    result["processes"].push_back(cell.processes.size());
    result["repeats"].push_back(cell.repeats);
  }
  for (const Kink& kink : law.kinks) {
    result["kinks"].push_back({{"length", kink.length}, {"note", kink.note}});
  }
  result["local_slopes"] = local_slopes_json(law);
  result["exponent"] = exponent_json(law.exponent);
  result["polynomial"] = {
      {"constant", json_number(law.polynomial.constant)},
      {"linear", json_number(law.polynomial.linear)},
      {"quadratic", json_number(law.polynomial.quadratic)},
      {"worst_relative_error", json_number(law.polynomial.worst_relative_error)}};
  if (info.unit != Unit::seconds) result["leading"] = leading_json(law.leading);
  return result;
}

json parts_json(const Group& group, PartedQuantity quantity) {
  const auto& parts = group.parts[static_cast<size_t>(quantity)];
  json result = json::object();
  for (size_t part = 0; part < kParts.size(); ++part) {
    json values = json::array();
    for (const auto& [length, status] : group.lengths) {
      const auto found = parts.find(length);
      values.push_back(json_number(found == parts.end() ? kNotANumber : found->second[part]));
    }
    result[std::string(kParts[part])] = values;
  }
  return result;
}

json group_json(const Group& group) {
  json statuses = json::array(), quantities = json::object(), parts = json::object();
  for (const auto& [length, status] : group.lengths) {
    json entry = {{"length", length}, {"runs", status.runs}, {"ok", status.ok}};
    entry["failure"] = status.first_failure.empty() ? json(nullptr) : json(status.first_failure);
    statuses.push_back(entry);
  }
  for (size_t i = 0; i < kQuantities; ++i) {
    const auto quantity = static_cast<Quantity>(i);
    quantities[std::string(quantity_info(quantity).name)] = law_json(group, quantity);
  }
  for (size_t i = 0; i < kPartedQuantities; ++i) {
    const auto quantity = static_cast<PartedQuantity>(i);
    parts[std::string(parted_quantity_name(quantity))] = parts_json(group, quantity);
  }
  return {{"label", group.label},      {"attention", group.attention}, {"position", group.position},
          {"task", group.task},        {"norm", group.norm},           {"settings", group.settings},
          {"lengths", statuses},       {"quantities", quantities},     {"parts", parts},
          {"batching", group.batching}};
}

json crossover_json(const Comparison& comparison, const PairCrossover& pair) {
  const QuantityInfo& info = quantity_info(pair.quantity);
  return {
      {"quantity", info.name},
      {"part", info.part},
      {"unit", unit_name(info.unit)},
      {"batching", pair.batching},
      {"later", comparison.groups[pair.later].label},
      {"earlier", comparison.groups[pair.earlier].label},
      {"status", crossover_name(pair.crossover.status)},
      {"length", json_number(pair.crossover.length)},
      {"told_from", pair.crossover.told_from > 0 ? json(pair.crossover.told_from) : json(nullptr)},
      {"low", json_number(pair.crossover.interval.low)},
      {"high", json_number(pair.crossover.interval.high)},
      {"from", pair.crossover.from},
      {"to", pair.crossover.to},
      {"reference", pair.reference},
      {"sentence", pair.sentence}};
}

json environment_json(const Comparison& comparison) {
  return {{"cpus", comparison.cpus},
          {"threads", comparison.threads},
          {"commits", comparison.commits},
          {"machine_loaded_runs", comparison.loaded_runs},
          {"shared_runs", comparison.shared_runs}};
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
                 {"chance", json_number(comparison.chance)}};
  result["environment"] = environment_json(comparison);
  result["summary"] = comparison.summary;
  result["crossovers"] = json::array();
  for (const PairCrossover& pair : comparison.crossovers) {
    result["crossovers"].push_back(crossover_json(comparison, pair));
  }
  json groups = json::array(), ngrams = json::array(), failed = json::array();
  for (const Group& group : comparison.groups) groups.push_back(group_json(group));
  for (const auto& [context, bits] : comparison.ngram_bits_per_byte) {
    ngrams.push_back({{"context_bytes", context}, {"bits_per_byte", json_number(bits)}});
  }
  for (const FailedRun& run : comparison.failed) {
    failed.push_back({{"run_id", run.run_id},
                      {"label", run.label},
                      {"length", run.length},
                      {"seed", run.seed},
                      {"status", run.status}});
  }
  result["groups"] = groups;
  add_accuracy_json(comparison, result);
  result["ngram_bits_per_byte"] = ngrams;
  result["not_ok"] = failed;
  return result;
}

}  // namespace lengthwise
