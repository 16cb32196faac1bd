#include "experiments/analysis/accuracy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
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
  const auto& by_kind = record.scores.by_kind;
  return std::any_of(by_kind.begin(), by_kind.end(),
                     [](const NumberByLength& scores) { return !scores.empty(); });
}

Score primary_of(const RunRecord& record) {
  for (size_t i = 0; i < kScoreKinds; ++i) {
    if (record.primary_score == score_name(static_cast<Score>(i))) return static_cast<Score>(i);
  }
  const bool in_bits = !record.scores.of(Score::bits_per_byte).empty();
  return in_bits ? Score::bits_per_byte : Score::accuracy;
}

double at(const NumberByLength& scores, int64_t length) {
  const auto found = scores.find(length);
  return found == scores.end() ? kNotANumber : found->second;
}

using ByLength = std::map<int64_t, std::vector<double>>;

// What every seed says at each length; `member` picks it of a seed's scores.
template <class Member>
ByLength over_seeds(const std::vector<const LabelScores*>& seeds, const Member& member) {
  ByLength by_length;
  for (const LabelScores* seed : seeds) {
    for (const auto& [length, score] : std::invoke(member, *seed))
      by_length[length].push_back(score);
  }
  return by_length;
}

ScoreSpread spread_of(const ByLength& by_length) {
  ScoreSpread spread;
  for (const auto& [length, scores] : by_length) {
    const Moments m = moments(scores);
    spread.median[length] = median(scores);
    spread.mean[length] = m.mean;
    spread.interval[length] = interval_of_mean(m);
  }
  return spread;
}

ScoreSummary summary_of(const std::vector<const LabelScores*>& seeds) {
  ScoreSummary summary;
  for (size_t kind = 0; kind < kScoreKinds; ++kind) {
    summary.by_kind[kind] = spread_of(over_seeds(
        seeds, [&](const LabelScores& s) -> const NumberByLength& { return s.by_kind[kind]; }));
  }
  summary.ceiling = spread_of(over_seeds(seeds, &LabelScores::ceiling)).mean;
  summary.exact_match_chance = spread_of(over_seeds(seeds, &LabelScores::exact_match_chance)).mean;
  return summary;
}

int64_t effective_length_of(const ScoreLine& line) {
  const NumberByLength& mean = line.of(line.primary).mean;
  const double at_home = score_at(mean, line.train_length);
  int64_t served = 0;
  for (const auto& [length, score] : mean) {
    const bool serves =
        line.less_is_better() ? score <= kServedBitsRatio * at_home : score >= kServedAccuracy;
    if (!serves) break;
    served = length;
  }
  return served;
}

LengthStatus status_of(const std::multimap<int64_t, std::string>& ends) {
  LengthStatus status;
  for (const auto& [seed, end] : ends) {
    ++status.runs;
    if (end == "ok") {
      ++status.ok;
    } else if (status.first_failure.empty()) {
      status.first_failure = end;
    }
  }
  return status;
}

void summarise(ScoreLine& line) {
  std::vector<const LabelScores*> all;
  std::map<std::string, std::vector<const LabelScores*>, PartOrder> parts;
  for (const SeedScore& seed : line.seeds) {
    all.push_back(&seed.scores);
    if (!seed.parts) continue;
    for (const auto& [part, scores] : *seed.parts) parts[part].push_back(&scores);
  }
  line.status = status_of(line.ends);
  line.scores = summary_of(all);
  line.parts.clear();
  for (const auto& [part, seeds] : parts) line.parts[part] = summary_of(seeds);
  line.effective_length = effective_length_of(line);
}

SeedScore seed_score(const RunRecord& record) {
  SeedScore seed{record.seed,        record.run_id,           record.scores,
                 record.part_scores, record.training_seconds, false};
  const Score primary = primary_of(record);
  seed.solved = !is_loss(primary) &&
                score_at(record.scores.of(primary), record.train_length) >= kSolvedAccuracy;
  return seed;
}

}  // namespace

std::set<int64_t> ScoreSummary::test_lengths() const {
  std::set<int64_t> lengths;
  for (const ScoreSpread& spread : by_kind) {
    for (const auto& [length, mean] : spread.mean) lengths.insert(length);
  }
  return lengths;
}

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
      if (scored || !record->ok) line.ends.emplace(record->seed, record->status);
      if (scored || !record->primary_score.empty()) line.primary = primary_of(*record);
      if (!scored) continue;
      line.train_length = record->train_length;
      line.tune_length = record->tune_length;
      line.chance = record->chance;
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

