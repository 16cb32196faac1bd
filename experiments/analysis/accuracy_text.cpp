#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "experiments/analysis/accuracy_report.h"
#include "experiments/analysis/length_table.h"

namespace lengthwise {

std::string score_title(Score score) {
  static constexpr std::string_view kTitles[kScoreKinds] = {"Accuracy", "Exact match", "Loss",
                                                            "Bits per byte"};
  return std::string(kTitles[static_cast<size_t>(score)]);
}

std::string with_reach(double mean, const Interval& interval, const char* format) {
  std::string text = fmt::format(fmt::runtime(format), mean);
  if (std::isfinite(interval.high)) text += fmt::format(" ±{:.3f}", interval.high - mean);
  return text;
}

std::string baseline_text(double value) {
  return value > 0 && value < 5e-4 ? fmt::format("{:.1g}", value) : fmt::format("{:.3f}", value);
}

bool has_low_ceiling(const ScoreSummary& summary) {
  return std::any_of(summary.ceiling.begin(), summary.ceiling.end(),
                     [](const auto& ceiling) { return ceiling.second < 1; });
}

namespace {

// What a table shows of a line beside its scores.
struct Columns {
  bool seeds = false, solved = false, serves = false;
};

// Exact match says no more than accuracy where every example has one label, and nothing of text.
bool is_shown(const ScoreLine& line, Score score) {
  if (!line.chosen) return false;
  if (score != Score::exact_match || line.primary == score) return true;
  const NumberByLength &exact = line.of(score).mean, &accuracy = line.of(Score::accuracy).mean;
  return !line.less_is_better() && exact != accuracy;
}

std::vector<std::string> constant_row(std::string label, double value, size_t columns,
                                      const Columns& shown) {
  std::vector<std::string> row = {std::move(label)};
  if (shown.seeds) row.push_back("");
  if (shown.solved) row.push_back("");
  row.insert(row.end(), columns, baseline_text(value));
  return row;
}

std::vector<std::string> row_along(std::string label, const NumberByLength& values,
                                   const std::vector<int64_t>& lengths, const Columns& shown) {
  std::vector<std::string> row = constant_row(std::move(label), 0, 0, shown);
  for (const int64_t length : lengths) {
    const auto found = values.find(length);
    row.push_back(found == values.end() ? "" : baseline_text(found->second));
  }
  return row;
}

bool agree(const std::set<double>& chances) {
  return !chances.empty() && *chances.rbegin() - *chances.begin() < 5e-4;
}

// At each length where all lines agree, to the digits shown.
NumberByLength exact_match_chance(const Comparison& comparison) {
  std::map<int64_t, std::set<double>> all;
  for (const ScoreLine& line : comparison.scores) {
    if (!is_shown(line, Score::exact_match)) continue;
    for (const auto& [length, chance] : line.scores.exact_match_chance) all[length].insert(chance);
  }
  NumberByLength agreed;
  for (const auto& [length, chances] : all) {
    if (agree(chances)) agreed[length] = *chances.begin();
  }
  return agreed;
}

// Of a guess at these lengths: everywhere where all lines agree, else at the lengths of training
// whose lines do, since that is the length of which a row says it.
NumberByLength accuracy_chance(const Comparison& comparison, const std::vector<int64_t>& lengths) {
  std::set<double> everywhere;
  std::map<int64_t, std::set<double>> of_length;
  for (const ScoreLine& line : comparison.scores) {
    if (!is_shown(line, Score::accuracy) || !std::isfinite(line.chance)) continue;
    everywhere.insert(line.chance);
    of_length[line.length].insert(line.chance);
  }
  NumberByLength known;
  for (const int64_t length : lengths) {
    const std::set<double>& chances = agree(everywhere) ? everywhere : of_length[length];
    if (agree(chances)) known[length] = *chances.begin();
  }
  return known;
}

std::vector<std::string> score_row(const ScoreLine& line, Score score, const Columns& shown,
                                   const std::vector<int64_t>& lengths) {
  const LengthStatus& status = line.status;
  const ScoreSpread& spread = line.of(score);
  std::vector<std::string> row = {line.label};
  if (shown.seeds) {
    const size_t scored = line.seeds.size();
    const bool all = status.ok == status.runs;
    row.push_back(all ? std::to_string(scored) : fmt::format("{} of {}", status.ok, status.runs));
  }
  if (shown.solved) {
    const bool counts = line.primary == score;
    row.push_back(counts ? fmt::format("{}/{}", line.solved(), line.seeds.size()) : "");
  }
  for (const int64_t length : lengths) {
    const auto mean = spread.mean.find(length);
    row.push_back(mean != spread.mean.end()
                      ? with_reach(mean->second, spread.interval.at(length), "{:.3f}")
                  : status.ok == 0 ? failure_text(status.first_failure)
                                   : "-");
  }
  if (shown.serves) {
    const bool serves = line.effective_length > 0;
    row.push_back(line.primary != score ? ""
                  : serves              ? std::to_string(line.effective_length)
                                        : "-");
  }
  return row;
}

std::string in_words(Score score) {
  std::string words = score_title(score);
  words.front() = static_cast<char>(words.front() - 'A' + 'a');
  return words;
}

std::string served_rule(Score score) {
  if (is_loss(score)) {
    return fmt::format(
        "serves: the longest length, with all shorter ones, at no more than {} "
        "times the {} at the training length\n",
        kServedBitsRatio, score == Score::loss ? "loss" : "bits");
  }
  return fmt::format("serves: the longest length, with all shorter ones, at an {} of at least {}\n",
                     in_words(score), kServedAccuracy);
}

Rows baselines(const Comparison& comparison, Score score, const std::vector<int64_t>& lengths,
               const Columns& shown) {
  Rows rows;
  if (score == Score::bits_per_byte) {
    for (const auto& [context, bits] : comparison.ngram_bits_per_byte) {
      const auto label =
          fmt::format("byte n-gram, {} byte{} of context", context, context == 1 ? "" : "s");
      rows.push_back(constant_row(label, bits, lengths.size(), shown));
    }
    rows.push_back(constant_row("chance (256 bytes alike)", 8, lengths.size(), shown));
  }
  if (score == Score::accuracy || score == Score::exact_match) {
    const NumberByLength chance = score == Score::accuracy ? accuracy_chance(comparison, lengths)
                                                           : exact_match_chance(comparison);
    if (!chance.empty()) rows.push_back(row_along("chance", chance, lengths, shown));
  }
  return rows;
}

/// Scores by test length, ceilings under each line, baselines below; "" where no run has this
/// score.
std::string score_table(const Comparison& comparison, Score score) {
  std::vector<const ScoreLine*> lines;
  std::set<int64_t> tested, trained, tuned;
  Columns shown;
  bool is_primary = false, has_ceilings = false;
  for (const ScoreLine& line : comparison.scores) {
    if (!is_shown(line, score)) continue;
    lines.push_back(&line);
    for (const int64_t length : keys_of(line.of(score).mean)) tested.insert(length);
    shown.seeds = shown.seeds || line.status.runs > 1;
    if (line.status.ok > 0) {
      trained.insert(line.train_length);
      tuned.insert(line.tune_length);
    }
    is_primary = is_primary || line.primary == score;
    has_ceilings = has_ceilings || (line.primary == score && has_low_ceiling(line.scores));
  }
  if (tested.empty()) return "";
  shown.solved = is_primary && !is_loss(score);
  const bool all_untrained = trained == std::set<int64_t>{0};
  shown.serves = is_primary && tested.size() > 1 && !all_untrained;
  const auto rows_of = [&](const std::vector<int64_t>& lengths) {
    std::vector<std::string> header = {"test length"};
    if (shown.seeds) header.emplace_back("seeds");
    if (shown.solved) header.emplace_back("solved");
    for (const int64_t length : lengths) header.push_back(std::to_string(length));
    if (shown.serves) header.emplace_back("serves");
    Rows rows = {header, {"-"}};
    for (const ScoreLine* line : lines) {
      rows.push_back(score_row(*line, score, shown, lengths));
      if (line->primary == score && has_low_ceiling(line->scores)) {
        rows.push_back(row_along("  ceiling", line->scores.ceiling, lengths, shown));
      }
    }
    const Rows below = baselines(comparison, score, lengths, shown);
    rows.insert(rows.end(), below.begin(), below.end());
    return rows;
  };
  std::string title = score_title(score) + " by test length";
  if (trained.size() == 1 && *trained.begin() > 0) {
    title += fmt::format(", trained at length {}", *trained.begin());
  }
  if (tuned.size() == 1 && *tuned.begin() > 0) {
    title += fmt::format(", then at {}", *tuned.begin());
  }
  if (shown.seeds) title += ", mean over seeds ± half its 95 % interval";
  std::string text = "\n" + title + "\n" + fitting_table({tested.begin(), tested.end()}, rows_of);
  if (shown.solved) {
    text += fmt::format("solved: seeds with an {} of at least {} at the training length\n",
                        in_words(score), kSolvedAccuracy);
  }
  if (shown.serves) text += served_rule(score);
  if (has_ceilings) {
    text +=
        "ceiling: share of labels that the layers can reach, or whose answer is given at all; a "
        "guess may add to it\n";
  }
  return text;
}

std::string rates_left_out(const Comparison& comparison) {
  const auto others = std::count_if(comparison.scores.begin(), comparison.scores.end(),
                                    [](const ScoreLine& line) { return !line.chosen; });
  return others == 0
             ? ""
             : fmt::format("({} lines of learning rates that were not chosen: --json)\n", others);
}

// Those of one pair in a row, once; only where there are seeds enough for an interval.
std::string paired_table(const Comparison& comparison, Score score) {
  std::set<int64_t> tested;
  std::map<std::pair<size_t, size_t>, std::map<int64_t, const PairedDifference*>> pairs;
  for (const PairedDifference& pair : comparison.paired_differences) {
    if (pair.seeds < 2 || pair.score != score) continue;
    tested.insert(pair.test_length);
    pairs[{pair.right, pair.left}][pair.test_length] = &pair;
  }
  if (pairs.empty()) return "";
  const auto rows_of = [&](const std::vector<int64_t>& lengths) {
    std::vector<std::string> header = {"test length"};
    for (const int64_t length : lengths) header.push_back(std::to_string(length));
    Rows rows = {header, {"-"}};
    for (const auto& [lines, by_length] : pairs) {
      const bool stands_reversed = pairs.contains({lines.second, lines.first});
      if (stands_reversed && lines.second < lines.first) continue;
      std::vector<std::string> row = {fmt::format("{} - {}", comparison.scores[lines.second].label,
                                                  comparison.scores[lines.first].label)};
      for (const int64_t length : lengths) {
        const auto found = by_length.find(length);
        row.push_back(found == by_length.end() ? "-"
                                               : with_reach(found->second->difference,
                                                            found->second->interval, "{:+.3f}"));
      }
      rows.push_back(row);
    }
    return rows;
  };
  return fmt::format("\nPaired differences in {}: the same seeds, mean ± half its 95 % interval\n",
                     in_words(score)) +
         fitting_table({tested.begin(), tested.end()}, rows_of);
}

std::string pareto_table(const Comparison& comparison) {
  if (comparison.pareto.size() < 2) return "";
  std::set<std::string> scores;
  for (const ParetoPoint& point : comparison.pareto) {
    scores.insert(in_words(comparison.scores[point.line].primary));
  }
  Rows rows = {{"at the training length", fmt::format("{}", fmt::join(scores, " or ")),
                "training, s", "peak, MiB", "state, KiB"},
               {"-"}};
  for (const ParetoPoint& point : comparison.pareto) {
    const auto marked = [](double value, bool on_front) {
      return short_number(value) + (on_front ? "*" : " ");
    };
    rows.push_back({comparison.scores[point.line].label, fmt::format("{:.3f}", point.value),
                    marked(point.training_seconds, point.on_front_seconds),
                    marked(point.peak_total_bytes / 0x1p20, point.on_front_bytes),
                    marked(point.state_bytes / 0x1p10, point.on_front_state)});
  }
  return "\nWhat the score costs (*: no other is both better and cheaper)\n" + aligned(rows);
}

}  // namespace

std::string accuracy_text(const Comparison& comparison) {
  std::string text;
  for (size_t i = 0; i < kScoreKinds; ++i) text += score_table(comparison, static_cast<Score>(i));
  text += rates_left_out(comparison) + parts_text(comparison);
  for (size_t i = 0; i < kScoreKinds; ++i) text += paired_table(comparison, static_cast<Score>(i));
  return text + pareto_table(comparison);
}

}  // namespace lengthwise
