#include <set>

#include "experiments/analysis/accuracy_report.h"
#include "experiments/analysis/json_number.h"

namespace lengthwise {
namespace {

using nlohmann::json;

json by_test_length(const NumberByLength& values) {
  json result = json::array();
  for (const auto& [length, value] : values) {
    result.push_back({{"test_length", length}, {"value", json_number(value)}});
  }
  return result;
}

/// One number for each of the lengths; null where there is none.
json along(const std::set<int64_t>& lengths, const NumberByLength& values) {
  json result = json::array();
  for (const int64_t length : lengths) {
    const auto found = values.find(length);
    result.push_back(found == values.end() ? json(nullptr) : json_number(found->second));
  }
  return result;
}

json ends(const std::set<int64_t>& lengths, const std::map<int64_t, Interval>& intervals,
          double Interval::*end) {
  NumberByLength values;
  for (const auto& [length, interval] : intervals) values[length] = interval.*end;
  return along(lengths, values);
}

std::set<int64_t> lengths_of(const ScoreSpread& spread) {
  std::set<int64_t> lengths;
  for (const auto& [length, mean] : spread.mean) lengths.insert(length);
  return lengths;
}

template <class Value>
json of_each_score(const Value& value) {
  json result = json::object();
  for (size_t kind = 0; kind < kScoreKinds; ++kind) {
    result[std::string(score_name(static_cast<Score>(kind)))] = value(kind);
  }
  return result;
}

/// "test_length", "mean", "low", "high", "ceiling" and "exact_match_chance" of these labels;
/// `lengths(kind)` says at which those of each kind stand.
template <class Lengths>
json summary_json(const ScoreSummary& summary, const Lengths& lengths) {
  const std::set<int64_t> tested = summary.test_lengths();
  const auto& by_kind = summary.by_kind;
  json result = {{"test_length", tested},
                 {"ceiling", along(tested, summary.ceiling)},
                 {"exact_match_chance", along(tested, summary.exact_match_chance)}};
  result["mean"] =
      of_each_score([&](size_t kind) { return along(lengths(kind), by_kind[kind].mean); });
  result["low"] = of_each_score(
      [&](size_t kind) { return ends(lengths(kind), by_kind[kind].interval, &Interval::low); });
  result["high"] = of_each_score(
      [&](size_t kind) { return ends(lengths(kind), by_kind[kind].interval, &Interval::high); });
  return result;
}

/// Every list stands along "test_length".
json part_json(const ScoreLine& line, const std::string& part, const ScoreSummary& summary) {
  const std::set<int64_t> tested = summary.test_lengths();
  json result = summary_json(summary, [&](size_t) -> const std::set<int64_t>& { return tested; });
  result["part"] = part;
  result["seeds"] = json::array();
  for (const SeedScore& seed : line.seeds) {
    if (!seed.parts) continue;
    const auto found = seed.parts->find(part);
    if (found == seed.parts->end()) continue;
    json entry =
        of_each_score([&](size_t kind) { return along(tested, found->second.by_kind[kind]); });
    entry["seed"] = seed.seed;
    result["seeds"].push_back(entry);
  }
  return result;
}

Settings settings_of(const Group& group, const ScoreLine& line) {
  Settings settings = group.settings;
  settings.insert(line.training.begin(), line.training.end());
  return settings;
}

json effective_length_json(const ScoreLine& line) {
  std::string rule = "bits per byte at most so many times those at the training length";
  if (line.primary == Score::loss) rule = "loss at most so many times that at the training length";
  if (!line.less_is_better()) {
    rule = line.primary == Score::accuracy ? "accuracy at least" : "exact match at least";
  }
  return {{"threshold", line.less_is_better() ? kServedBitsRatio : kServedAccuracy},
          {"rule", rule},
          {"length", line.effective_length > 0 ? json(line.effective_length) : json(nullptr)}};
}

json line_json(const Comparison& comparison, const ScoreLine& line) {
  const Group& group = comparison.groups.at(line.group);
  const auto spread = [&](size_t kind) -> const ScoreSpread& { return line.scores.by_kind[kind]; };
  const auto lengths = [&](size_t kind) { return lengths_of(spread(kind)); };
  json seeds = json::array(), parts = json::array();
  for (const SeedScore& seed : line.seeds) {
    json entry =
        of_each_score([&](size_t kind) { return along(lengths(kind), seed.scores.by_kind[kind]); });
    entry["seed"] = seed.seed;
    entry["run_id"] = seed.run_id;
    entry["training_seconds"] = json_number(seed.training_seconds);
    entry["solved"] = line.less_is_better() ? json(nullptr) : json(seed.solved);
    seeds.push_back(entry);
  }
  for (const auto& [part, summary] : line.parts) parts.push_back(part_json(line, part, summary));
  json result = of_each_score([&](size_t kind) { return by_test_length(spread(kind).median); });
  result.update(summary_json(line.scores, lengths));
  result["label"] = line.label;
  result["group"] = group.label;
  result["settings"] = settings_of(group, line);
  result["length"] = line.length;
  result["train_length"] = line.train_length;
  result["tune_length"] = line.tune_length;
  result["primary"] = score_name(line.primary);
  result["chance"] = json_number(line.chance);
  result["runs"] = line.status.runs;
  result["ok"] = line.status.ok;
  result["seeds"] = seeds;
  result["parts"] = parts;
  result["trained"] = line.seeds.size();
  result["solved"] = line.less_is_better() ? json(nullptr) : json(line.solved());
  result["solved_accuracy"] = kSolvedAccuracy;
  result["effective_length"] = effective_length_json(line);
  result["learning_rate"] = line.learning_rate.empty() ? json(nullptr) : json(line.learning_rate);
  result["chosen"] = line.chosen;
  result["selection_seed"] = line.selection_seed < 0 ? json(nullptr) : json(line.selection_seed);
  return result;
}

}  // namespace

void add_accuracy_json(const Comparison& comparison, json& result) {
  const auto label = [&](size_t line) { return comparison.scores.at(line).label; };
  result["scores"] = json::array();
  for (const ScoreLine& line : comparison.scores) {
    result["scores"].push_back(line_json(comparison, line));
  }
  result["paired_differences"] = json::array();
  for (const PairedDifference& pair : comparison.paired_differences) {
    result["paired_differences"].push_back({{"score", score_name(pair.score)},
                                            {"test_length", pair.test_length},
                                            {"left", label(pair.left)},
                                            {"right", label(pair.right)},
                                            {"difference", json_number(pair.difference)},
                                            {"low", json_number(pair.interval.low)},
                                            {"high", json_number(pair.interval.high)},
                                            {"seeds", pair.seeds}});
  }
  result["pareto"] = json::array();
  for (const ParetoPoint& point : comparison.pareto) {
    const ScoreLine& line = comparison.scores.at(point.line);
    result["pareto"].push_back({{"label", line.label},
                                {"train_length", line.train_length},
                                {"tune_length", line.tune_length},
                                {"score", score_name(line.primary)},
                                {"value", json_number(point.value)},
                                {"training_seconds", json_number(point.training_seconds)},
                                {"peak_total_bytes", json_number(point.peak_total_bytes)},
                                {"state_bytes", json_number(point.state_bytes)},
                                {"on_front_seconds", point.on_front_seconds},
                                {"on_front_bytes", point.on_front_bytes},
                                {"on_front_state", point.on_front_state}});
  }
}

}  // namespace lengthwise
