#include "experiments/analysis/report.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/text_table.h"
#include "experiments/analysis/accuracy_report.h"
#include "experiments/analysis/length_table.h"

namespace lengthwise {
namespace {

const std::vector<Scale>& scales_of(Unit unit) {
  static const std::vector<Scale> kSeconds = {{1e-6, "µs"}, {1e-3, "ms"}, {1, "s"}};
  static const std::vector<Scale> kFlops = {
      {1, "FLOP"}, {1e6, "MFLOP"}, {1e9, "GFLOP"}, {1e12, "TFLOP"}};
  static const std::vector<Scale> kBytes = {
      {1, "byte"}, {0x1p10, "KiB"}, {0x1p20, "MiB"}, {0x1p30, "GiB"}};
  return unit == Unit::seconds ? kSeconds : unit == Unit::flops ? kFlops : kBytes;
}

std::string exponent_text(const Exponent& exponent) {
  if (!std::isfinite(exponent.value)) return "-";
  std::string text = fmt::format("{}{:.2f}", exponent.settled ? "" : "~", exponent.value);
  if (std::isfinite(exponent.interval.low)) {
    text += fmt::format(" [{:.2f}, {:.2f}]", exponent.interval.low, exponent.interval.high);
  }
  return text;
}

std::string leading_text(const LeadingExponent& leading) {
  if (!std::isfinite(leading.value)) return "-";
  return fmt::format("{}{:.2f}", leading.settled ? "" : "~", leading.value);
}

std::vector<int64_t> all_lengths(const Comparison& comparison) {
  std::set<int64_t> lengths;
  for (const Group& group : comparison.groups) {
    for (const int64_t length : keys_of(group.lengths)) lengths.insert(length);
  }
  return {lengths.begin(), lengths.end()};
}

std::vector<double> finite_values(const Comparison& comparison,
                                  const std::vector<Quantity>& quantities) {
  std::vector<double> values;
  for (const Group& group : comparison.groups) {
    for (const Quantity quantity : quantities) {
      for (const auto& [length, value] : group.laws[static_cast<size_t>(quantity)].values) {
        values.push_back(value);
      }
    }
  }
  return values;
}

std::string value_cell(const Group& group, const GrowthLaw& law, int64_t length, double divisor) {
  const auto value = law.values.find(length);
  if (value != law.values.end()) return short_number(value->second / divisor);
  const auto status = group.lengths.find(length);
  const bool failed = status != group.lengths.end() && status->second.ok == 0;
  return failed ? failure_text(status->second.first_failure) : "-";
}

/// Attention alone and the whole model, one below the other, in one unit.
std::string quantity_table(const Comparison& comparison, const std::string& title,
                           const std::vector<Quantity>& quantities,
                           const std::vector<std::string>& parts) {
  const Unit unit = quantity_info(quantities.front()).unit;
  const std::vector<double> values = finite_values(comparison, quantities);
  if (values.empty()) return "";
  const Scale scale = common_scale(values, scales_of(unit));
  const bool exact = unit != Unit::seconds;
  const auto rows_of = [&](const std::vector<int64_t>& lengths) {
    Rows rows;
    for (size_t part = 0; part < quantities.size(); ++part) {
      std::vector<std::string> header = {parts[part]};
      for (const int64_t length : lengths) header.push_back(std::to_string(length));
      header.push_back(exact ? "leading" : "exponent");
      rows.insert(rows.end(), {header, {"-"}});
      for (const Group& group : comparison.groups) {
        const GrowthLaw& law = group.laws[static_cast<size_t>(quantities[part])];
        std::vector<std::string> row = {group.label};
        for (const int64_t length : lengths) {
          row.push_back(value_cell(group, law, length, scale.divisor));
        }
        row.push_back(exact ? leading_text(law.leading) : exponent_text(law.exponent));
        rows.push_back(row);
      }
    }
    return rows;
  };
  return fmt::format("\n{}, {}\n{}", title, scale.name,
                     fitting_table(all_lengths(comparison), rows_of));
}

/// What a flag of an exponent says to who reads it here for the first time.
std::string_view flag_meaning(std::string_view flag) {
  if (flag == "drift") return ", the machine was not as fast at one length as at another";
  if (flag == "uneven") return ", lengths scatter about any law by more than their repeats do";
  if (flag == "outliers") return ", processes far from the others are left out";
  if (flag.starts_with("kink")) return ", fitted on one side of it";
  return "";
}

/// Slopes of seconds; leading exponents of what is exact.
std::string exponent_table(const Comparison& comparison, const std::string& title,
                           const std::vector<Quantity>& shown, Rows rows) {
  if (all_lengths(comparison).size() < 2 || finite_values(comparison, shown).empty()) return "";
  bool unsettled = false;
  std::map<std::string, std::set<std::string>> flags;
  for (const Group& group : comparison.groups) {
    std::vector<std::string> row = {group.label};
    for (const Quantity quantity : shown) {
      const GrowthLaw& law = group.laws[static_cast<size_t>(quantity)];
      const bool exact = quantity_info(quantity).unit != Unit::seconds;
      row.push_back(exact ? leading_text(law.leading) : exponent_text(law.exponent));
      unsettled = unsettled || (exact ? std::isfinite(law.leading.value) && !law.leading.settled
                                      : std::isfinite(law.exponent.value) && !law.exponent.settled);
      for (const std::string& flag : law.exponent.flags) flags[flag].insert(group.label);
    }
    rows.push_back(row);
  }
  std::string text = fmt::format("\nExponents of {}\n{}", title, aligned(rows));
  if (unsettled) text += "~ not settled: the slope still drifts, or no second reading agrees\n";
  for (const auto& [flag, labels] : flags) {
    if (flag != "not yet asymptotic") {
      text += fmt::format("({}{}: {})\n", flag, flag_meaning(flag), fmt::join(labels, ", "));
    }
  }
  return text;
}

std::string training_exponents(const Comparison& comparison) {
  return exponent_table(
      comparison,
      "a training step at the longest length (seconds: local, with its 95 % interval;\n"
      "FLOPs and bytes: of the leading term, lower terms cancelled)",
      {Quantity::training_step_attention_seconds, Quantity::training_step_seconds,
       Quantity::training_step_attention_flops, Quantity::training_step_flops,
       Quantity::attention_activation_bytes, Quantity::peak_total_bytes},
      {{"", "seconds", "", "FLOPs", "", "bytes", ""},
       {"", "attention", "model", "attention", "model", "attention", "peak"},
       {"-"}});
}

std::string decoding_exponents(const Comparison& comparison) {
  return exponent_table(
      comparison, "decoding at the longest context",
      {Quantity::decode_step_attention_seconds, Quantity::decode_step_seconds,
       Quantity::prefill_attention_seconds, Quantity::prefill_seconds, Quantity::state_bytes},
      {{"", "seconds a token", "", "seconds of the prompt", "", "bytes"},
       {"", "attention", "model", "attention", "model", "state"},
       {"-"}});
}

/// Of the quantities that people ask for first, against `flash`, or `full` where it is not there.
std::string crossover_text(const Comparison& comparison) {
  if (all_lengths(comparison).size() < 2) return "";
  std::string text;
  const bool has_flash = std::any_of(comparison.groups.begin(), comparison.groups.end(),
                                     [](const Group& group) { return group.attention == "flash"; });
  for (const PairCrossover& pair : comparison.crossovers) {
    const auto is = [&](std::string_view name) {
      return comparison.groups[pair.later].attention == name ||
             comparison.groups[pair.earlier].attention == name;
    };
    const bool asked = pair.quantity == Quantity::training_step_seconds ||
                       pair.quantity == Quantity::decode_step_seconds ||
                       pair.quantity == Quantity::training_step_flops ||
                       pair.quantity == Quantity::peak_total_bytes;
    if (asked && is(has_flash ? "flash" : "full")) text += pair.sentence + "\n";
  }
  if (text.empty()) return "";
  return "\nCrossovers, as measured (seconds are this machine's; FLOPs and bytes carry over; all "
         "pairs: --json)\n" +
         text;
}

/// A commit is a long hexadecimal number with, perhaps, "-dirty" behind it.
std::string short_commit(const std::string& commit) {
  const size_t digits = std::min(commit.find_first_not_of("0123456789abcdef"), commit.size());
  return digits <= 12 ? commit : commit.substr(0, 12) + commit.substr(digits);
}

std::string header(const Comparison& comparison) {
  const auto line = [](const std::string& name, const std::string& value) {
    return value.empty() ? "" : fmt::format("{:<10}{}\n", name, value);
  };
  const auto names = [](const std::map<std::string, int64_t>& counts, bool shorten) {
    std::string joined;
    for (const auto& [name, runs] : counts) {
      if (name.empty()) continue;
      joined += (joined.empty() ? "" : ", ") + (shorten ? short_commit(name) : name);
    }
    return joined;
  };
  const auto& groups = comparison.groups;
  std::string settings;
  for (const auto& [name, values] : comparison.common) {
    std::string joined;
    for (const std::string& value : values) joined += (joined.empty() ? "" : ", ") + value;
    if (!joined.empty())
      settings += fmt::format("{}{} {}", settings.empty() ? "" : "; ", name, joined);
  }
  const std::string threads = names(comparison.threads, false);
  std::string cpu = names(comparison.cpus, false);
  if (!threads.empty()) {
    cpu += fmt::format("{}threads {}", cpu.empty() ? "" : ", ", threads);
  }
  std::string runs = fmt::format("{}", comparison.runs);
  if (!comparison.failed.empty()) runs += fmt::format(", {} not ok", comparison.failed.size());
  runs += fmt::format(", {} variant{}", groups.size(), groups.size() == 1 ? "" : "s");
  return line("file", comparison.file) + line("study", comparison.study) + line("machine", cpu) +
         line("commit", names(comparison.commits, true)) + line("runs", runs) +
         line("settings", settings);
}

std::string failed_table(const Comparison& comparison) {
  if (comparison.failed.empty()) return "";
  Rows rows = {{"not ok, and in no fit", "length", "seed", "status"}, {"-"}};
  for (const FailedRun& run : comparison.failed) {
    rows.push_back({run.label, std::to_string(run.length), std::to_string(run.seed),
                    failure_text(run.status)});
  }
  return "\n" + aligned(rows);
}

}  // namespace

std::string comparison_text(const Comparison& comparison) {
  std::string text = header(comparison);
  for (const std::string& note : comparison.notes) text += fmt::format("note      {}\n", note);
  if (comparison.runs == 0) return text;
  const std::vector<std::string> parts = {"attention alone", "whole model"};
  text += training_exponents(comparison);
  // Beside those of training they would be one table too many; each table has its own.
  if (finite_values(comparison, {Quantity::training_step_seconds}).empty()) {
    text += decoding_exponents(comparison);
  }
  text += crossover_text(comparison);
  text += quantity_table(
      comparison, "Training step",
      {Quantity::training_step_attention_seconds, Quantity::training_step_seconds}, parts);
  text += quantity_table(comparison, "Forward pass",
                         {Quantity::forward_attention_seconds, Quantity::forward_seconds}, parts);
  text += quantity_table(comparison, "Training step",
                         {Quantity::training_step_attention_flops, Quantity::training_step_flops},
                         parts);
  text += quantity_table(comparison, "Memory of a training step",
                         {Quantity::attention_activation_bytes, Quantity::peak_total_bytes},
                         {"kept by attention for backward", "peak of the whole model"});
  text += quantity_table(comparison, "Taking the tokens before the one that is decoded",
                         {Quantity::prefill_attention_seconds, Quantity::prefill_seconds}, parts);
  text += quantity_table(comparison, "Decoding one token after the others",
                         {Quantity::decode_step_attention_seconds, Quantity::decode_step_seconds},
                         parts);
  text += quantity_table(comparison, "Memory of decoding", {Quantity::state_bytes},
                         {"remembered by all layers"});
  return text + accuracy_text(comparison) + failed_table(comparison);
}

}  // namespace lengthwise
