#include "experiments/analysis/comparison.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/config_keys.h"
#include "experiments/analysis/grouping.h"
#include "experiments/analysis/pairs.h"
#include "experiments/analysis/pareto.h"

namespace lengthwise {
namespace {

void label_groups(std::vector<Group>& groups) {
  const auto differs = [&](std::string Group::*member) {
    return std::any_of(groups.begin(), groups.end(),
                       [&](const Group& group) { return group.*member != groups.front().*member; });
  };
  const bool position = differs(&Group::position), task = differs(&Group::task),
             norm = differs(&Group::norm);
  for (Group& group : groups) {
    group.label = group.attention;
    if (position) group.label += " " + group.position;
    if (task) group.label += " " + group.task;
    if (norm) group.label += group.norm == "none" ? " no norm" : " " + group.norm;
    group.label += settings_label(group.settings);
  }
}

GrowthLaw law_of(const Records& records, size_t quantity) {
  Curve curve;
  for (const RunRecord* record : records) {
    const double value = record->quantities[quantity];
    if (!record->ok || !std::isfinite(value) || value <= 0) continue;
    Cell& cell = curve[record->length];
    const int64_t repeats = record->repeats[quantity];
    cell.repeats = cell.processes.empty() ? repeats : std::min(cell.repeats, repeats);
    cell.processes.push_back(value);
    cell.probe_rates.push_back(record->probe_flops_per_second);
    cell.seeds.push_back(record->seed);
  }
  return growth_law(std::move(curve),
                    quantity_info(static_cast<Quantity>(quantity)).unit != Unit::seconds);
}

std::map<int64_t, PartValues> parts_of(const Records& records, size_t quantity) {
  std::map<int64_t, std::array<std::vector<double>, kParts.size()>> processes;
  for (const RunRecord* record : records) {
    if (!record->ok) continue;
    for (size_t part = 0; part < kParts.size(); ++part) {
      processes[record->length][part].push_back(record->parts[quantity][part]);
    }
  }
  std::map<int64_t, PartValues> result;
  for (auto& [length, values] : processes) {
    for (size_t part = 0; part < kParts.size(); ++part) {
      result[length][part] = median_of(values[part]);
    }
  }
  return result;
}

std::string batching_of(const Records& records) {
  std::set<int64_t> batches, tokens;
  for (const RunRecord* record : records) {
    const auto batch = record->setup->sizes.find("batch");
    if (batch == record->setup->sizes.end()) return "";
    batches.insert(batch->second);
    tokens.insert(batch->second * record->length);
  }
  if (batches.size() == 1) return fmt::format("batch {}", *batches.begin());
  return tokens.size() == 1 ? fmt::format("{} tokens a batch", *tokens.begin()) : "";
}

/// What models must have in common for their costs to be compared, whatever they attend by.
std::string model_of(const RunRecord& record) {
  std::string model;
  for (const auto& [key, value] : record.setup->settings) {
    const bool was_matched = key == record.matched_key;
    const bool is_of_model =
        key.starts_with("model.") || key == "train.checkpoint" || key == "threads";
    if (is_of_model && !was_matched) model += fmt::format("{}={}\n", key, value);
  }
  return model;
}

Group make_group(const GroupKey& key, const GroupRuns& runs) {
  Group group;
  group.attention = key.attention;
  group.position = key.position;
  group.task = key.task;
  group.norm = key.norm;
  group.settings = runs.settings;
  for (const RunRecord* record : runs.records) {
    count_run(*record, group.lengths[record->length]);
  }
  group.batching = batching_of(runs.records);
  group.model = model_of(*runs.records.front());
  for (size_t i = 0; i < kQuantities; ++i) group.laws[i] = law_of(runs.records, i);
  for (size_t i = 0; i < kPartedQuantities; ++i) group.parts[i] = parts_of(runs.records, i);
  return group;
}

constexpr std::string_view kLearningRate = "train.learning_rate";

std::string task_of(const RunRecord& record) {
  std::string task = record.task;
  for (const auto& [key, value] : record.setup->settings) {
    if (key.starts_with("task." + record.task + ".")) task += fmt::format("\n{}={}", key, value);
  }
  return task;
}

/// Of one group, apart where runs of one length differ in how they were trained.
std::vector<ScoreLine> score_lines_of(const Records& records, size_t group) {
  std::set<std::string> keys = dividing_keys(records);
  std::erase_if(keys, [](const std::string& key) { return !is_of_training(key); });
  std::vector<ScoreLine> lines;
  for (const auto& [settings, runs] : by_settings(records, keys)) {
    for (ScoreLine& line : score_lines(runs, group)) {
      line.training = settings;
      line.task = task_of(*runs.front());
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

void add_scores(Comparison& comparison) {
  std::vector<std::string> families, variants;
  for (ScoreLine& line : comparison.scores) {
    std::string family = std::to_string(line.group);
    for (const auto& [key, value] : line.training) {
      if (key == kLearningRate) {
        line.learning_rate = value;
      } else {
        family += fmt::format("\n{}={}", key, value);
      }
    }
    families.push_back(family);
    variants.push_back(comparison.groups[line.group].attention);
  }
  choose_learning_rates(comparison.scores, families, comparison.notes);
  comparison.paired_differences = paired_differences(comparison.scores, variants);
  comparison.pareto = pareto_points(comparison);
}

void label_scores(const std::vector<Group>& groups, std::vector<ScoreLine>& lines) {
  for (ScoreLine& line : lines) {
    const auto other_length = [&](const ScoreLine& other) {
      return other.group == line.group && other.length != line.length;
    };
    line.label = groups[line.group].label + settings_label(line.training);
    if (std::any_of(lines.begin(), lines.end(), other_length)) {
      line.label += fmt::format(" length={}", line.length);
    }
  }
}

void read_baselines(const RunRecords& records, Comparison& comparison) {
  std::map<int64_t, std::vector<double>> ngrams;
  std::set<double> chances;
  for (const RunRecord& record : records) {
    for (const auto& [context, bits] : record.ngram_bits_per_byte) ngrams[context].push_back(bits);
    if (std::isfinite(record.chance)) chances.insert(record.chance);
  }
  for (const auto& [context, bits] : ngrams) {
    comparison.ngram_bits_per_byte[context] = median(bits);
    const auto [least, most] = std::minmax_element(bits.begin(), bits.end());
    if (*least != *most) {
      comparison.notes.push_back(fmt::format(
          "the n-gram baseline with {} bytes of context differs between runs: median shown",
          context));
    }
  }
  if (chances.size() == 1) comparison.chance = *chances.begin();
}

/// Where runs of one group differ in batch, a step is not the same work per token at every length.
void note_varying_batch(const Records& records, Comparison& comparison) {
  const std::string note =
      "the batch changes with the length: every quantity is of a whole step, not of one sequence";
  std::set<int64_t> batches;
  for (const RunRecord* record : records) {
    const auto batch = record->setup->sizes.find("batch");
    if (batch != record->setup->sizes.end()) batches.insert(batch->second);
  }
  auto& notes = comparison.notes;
  if (batches.size() > 1 && std::find(notes.begin(), notes.end(), note) == notes.end()) {
    notes.push_back(note);
  }
}

std::string join_counts(const std::map<std::string, int64_t>& counts) {
  std::string joined;
  for (const auto& [name, runs] : counts) {
    joined += fmt::format("{}{} ({} run{})", joined.empty() ? "" : ", ",
                          name.empty() ? "unknown" : name, runs, runs == 1 ? "" : "s");
  }
  return joined;
}

void read_study(const Table& table, Comparison& comparison) {
  for (const std::string name : {"study", "title"}) {
    const auto found = table.attributes.find(name);
    if (comparison.study.empty() && found != table.attributes.end()) {
      comparison.study = found->second;
    }
  }
}

void read_provenance(const RunRecords& records, Comparison& comparison) {
  std::map<const Setup*, int64_t> setups;
  for (const RunRecord& record : records) {
    ++comparison.commits[record.commit];
    ++comparison.cpus[record.cpu];
    comparison.loaded_runs += record.machine_loaded ? 1 : 0;
    comparison.shared_runs += record.machine_shared ? 1 : 0;
    comparison.common["position"].insert(record.position);
    comparison.common["task"].insert(record.task);
    comparison.common["norm"].insert(record.norm);
    if (record.status != "refused") ++setups[record.setup.get()];  // or its sizes are of nothing
  }
  for (const auto& [setup, runs] : setups) {
    for (const auto& [name, size] : setup->sizes) {
      if (name == "threads") {
        comparison.threads[std::to_string(size)] += runs;
      } else {
        comparison.common[name].insert(std::to_string(size));
      }
    }
  }
  const auto note_busy = [&](int64_t runs, std::string_view why) {
    if (runs == 0) return;
    comparison.notes.push_back(fmt::format(
        "{} of {} runs were timed {}: take their seconds with care", runs, comparison.runs, why));
  };
  note_busy(comparison.loaded_runs, "while others used the machine");
  note_busy(comparison.shared_runs, "beside other runs of their sweep");
  if (comparison.commits.size() > 1) {
    comparison.notes.push_back("commits differ: " + join_counts(comparison.commits));
  }
  if (comparison.cpus.size() > 1 || comparison.threads.size() > 1) {
    comparison.notes.push_back("machines or threads differ: seconds do not compare");
  }
}

void compare_records(const RunRecords& records, Comparison& comparison) {
  comparison.runs = static_cast<int64_t>(records.size());
  read_provenance(records, comparison);
  const auto grouped = group_runs(records);
  for (const auto& [key, runs] : grouped) {
    for (ScoreLine& line : score_lines_of(runs.records, comparison.groups.size())) {
      comparison.scores.push_back(std::move(line));
    }
    comparison.groups.push_back(make_group(key, runs));
    note_varying_batch(runs.records, comparison);
  }
  label_groups(comparison.groups);
  label_scores(comparison.groups, comparison.scores);
  add_scores(comparison);
  read_baselines(records, comparison);
  size_t index = 0;
  for (const auto& [key, runs] : grouped) {
    const std::string& label = comparison.groups[index++].label;
    for (const RunRecord* run : runs.records) {
      if (run->ok) continue;
      comparison.failed.push_back({run->run_id, label, run->status, run->length, run->seed});
    }
  }
  comparison.crossovers = pair_crossovers(comparison.groups);
  comparison.summary = summary_sentences(comparison);
}

}  // namespace

Comparison compare_table(const Table& table, const std::string& file) {
  Comparison comparison;
  comparison.file = file;
  read_study(table, comparison);
  Setups setups;
  RunRecords records;
  add_records(table, file, setups, records);
  compare_records(records, comparison);
  return comparison;
}

Comparison compare_file(const std::filesystem::path& path) {
  constexpr size_t kPieceRuns = 4096;
  Comparison comparison;
  comparison.file = path.string();
  Setups setups;
  RunRecords records;
  read_in_pieces(path, record_columns(), kPieceRuns, [&](const Table& piece) {
    read_study(piece, comparison);
    add_records(piece, comparison.file, setups, records);
  });
  compare_records(records, comparison);
  return comparison;
}

}  // namespace lengthwise
