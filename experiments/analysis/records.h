// The rows of a results file as plain values: the only part of the comparison that knows columns.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/analysis/growth_law.h"
#include "experiments/analysis/setup.h"
#include "io/table.h"

namespace lengthwise {

/// What is compared at every length.
enum class Quantity : uint8_t {
  training_step_attention_seconds,
  training_step_seconds,
  forward_attention_seconds,
  forward_seconds,
  training_step_attention_flops,
  training_step_flops,
  attention_activation_bytes,
  peak_total_bytes,
  decode_step_attention_seconds,
  decode_step_seconds,
  decode_step_attention_flops,
  state_bytes,
  prefill_attention_seconds,
  prefill_seconds,
};
inline constexpr size_t kQuantities = 14;
enum class Unit : uint8_t { seconds, flops, bytes };
struct QuantityInfo {
  std::string_view name;  // in JSON
  std::string_view part;  // "attention alone" or "whole model"
  Unit unit;
};
const QuantityInfo& quantity_info(Quantity quantity);

/// What a trained model scores at every test length.
enum class Score : uint8_t { accuracy, exact_match, loss, bits_per_byte };
inline constexpr size_t kScoreKinds = 4;
std::string_view score_name(Score score);
constexpr bool is_loss(Score score) {
  return score == Score::loss || score == Score::bits_per_byte;
}

/// What was scored of some labels, at every test length; empty where it was not, or is not known.
struct LabelScores {
  std::array<NumberByLength, kScoreKinds> by_kind;
  NumberByLength ceiling;  // share of the labels whose answer the layers can reach
  NumberByLength exact_match_chance;

  const NumberByLength& of(Score score) const { return by_kind[static_cast<size_t>(score)]; }
  NumberByLength& of(Score score) { return by_kind[static_cast<size_t>(score)]; }
};

/// Parts of a task's labels by what is before "=", then by the number behind it: "pairs=8" comes
/// before "pairs=16", "context=9-16" before "context=17-32".
struct PartOrder {
  bool operator()(const std::string& a, const std::string& b) const;
};
using PartScores = std::map<std::string, LabelScores, PartOrder>;

/// What each part of the model takes of: its seconds are exclusive.
enum class PartedQuantity : uint8_t { training_step_seconds, training_step_flops, forward_seconds };
inline constexpr size_t kPartedQuantities = 3;
std::string_view parted_quantity_name(PartedQuantity quantity);
inline constexpr std::array<std::string_view, 5> kParts = {"attention", "projections",
                                                           "feed_forward", "head", "rest"};
using PartValues = std::array<double, kParts.size()>;

struct RunRecord {
  std::string run_id, attention, position, task, norm, status;
  std::string matched_key;  // the setting that was adjusted to agree in a budget; or ""
  bool ok = false;
  int64_t seed = 0, length = 0;
  int64_t train_length = 0;                           // 0 where not trained, or not known
  int64_t tune_length = 0;                            // of a second training; 0 where none
  std::shared_ptr<const Setup> setup;                 // never null in rows of a file
  std::array<double, kQuantities> quantities{};       // median over repeats
  std::array<int64_t, kQuantities> repeats{};         // that were measured
  std::array<PartValues, kPartedQuantities> parts{};  // median over repeats
  double probe_flops_per_second = kNotANumber;
  bool machine_loaded = false, machine_shared = false;
  LabelScores scores;
  std::shared_ptr<const PartScores> part_scores;  // null where no part was scored
  std::string primary_score;              // that the task's source reports; "" in older files
  NumberByLength ngram_bits_per_byte;     // by bytes of context
  double training_seconds = kNotANumber;  // of both trainings, where there were two
  double chance = kNotANumber;            // accuracy of a guess, where the file says so
  std::string commit, cpu;
};

/// How the runs of one length ended.
struct LengthStatus {
  int64_t runs = 0, ok = 0;
  std::string first_failure;  // the status of the first run that was not ok
};
void count_run(const RunRecord& record, LengthStatus& status);

using RunRecords = std::deque<RunRecord>;

/// The columns that records are made of, and their dimensions.
std::vector<std::string> record_columns();

/// Adds the rows of a table, whole or a piece of the file. UserError names the file and the column
/// that is missing or is not as expected. Scores, parts, baselines, decoding and provenance may be
/// missing.
void add_records(const Table& table, const std::string& file, Setups& setups, RunRecords& all);

}  // namespace lengthwise
