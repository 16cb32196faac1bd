// What `lengthwise compare` says of a results file, as values: report.h renders it.
#pragma once
#include <filesystem>
#include <set>

#include "experiments/analysis/accuracy.h"
#include "experiments/analysis/crossover.h"
#include "experiments/analysis/records.h"

namespace lengthwise {

/// The runs that differ in length and seed alone, or in settings that the length decides.
struct Group {
  std::string label;  // "windowed rotary window=64": only what tells groups of this file apart
  std::string attention, position, task, norm;
  Settings settings;  // that vary between runs of this variant
  std::map<int64_t, LengthStatus> lengths;
  std::string model;     // its sizes, as configured, but for one that was matched
  std::string batching;  // "batch 1", "8192 tokens a batch", or "" where it is neither
  std::array<GrowthLaw, kQuantities> laws;
  std::array<std::map<int64_t, PartValues>, kPartedQuantities> parts;  // medians over processes
};

/// Two groups and one quantity.
struct PairCrossover {
  Quantity quantity{};
  size_t later = 0, earlier = 0;  // groups: `later` is lower at long lengths
  Crossover crossover;
  std::string batching;
  bool reference = false;  // one of them is `flash` or `full`
  std::string sentence;
};

/// What a trained model costs and scores, at its training length. On a front where no other chosen
/// line of its training length is better in the one without being worse in the other.
struct ParetoPoint {
  size_t line = 0;
  double value = kNotANumber;  // of its primary score, mean over seeds
  double training_seconds = kNotANumber, peak_total_bytes = kNotANumber, state_bytes = kNotANumber;
  bool on_front_seconds = false, on_front_bytes = false, on_front_state = false;
};

struct FailedRun {
  std::string run_id, label, status;
  int64_t length = 0, seed = 0;
};

struct Comparison {
  std::string file, study;
  std::map<std::string, int64_t> commits, cpus, threads;  // how many runs each
  int64_t runs = 0;
  std::map<std::string, std::set<std::string>> common;  // task, norm, width ...: every value
  std::vector<Group> groups;
  std::vector<ScoreLine> scores;
  std::vector<PairedDifference> paired_differences;
  std::vector<ParetoPoint> pareto;
  NumberByLength ngram_bits_per_byte;  // median over runs, by bytes of context
  double chance = kNotANumber;         // NaN where unknown, or where runs differ
  std::vector<FailedRun> failed;
  std::vector<PairCrossover> crossovers;
  int64_t loaded_runs = 0, shared_runs = 0;  // timed beside other work
  std::vector<std::string> summary;          // sentences, the most important first
  std::vector<std::string> notes;            // what a reader must know before trusting a number
};

/// Groups, medians, exponents. UserError names the file and the column that is not as expected.
Comparison compare_table(const Table& table, const std::string& file);
/// The same of a file, which may be larger than memory.
Comparison compare_file(const std::filesystem::path& path);

}  // namespace lengthwise
