// What trained models score: every seed, since training is often all or nothing and a mean hides
// it.
#pragma once
#include <array>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "experiments/analysis/records.h"

namespace lengthwise {

/// A model has solved a task whose answers are right or wrong from this on, in accuracy or exact
/// match, whichever the task's source reports, at the length that it was trained at.
inline constexpr double kSolvedAccuracy = 0.95;
/// What a model must score at a length to count as serving it: this accuracy or exact match, after
/// RULER (Hsieh et al. 2024, arXiv 2404.06654), or bits per byte of at most so many times those at
/// its training length.
inline constexpr double kServedAccuracy = 0.85;
inline constexpr double kServedBitsRatio = 1.05;

/// At this length, or the nearest to it that was scored (of two, the shorter); NaN without any.
double score_at(const NumberByLength& scores, int64_t wanted);

struct SeedScore {
  int64_t seed = 0;
  std::string run_id;
  LabelScores scores;
  std::shared_ptr<const PartScores> parts;  // the record's
  double training_seconds = kNotANumber;
  bool solved = false;  // of a task whose answers are right or wrong
};

/// Over seeds, at each test length.
struct ScoreSpread {
  NumberByLength median, mean;
  std::map<int64_t, Interval> interval;  // of the mean, by Student's t; open with one seed
};

/// Of all labels, or of those of one part.
struct ScoreSummary {
  std::array<ScoreSpread, kScoreKinds> by_kind;
  // Means over seeds. A ceiling is one of accuracy: guesses may pass it by a little, and exact
  // match, where all examples have as many labels, is below accuracy.
  NumberByLength ceiling, exact_match_chance;

  const ScoreSpread& of(Score score) const { return by_kind[static_cast<size_t>(score)]; }
  /// At which anything was scored.
  std::set<int64_t> test_lengths() const;
};

/// The trained runs of one group and length, scored at several lengths.
struct ScoreLine {
  size_t group = 0;
  std::string label;         // the group's, with the length where a group has several lines
  std::string task;          // with its options: what the scores are of
  Settings training;         // of how it was trained, that vary within the group
  int64_t length = 0;        // of the runs
  int64_t train_length = 0;  // 0 where not known
  int64_t tune_length = 0;   // of a second training, after which these are scored; 0 where none
  std::multimap<int64_t, std::string> ends;  // of the runs that were trained, by seed: their status
  LengthStatus status;                       // of all of them
  std::vector<SeedScore> seeds;
  Score primary = Score::accuracy;  // what the task's source reports
  double chance = kNotANumber;      // accuracy of a guess
  ScoreSummary scores;
  std::map<std::string, ScoreSummary, PartOrder> parts;
  int64_t effective_length = 0;  // the longest served, with all shorter ones; 0 where none is
  /// "0.003": the rate of these runs, where runs of the variant differ in it alone.
  std::string learning_rate;
  bool chosen = true;           // its rate did best on the selection seed
  int64_t selection_seed = -1;  // not among `seeds`; -1 where no rate was chosen by another seed

  bool less_is_better() const { return is_loss(primary); }
  const ScoreSpread& of(Score score) const { return scores.of(score); }
  int64_t solved() const;
};

/// One line for each length at which a model of this group was trained and scored. A run that
/// diverged was trained; of other failures that is not known, so they are counted beside scores
/// only.
std::vector<ScoreLine> score_lines(std::span<const RunRecord* const> records, size_t group);

/// Of lines of one variant and length that differ in the learning rate alone (`families` gives each
/// line's), the one that is best on the lowest seed is chosen, on average over the test lengths up
/// to its training length; that seed is then left out of all of them, where there are others. A
/// rate that this seed alone was trained with is not chosen where another has seeds to report. Says
/// so in the notes.
void choose_learning_rates(std::vector<ScoreLine>& lines, const std::vector<std::string>& families,
                           std::vector<std::string>& notes);

/// The same seeds of two lines: the same data, the same draws.
struct PairedDifference {
  size_t left = 0, right = 0;  // lines
  Score score{};
  int64_t test_length = 0, seeds = 0;
  double difference = kNotANumber;  // left - right, mean over seeds
  Interval interval;                // open with one seed
};

/// Of chosen lines of one task and training length, to the right of each pair `full`, `flash`, or
/// where neither is there every other line.
std::vector<PairedDifference> paired_differences(const std::vector<ScoreLine>& lines,
                                                 const std::vector<std::string>& variants);

}  // namespace lengthwise
