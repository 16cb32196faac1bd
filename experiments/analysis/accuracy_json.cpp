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

/// One number for each test length that any seed was scored at; null where it was not.
json along(const NumberByLength& lengths, const NumberByLength& values) {
  json result = json::array();
  for (const auto& [length, any] : lengths) {
    const auto found = values.find(length);
    result.push_back(found == values.end() ? json(nullptr) : json_number(found->second));
  }
  return result;
}

json ends(const std::map<int64_t, Interval>& intervals, double Interval::*end) {
  json result = json::array();
  for (const auto& [length, interval] : intervals) result.push_back(json_number(interval.*end));
  return result;
}

template <class Value>
json of_each_score(const Value& value) {
  json result = json::object();
  for (size_t kind = 0; kind < kScoreKinds; ++kind) {
    result[std::string(score_name(static_cast<Score>(kind)))] = value(kind);
  }
  return result;
}

json line_json(const Comparison& comparison, const ScoreLine& line) {
  const auto spread = [&](size_t kind) -> const ScoreSpread& { return line.scores[kind]; };
  json seeds = json::array();
  for (const SeedScore& seed : line.seeds) {
    json entry =
        of_each_score([&](size_t kind) { return along(spread(kind).median, seed.scores[kind]); });
    entry["seed"] = seed.seed;
    entry["training_seconds"] = json_number(seed.training_seconds);
    entry["solved"] = line.in_bits() ? json(nullptr) : json(seed.solved);
    seeds.push_back(entry);
  }
  json result = of_each_score([&](size_t kind) { return by_test_length(spread(kind).median); });
  result["label"] = line.label;
  result["group"] = comparison.groups.at(line.group).label;
  result["length"] = line.length;
  result["train_length"] = line.train_length;
  result["runs"] = line.status.runs;
  result["ok"] = line.status.ok;
  result["seeds"] = seeds;
  result["trained"] = line.seeds.size();
  result["solved"] = line.in_bits() ? json(nullptr) : json(line.solved());
  result["solved_accuracy"] = kSolvedAccuracy;
  result["mean"] =
      of_each_score([&](size_t kind) { return along(spread(kind).median, spread(kind).mean); });
  result["low"] =
      of_each_score([&](size_t kind) { return ends(spread(kind).interval, &Interval::low); });
  result["high"] =
      of_each_score([&](size_t kind) { return ends(spread(kind).interval, &Interval::high); });
  result["effective_length"] = {
      {"threshold", line.in_bits() ? kServedBitsRatio : kServedAccuracy},
      {"rule", line.in_bits() ? "bits per byte at most so many times those at the training length"
                              : "accuracy at least"},
      {"length", line.effective_length > 0 ? json(line.effective_length) : json(nullptr)}};
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
                                {"score", score_name(line.primary())},
                                {"value", json_number(point.value)},
                                {"training_seconds", json_number(point.training_seconds)},
                                {"peak_total_bytes", json_number(point.peak_total_bytes)},
                                {"state_bytes", json_number(point.state_bytes)},
                                {"on_front_seconds", point.on_front_seconds},
                                {"on_front_bytes", point.on_front_bytes}});
  }
}

}  // namespace lengthwise