// The mean over what was tested within the length of training, where sizes may be mixed: one alone
// may be beyond any rate. Higher is better; lowest where the seed did not get that far.
double merit(const ScoreLine& line, int64_t seed) {
  for (const SeedScore& score : line.seeds) {
    if (score.seed != seed) continue;
    const NumberByLength& scores = score.scores.of(line.primary);
    const auto within = std::distance(scores.begin(), scores.upper_bound(line.train_length));
    double value = score_at(scores, line.train_length);
    if (std::isfinite(value) && within > 0) {
      value = 0;
      for (auto at = scores.begin(); at != std::next(scores.begin(), within); ++at) {
        value += at->second / static_cast<double>(within);
      }
    }
    return line.less_is_better() ? -value : value;
  }
  return -std::numeric_limits<double>::infinity();
}

bool has_other_seed(const ScoreLine& line, int64_t seed) {
  return std::any_of(line.seeds.begin(), line.seeds.end(),
                     [&](const SeedScore& score) { return score.seed != seed; });
}

struct Election {
  std::vector<ScoreLine*> candidates;
  int64_t judge = 0;  // the seed that chooses
  bool reports_others = true;
};

// The lowest seed judges, of the lines that have another to report; of all where none has.
Election election_of(std::vector<ScoreLine*> lines) {
  std::erase_if(lines, [](const ScoreLine* line) { return line->seeds.empty(); });
  Election election{std::move(lines)};
  while (!election.candidates.empty()) {
    election.judge = std::numeric_limits<int64_t>::max();
    for (const ScoreLine* line : election.candidates) {
      election.judge = std::min(election.judge, line->seeds.front().seed);
    }
    std::vector<ScoreLine*> reporting;
    bool judged = false;
    for (ScoreLine* line : election.candidates) {
      if (!has_other_seed(*line, election.judge)) continue;
      reporting.push_back(line);
      judged = judged || line->seeds.front().seed == election.judge;
    }
    election.reports_others = !reporting.empty();
    if (reporting.empty()) break;
    election.candidates = std::move(reporting);
    if (judged) break;
  }
  return election;
}

void leave_out(ScoreLine& line, int64_t seed) {
  std::erase_if(line.seeds, [&](const SeedScore& score) { return score.seed == seed; });
  line.ends.erase(seed);
  summarise(line);
}

void add_note(std::vector<std::string>& notes, const std::string& note) {
  if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
}

void choose_among(const std::vector<ScoreLine*>& family, std::vector<std::string>& notes) {
  const auto [candidates, judge, reports_others] = election_of(family);
  if (candidates.empty()) return;
  const auto worse = [judge = judge](const ScoreLine* a, const ScoreLine* b) {
    return merit(*a, judge) < merit(*b, judge);
  };
  const ScoreLine* best = *std::max_element(candidates.begin(), candidates.end(), worse);
  const ScoreLine* best_of_all = *std::max_element(family.begin(), family.end(), worse);
  if (worse(best, best_of_all)) {
    add_note(notes, fmt::format("learning rate {} did best on seed {} but has no other seed to "
                                "report: rates that have were preferred",
                                best_of_all->learning_rate, judge));
  }
  for (ScoreLine* line : family) {
    line->chosen = line == best;
    if (!reports_others) continue;
    line->selection_seed = judge;
    leave_out(*line, judge);
  }
  add_note(notes,
           reports_others
               ? fmt::format("learning rates were chosen on seed {}, which is not reported", judge)
               : fmt::format("learning rates were chosen on seed {}, the one that is "
                             "reported: scores flatter",
                             judge));
}

PairedDifference paired(const std::vector<ScoreLine>& lines, size_t left, size_t right,
                        int64_t length) {
  const ScoreLine &a = lines[left], &b = lines[right];
  PairedDifference pair{left, right, a.primary, length, 0, kNotANumber, {}};
  std::vector<double> differences;
  auto first = b.seeds.begin();  // seeds rise
  for (const SeedScore& x : a.seeds) {
    while (first != b.seeds.end() && first->seed < x.seed) ++first;
    for (auto y = first; y != b.seeds.end() && y->seed == x.seed; ++y) {
      const double difference =
          at(x.scores.of(pair.score), length) - at(y->scores.of(pair.score), length);
      if (std::isfinite(difference)) differences.push_back(difference);
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
          lines[left].primary != lines[right].primary) {
        continue;
      }
      for (const auto& [length, score] : lines[left].of(lines[left].primary).mean) {
        const PairedDifference pair = paired(lines, left, right, length);
        if (pair.seeds > 0) pairs.push_back(pair);
      }
    }
  }
  return pairs;
}

}  // namespace lengthwise
