#include "experiments/analysis/report.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/text_table.h"

namespace lengthwise {
namespace {

constexpr size_t kWidth = 110;
constexpr size_t kFewestLengths = 3;

using Rows = std::vector<std::vector<std::string>>;

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
  return fmt::format("{:.2f} [{:.2f}, {:.2f}]", exponent.value, exponent.interval.low,
                     exponent.interval.high);
}

std::string leading_text(const LeadingExponent& leading) {
  if (!std::isfinite(leading.value)) return "-";
  return fmt::format("{}{:.2f}", leading.settled ? "" : "~", leading.value);
}

std::string failure_text(const std::string& status) {
  std::string words = status == "out_of_memory" ? "no memory" : status;
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

template <class Map>
std::vector<int64_t> keys_of(const Map& map) {
  std::vector<int64_t> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

std::vector<int64_t> all_lengths(const Comparison& comparison) {
  std::set<int64_t> lengths;
  for (const Group& group : comparison.groups) {
    for (const int64_t length : keys_of(group.lengths)) lengths.insert(length);
  }
  return {lengths.begin(), lengths.end()};
}

size_t widest_line(const std::string& text) {
  size_t widest = 0;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    widest = std::max(widest, display_width(std::string_view(text).substr(start, end - start)));
    start = end + 1;
  }
  return widest;
}

/// The table that `rows_of` makes of the lengths, without the shortest where all do not fit.
template <class RowsOf>
std::string fitting_table(std::vector<int64_t> lengths, const RowsOf& rows_of) {
  size_t left_out = 0;
  std::string text = aligned(rows_of(lengths));
  while (widest_line(text) > kWidth && lengths.size() > kFewestLengths) {
    lengths.erase(lengths.begin());
    ++left_out;
    text = aligned(rows_of(lengths));
  }
  if (left_out > 0) text += fmt::format("({} shorter lengths: --json)\n", left_out);
  return text;
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
  const Scale scale = common_scale(finite_values(comparison, quantities), scales_of(unit));
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

/// Slopes of seconds; leading exponents of what is exact.
std::string exponent_table(const Comparison& comparison) {
  const Quantity shown[] = {
      Quantity::training_step_attention_seconds, Quantity::training_step_seconds,
      Quantity::training_step_attention_flops,   Quantity::training_step_flops,
      Quantity::attention_activation_bytes,      Quantity::peak_total_bytes};
  Rows rows = {{"", "seconds", "", "FLOPs", "", "bytes", ""},
               {"", "attention", "model", "attention", "model", "attention", "peak"},
               {"-"}};
  bool unsettled = false;
  for (const Group& group : comparison.groups) {
    std::vector<std::string> row = {group.label};
    for (const Quantity quantity : shown) {
      const GrowthLaw& law = group.laws[static_cast<size_t>(quantity)];
      const bool exact = quantity_info(quantity).unit != Unit::seconds;
      row.push_back(exact ? leading_text(law.leading) : exponent_text(law.exponent));
      unsettled = unsettled || (std::isfinite(law.leading.value) && !law.leading.settled);
    }
    rows.push_back(row);
  }
  std::string text =
      "\nExponents of the length, training step (seconds: slope ± standard error "
      "over the upper half\nof the lengths; FLOPs and bytes: leading term, lower "
      "terms cancelled)\n" +
      aligned(rows);
  if (unsettled) text += "~ no second reading at these lengths agrees\n";
  return text;
}

std::string score_title(Score score) {
  switch (score) {
    case Score::accuracy:
      return "Accuracy";
    case Score::loss:
      return "Loss";
    case Score::bits_per_byte:
      return "Bits per byte";
  }
  return "";
}

std::vector<std::string> constant_row(std::string label, double value, size_t columns, bool seeds) {
  std::vector<std::string> row = {std::move(label)};
  if (seeds) row.push_back("");
  row.insert(row.end(), columns, fmt::format("{:.3f}", value));
  return row;
}

/// Scores by test length, baselines below; "" where no run has this score.
std::string score_table(const Comparison& comparison, Score score) {
  const size_t kind = static_cast<size_t>(score);
  std::set<int64_t> tested, trained;
  bool seeds = false;
  for (const ScoreLine& line : comparison.scores) {
    for (const int64_t length : keys_of(line.scores[kind])) tested.insert(length);
    seeds = seeds || line.status.runs > 1;
    if (line.status.ok > 0) trained.insert(line.train_length);
  }
  if (tested.empty()) return "";
  const auto rows_of = [&](const std::vector<int64_t>& lengths) {
    std::vector<std::string> header = {"test length"};
    if (seeds) header.push_back("seeds");
    for (const int64_t length : lengths) header.push_back(std::to_string(length));
    Rows rows = {header, {"-"}};
    for (const ScoreLine& line : comparison.scores) {
      std::vector<std::string> row = {line.label};
      const LengthStatus& status = line.status;
      if (seeds) {
        row.push_back(status.ok == status.runs ? std::to_string(status.runs)
                                               : fmt::format("{} of {}", status.ok, status.runs));
      }
      for (const int64_t length : lengths) {
        const auto value = line.scores[kind].find(length);
        row.push_back(value != line.scores[kind].end() ? fmt::format("{:.3f}", value->second)
                      : status.ok == 0                 ? failure_text(status.first_failure)
                                                       : "-");
      }
      rows.push_back(row);
    }
    if (score == Score::bits_per_byte) {
      for (const auto& [context, bits] : comparison.ngram_bits_per_byte) {
        const auto label =
            fmt::format("byte n-gram, {} byte{} of context", context, context == 1 ? "" : "s");
        rows.push_back(constant_row(label, bits, lengths.size(), seeds));
      }
      rows.push_back(constant_row("chance (256 bytes alike)", 8, lengths.size(), seeds));
    }
    if (score == Score::accuracy && std::isfinite(comparison.chance)) {
      rows.push_back(constant_row("chance", comparison.chance, lengths.size(), seeds));
    }
    return rows;
  };
  const std::vector<int64_t> lengths(tested.begin(), tested.end());
  std::string title = score_title(score) + " by test length";
  if (trained.size() == 1 && *trained.begin() > 0) {
    title += fmt::format(", trained at length {}", *trained.begin());
  }
  if (seeds) title += ", median over seeds";
  return "\n" + title + "\n" + fitting_table(lengths, rows_of);
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
  text += exponent_table(comparison);
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
  if (!finite_values(comparison, {Quantity::state_bytes}).empty()) {
    text += quantity_table(comparison, "Decoding one token after the others",
                           {Quantity::decode_step_attention_seconds, Quantity::decode_step_seconds},
                           parts);
    text += quantity_table(comparison, "Memory of decoding", {Quantity::state_bytes},
                           {"remembered by all layers"});
  }
  for (size_t i = 0; i < kScoreKinds; ++i) text += score_table(comparison, static_cast<Score>(i));
  return text + failed_table(comparison);
}

}  // namespace lengthwise
