#include "experiments/analysis/accuracy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace lengthwise {

double score_at(const NumberByLength& scores, int64_t wanted) {
  double nearest = kNotANumber;
  int64_t distance = 0;
  for (const auto& [length, score] : scores) {
    if (std::isfinite(nearest) && std::abs(length - wanted) >= distance) continue;
    nearest = score;
    distance = std::abs(length - wanted);
  }
  return nearest;
}

namespace {

using Records = std::vector<const RunRecord*>;

bool has_scores(const RunRecord& record) {
  return std::any_of(record.scores.begin(), record.scores.end(),
                     [](const NumberByLength& scores) { return !scores.empty(); });
}

double at(const NumberByLength& scores, int64_t length) {
  const auto found = scores.find(length);
  return found == scores.end() ? kNotANumber : found->second;
}

ScoreSpread spread_of(const std::vector<SeedScore>& seeds, size_t kind) {
  std::map<int64_t, std::vector<double>> by_length;
  for (const SeedScore& seed : seeds) {
    for (const auto& [length, score] : seed.scores[kind]) by_length[length].push_back(score);
  }
  ScoreSpread spread;
  for (const auto& [length, scores] : by_length) {
    const Moments m = moments(scores);
    spread.median[length] = median(scores);
    spread.mean[length] = m.mean;
    spread.interval[length] = interval_of_mean(m);
  }
  return spread;
}

int64_t effective_length_of(const ScoreLine& line) {
  const NumberByLength& mean = line.of(line.primary()).mean;
  const double at_home = score_at(mean, line.train_length);
  int64_t served = 0;
  for (const auto& [length, score] : mean) {
    const bool serves =
        line.in_bits() ? score <= kServedBitsRatio * at_home : score >= kServedAccuracy;
    if (!serves) break;
    served = length;
  }
  return served;
}

void summarise(ScoreLine& line) {
  for (size_t kind = 0; kind < kScoreKinds; ++kind) line.scores[kind] = spread_of(line.seeds, kind);
  line.effective_length = effective_length_of(line);
}

SeedScore seed_score(const RunRecord& record) {
  SeedScore seed{record.seed, record.scores, record.training_seconds, false};
  seed.solved = score_at(record.scores[static_cast<size_t>(Score::accuracy)],
                         record.train_length) >= kSolvedAccuracy;
  return seed;
}

}  // namespace

int64_t ScoreLine::solved() const {
  return std::count_if(seeds.begin(), seeds.end(), [](const SeedScore& s) { return s.solved; });
}

std::vector<ScoreLine> score_lines(std::span<const RunRecord* const> records, size_t group) {
  std::map<int64_t, Records> by_length;
  for (const RunRecord* record : records) by_length[record->length].push_back(record);
  std::vector<ScoreLine> lines;
  for (const auto& [length, runs] : by_length) {
    ScoreLine line;
    line.group = group;
    line.length = length;
    bool trained = false;
    for (const RunRecord* record : runs) {
      const bool scored = record->ok && has_scores(*record);
      trained = trained || scored || record->status == "diverged";
      if (scored || !record->ok) count_run(*record, line.status);
      if (!scored) continue;
      line.train_length = record->train_length;
      line.seeds.push_back(seed_score(*record));
    }
    if (!trained) continue;
    std::sort(line.seeds.begin(), line.seeds.end(),
              [](const SeedScore& a, const SeedScore& b) { return a.seed < b.seed; });
    summarise(line);
    lines.push_back(std::move(line));
  }
  return lines;
}

namespace {

// Higher is better; lowest where the seed did not get that far.
double merit(const ScoreLine& line, int64_t seed) {
  for (const SeedScore& score : line.seeds) {
    if (score.seed != seed) continue;
    const double value =
        score_at(score.scores[static_cast<size_t>(line.primary())], line.train_length);
    return line.in_bits() ? -value : value;
  }
  return -std::numeric_limits<double>::infinity();
}

void choose_among(const std::vector<ScoreLine*>& family, std::vector<std::string>& notes) {
  std::set<int64_t> seeds;
  for (const ScoreLine* line : family) {
    for (const SeedScore& score : line->seeds) seeds.insert(score.seed);
  }
  if (seeds.empty()) return;
  const int64_t judge = *seeds.begin();
  const auto best = std::max_element(
      family.begin(), family.end(),
      [&](const ScoreLine* a, const ScoreLine* b) { return merit(*a, judge) < merit(*b, judge); });
  for (ScoreLine* line : family) {
    line->chosen = line == *best;
    if (seeds.size() < 2) continue;
    line->selection_seed = judge;
    std::erase_if(line->seeds, [&](const SeedScore& score) { return score.seed == judge; });
    summarise(*line);
  }
  const std::string note =
      seeds.size() > 1
          ? fmt::format("learning rates were chosen on seed {}, which is not reported", judge)
          : fmt::format(
                "learning rates were chosen on seed {}, the one that is reported: "
                "scores flatter",
                judge);
  if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
}

PairedDifference paired(const std::vector<ScoreLine>& lines, size_t left, size_t right,
                        int64_t length) {
  const ScoreLine &a = lines[left], &b = lines[right];
  PairedDifference pair{left, right, a.primary(), length, 0, kNotANumber, {}};
  const auto kind = static_cast<size_t>(pair.score);
  std::vector<double> differences;
  for (const SeedScore& x : a.seeds) {
    for (const SeedScore& y : b.seeds) {
      const double difference = at(x.scores[kind], length) - at(y.scores[kind], length);
      if (x.seed == y.seed && std::isfinite(difference)) differences.push_back(difference);
    }
  }
  const Moments m = moments(differences);
  pair.seeds = static_cast<int64_t>(m.count);
  pair.difference = m.mean;
  pair.interval = interval_of_mean(m);
  return pair;
}

}  // namespace

void choose_learning_rates(std::vector<ScoreLine>& lines, const std::vector<std::string>& families,
                           std::vector<std::string>& notes) {
  std::map<std::string, std::vector<ScoreLine*>> by_family;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].learning_rate.empty()) {
      by_family[fmt::format("{}\n{}", families[i], lines[i].length)].push_back(&lines[i]);
    }
  }
  for (const auto& [name, family] : by_family) {
    if (family.size() > 1) choose_among(family, notes);
  }
}

std::vector<PairedDifference> paired_differences(const std::vector<ScoreLine>& lines,
                                                 const std::vector<std::string>& variants) {
  const auto is_reference = [&](size_t i) {
    return variants[i] == "full" || variants[i] == "flash";
  };
  std::vector<size_t> chosen;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].chosen) chosen.push_back(i);
  }
  const bool has_reference = std::any_of(chosen.begin(), chosen.end(), is_reference);
  std::vector<PairedDifference> pairs;
  for (const size_t right : chosen) {
    if (has_reference && !is_reference(right)) continue;
    for (const size_t left : chosen) {
      if (left == right || lines[left].task != lines[right].task ||
          lines[left].train_length != lines[right].train_length ||
          lines[left].primary() != lines[right].primary()) {
        continue;
      }
      for (const auto& [length, score] : lines[left].of(lines[left].primary()).mean) {
        const PairedDifference pair = paired(lines, left, right, length);
        if (pair.seeds > 0) pairs.push_back(pair);
      }
    }
  }
  return pairs;
}

}  // namespace lengthwise
