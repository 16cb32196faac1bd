#include "experiments/analysis/records.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <numbers>
#include <numeric>
#include <tuple>

#include "experiments/analysis/column_source.h"

namespace lengthwise {
namespace {

/// Of each row the numbers at [row, offset + 0 * stride], [row, offset + 1 * stride] ...; sink(row,
/// numbers), which may reorder them.
template <class Sink>
void over_rows(const std::vector<double>& values, size_t rows, size_t offset, size_t stride,
               const Sink& sink) {
  const size_t width = rows == 0 ? 0 : values.size() / rows;
  std::vector<double> taken;
  for (size_t row = 0; row < rows; ++row) {
    taken.clear();
    for (size_t i = offset; i < width; i += stride) taken.push_back(values[row * width + i]);
    sink(row, taken);
  }
}

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

int64_t finite_count(const std::vector<double>& values) {
  return std::count_if(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

/// Columns [run, repeat], [run, repeat, scope] and [run, scope] into the records' quantities.
class QuantityReader {
 public:
  QuantityReader(const ColumnSource& source, std::vector<RunRecord>& records)
      : source_(source),
        records_(records),
        scopes_(static_cast<size_t>(source.extent("scope"))),
        attention_(source.place("scope", "attention")) {}

  void repeats(const std::string& name, Quantity quantity) {
    put_medians(source_.numbers(name, {"run", "repeat"}), 0, 1, quantity);
  }

  void attention_repeats(const std::string& name, Quantity quantity) {
    put_medians(source_.numbers(name, {"run", "repeat", "scope"}), attention_, scopes_, quantity);
  }

  void attention_sum(const std::string& name, Quantity quantity) {
    put_sums(source_.numbers(name, {"run", "scope"}), attention_, scopes_, quantity);
  }

  void sum_of_scopes(const std::string& name, Quantity quantity) {
    put_sums(source_.numbers(name, {"run", "scope"}), 0, 1, quantity);
  }

  void attention_activations(const std::string& name, Quantity quantity) {
    const size_t tags = static_cast<size_t>(source_.extent("tag"));
    const size_t place = attention_ * tags + source_.place("tag", "activations");
    put_sums(source_.numbers(name, {"run", "scope", "tag"}), place, scopes_ * tags, quantity);
  }

  void number(const std::string& name, Quantity quantity) {
    put_sums(source_.numbers(name, {"run"}), 0, 1, quantity);
  }

  void parts(const std::string& name, const std::vector<std::string>& dimensions,
             PartedQuantity quantity) {
    const std::vector<double>& values = source_.numbers(name, dimensions);
    for (size_t part = 0; part < kParts.size(); ++part) {
      const size_t place = source_.place("scope", std::string(kParts[part]));
      over_rows(values, records_.size(), place, scopes_,
                [&](size_t row, std::vector<double>& taken) {
                  records_[row].parts[static_cast<size_t>(quantity)][part] = median_of(taken);
                });
    }
  }

 private:
  void put_medians(const std::vector<double>& values, size_t offset, size_t stride,
                   Quantity quantity) {
    const size_t place = static_cast<size_t>(quantity);
    over_rows(values, records_.size(), offset, stride, [&](size_t row, std::vector<double>& taken) {
      records_[row].repeats[place] = finite_count(taken);
      records_[row].quantities[place] = median_of(taken);
    });
  }

  void put_sums(const std::vector<double>& values, size_t offset, size_t stride,
                Quantity quantity) {
    const size_t place = static_cast<size_t>(quantity);
    over_rows(values, records_.size(), offset, stride, [&](size_t row, std::vector<double>& taken) {
      records_[row].quantities[place] = sum(taken);
      records_[row].repeats[place] = std::isfinite(sum(taken)) ? 1 : 0;
    });
  }

  const ColumnSource& source_;
  std::vector<RunRecord>& records_;
  size_t scopes_, attention_;
};

void read_quantities(const ColumnSource& source, std::vector<RunRecord>& records) {
  for (RunRecord& record : records) {
    record.quantities.fill(kNotANumber);
    for (PartValues& values : record.parts) values.fill(kNotANumber);
  }
  QuantityReader read(source, records);
  read.attention_repeats("training_step_scope_seconds", Quantity::training_step_attention_seconds);
  read.repeats("training_step_seconds", Quantity::training_step_seconds);
  read.attention_repeats("forward_scope_seconds", Quantity::forward_attention_seconds);
  read.repeats("forward_seconds", Quantity::forward_seconds);
  read.attention_sum("training_step_flops", Quantity::training_step_attention_flops);
  read.sum_of_scopes("training_step_flops", Quantity::training_step_flops);
  read.attention_activations("live_bytes", Quantity::attention_activation_bytes);
  read.number("peak_total_bytes", Quantity::peak_total_bytes);
  read.parts("training_step_scope_seconds", {"run", "repeat", "scope"},
             PartedQuantity::training_step_seconds);
  read.parts("training_step_flops", {"run", "scope"}, PartedQuantity::training_step_flops);
  read.parts("forward_scope_seconds", {"run", "repeat", "scope"}, PartedQuantity::forward_seconds);
  if (!source.has("state_bytes")) return;
  read.attention_repeats("decode_step_scope_seconds", Quantity::decode_step_attention_seconds);
  read.repeats("decode_step_seconds", Quantity::decode_step_seconds);
  read.attention_sum("decode_step_flops", Quantity::decode_step_attention_flops);
  read.number("state_bytes", Quantity::state_bytes);
  if (!source.has("prefill_seconds")) return;
  read.attention_repeats("prefill_scope_seconds", Quantity::prefill_attention_seconds);
  read.repeats("prefill_seconds", Quantity::prefill_seconds);
}

void read_conditions(const ColumnSource& source, std::vector<RunRecord>& records) {
  if (source.has("probe_flops_per_second")) {
    const auto& rates = source.numbers("probe_flops_per_second", {"run"});
    for (size_t row = 0; row < records.size(); ++row) {
      records[row].probe_flops_per_second = rates[row];
    }
  }
  const auto put = [&](const std::string& name, bool RunRecord::*member) {
    if (!source.has(name)) return;
    const auto& flags = source.numbers(name, {"run"});
    for (size_t row = 0; row < records.size(); ++row) records[row].*member = flags[row] > 0;
  };
  put("machine_loaded", &RunRecord::machine_loaded);
  put("machine_shared", &RunRecord::machine_shared);
}

/// Row by row what is there of [run, coordinate]; empty maps where the column is missing.
std::vector<NumberByLength> by_coordinate(const ColumnSource& source, const std::string& name,
                                          const std::string& coordinate, size_t rows) {
  std::vector<NumberByLength> result(rows);
  if (!source.has(name)) return result;
  const std::vector<double>& values = source.numbers(name, {"run", coordinate});
  const Column::Integers& places = source.integers(coordinate, coordinate);
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    result[i / places.size()][places[i % places.size()]] = values[i];
  }
  return result;
}

/// One of the columns [run, test_length, part], and where its numbers belong.
struct PartColumn {
  const std::vector<double>* values = nullptr;
  NumberByLength& (*place)(LabelScores&) = nullptr;
};

std::vector<PartColumn> part_columns(const ColumnSource& source) {
  const std::pair<std::string, NumberByLength& (*)(LabelScores&)> known[] = {
      {"part_accuracy", [](LabelScores& s) -> NumberByLength& { return s.of(Score::accuracy); }},
      {"part_exact_match",
       [](LabelScores& s) -> NumberByLength& { return s.of(Score::exact_match); }},
      {"part_loss", [](LabelScores& s) -> NumberByLength& { return s.of(Score::loss); }},
      {"part_ceiling", [](LabelScores& s) -> NumberByLength& { return s.ceiling; }},
      {"part_exact_match_chance",
       [](LabelScores& s) -> NumberByLength& { return s.exact_match_chance; }}};
  std::vector<PartColumn> columns;
  for (const auto& [name, place] : known) {
    if (!source.has(name)) continue;
    columns.push_back({&source.numbers(name, {"run", "test_length", "part"}), place});
  }
  return columns;
}

void add_bits_per_byte(PartScores& parts) {
  for (auto& [part, scores] : parts) {
    for (const auto& [length, nats] : scores.of(Score::loss)) {
      scores.of(Score::bits_per_byte)[length] = nats / std::numbers::ln2;
    }
  }
}

void read_part_scores(const ColumnSource& source, std::vector<RunRecord>& records) {
  const std::vector<PartColumn> columns = part_columns(source);
  if (columns.empty()) return;
  const Column::Integers& lengths = source.integers("test_length", "test_length");
  const Column::Texts& parts = source.texts("part", "part");
  for (size_t row = 0; row < records.size(); ++row) {
    PartScores of_row;
    for (size_t part = 0; part < parts.size(); ++part) {
      LabelScores* scores = nullptr;
      for (const PartColumn& column : columns) {
        for (size_t i = 0; i < lengths.size(); ++i) {
          const double value = (*column.values)[(row * lengths.size() + i) * parts.size() + part];
          if (!std::isfinite(value)) continue;
          if (scores == nullptr) scores = &of_row[parts[part]];
          column.place(*scores)[lengths[i]] = value;
        }
      }
    }
    if (!records[row].scores.of(Score::bits_per_byte).empty()) add_bits_per_byte(of_row);
    if (of_row.empty()) continue;
    records[row].part_scores = std::make_shared<const PartScores>(std::move(of_row));
  }
}

void read_scores(const ColumnSource& source, std::vector<RunRecord>& records) {
  const auto read = [&](const std::string& name, const auto& member) {
    auto scores = by_coordinate(source, name, "test_length", records.size());
    for (size_t row = 0; row < records.size(); ++row) {
      member(records[row].scores) = std::move(scores[row]);
    }
  };
  for (size_t i = 0; i < kScoreKinds; ++i) {
    read(std::string(score_name(static_cast<Score>(i))),
         [&](LabelScores& scores) -> NumberByLength& { return scores.by_kind[i]; });
  }
  read("ceiling", [](LabelScores& scores) -> NumberByLength& { return scores.ceiling; });
  read("exact_match_chance",
       [](LabelScores& scores) -> NumberByLength& { return scores.exact_match_chance; });
  read_part_scores(source, records);
  auto ngrams = by_coordinate(source, "ngram_bits_per_byte", "context", records.size());
  for (size_t row = 0; row < records.size(); ++row) {
    records[row].ngram_bits_per_byte = std::move(ngrams[row]);
  }
}

// The config tells the model as it was sized; `match`, what it was sized for, tells variants apart.
void read_setups(const ColumnSource& source, Setups& setups, std::vector<RunRecord>& records) {
  std::vector<std::pair<std::string, const Column::Integers*>> sizes;
  for (const std::string name :
       {"batch", "layers", "width", "heads", "feed_forward", "vocabulary", "threads"}) {
    if (source.has(name)) sizes.emplace_back(name, &source.integers(name, "run"));
  }
  const auto texts = [&](const std::string& name) {
    return source.has(name) ? &source.texts(name, "run") : nullptr;
  };
  const Column::Texts *configs = texts("config"), *budgets = texts("match");
  for (size_t row = 0; row < records.size(); ++row) {
    std::vector<Size> of_row;
    for (const auto& [name, values] : sizes) of_row.emplace_back(name, (*values)[row]);
    records[row].setup =
        setups.of(configs ? (*configs)[row] : "", of_row, budgets ? (*budgets)[row] : "");
  }
}

}  // namespace

const QuantityInfo& quantity_info(Quantity quantity) {
  static constexpr std::string_view kAlone = "attention alone", kWhole = "whole model";
  static constexpr QuantityInfo kInfos[kQuantities] = {
      {"training_step_attention_seconds", kAlone, Unit::seconds},
      {"training_step_seconds", kWhole, Unit::seconds},
      {"forward_attention_seconds", kAlone, Unit::seconds},
      {"forward_seconds", kWhole, Unit::seconds},
      {"training_step_attention_flops", kAlone, Unit::flops},
      {"training_step_flops", kWhole, Unit::flops},
      {"attention_activation_bytes", kAlone, Unit::bytes},
      {"peak_total_bytes", kWhole, Unit::bytes},
      {"decode_step_attention_seconds", kAlone, Unit::seconds},
      {"decode_step_seconds", kWhole, Unit::seconds},
      {"decode_step_attention_flops", kAlone, Unit::flops},
      {"state_bytes", kWhole, Unit::bytes},
      {"prefill_attention_seconds", kAlone, Unit::seconds},
      {"prefill_seconds", kWhole, Unit::seconds},
  };
  return kInfos[static_cast<size_t>(quantity)];
}

std::string_view parted_quantity_name(PartedQuantity quantity) {
  static constexpr std::string_view kNames[kPartedQuantities] = {
      "training_step_seconds", "training_step_flops", "forward_seconds"};
  return kNames[static_cast<size_t>(quantity)];
}

std::string_view score_name(Score score) {
  static constexpr std::string_view kNames[kScoreKinds] = {"accuracy", "exact_match", "loss",
                                                           "bits_per_byte"};
  return kNames[static_cast<size_t>(score)];
}

bool PartOrder::operator()(const std::string& a, const std::string& b) const {
  const auto key = [](const std::string& part) {
    const size_t equals = std::min(part.find('='), part.size());
    double number = 0;
    if (equals < part.size()) {
      std::from_chars(part.data() + equals + 1, part.data() + part.size(), number);
    }
    return std::tuple(std::string_view(part).substr(0, equals), number, std::string_view(part));
  };
  return key(a) < key(b);
}

std::vector<std::string> record_columns() {
  return {"scope", "repeat", "tag", "test_length", "part", "context",
          // of each run
          "run_id", "attention", "position", "task", "norm", "commit", "matched_key", "cpu",
          "score", "seed", "length", "train_length", "status", "chance", "train_seconds",
          "tune_length", "tune_seconds", "probe_flops_per_second", "machine_loaded",
          "machine_shared",
          // its setup
          "config", "match", "batch", "layers", "width", "heads", "feed_forward", "vocabulary",
          "threads",
          // its cost
          "training_step_scope_seconds", "training_step_seconds", "training_step_flops",
          "forward_scope_seconds", "forward_seconds", "live_bytes", "peak_total_bytes",
          "state_bytes", "decode_step_scope_seconds", "decode_step_seconds", "decode_step_flops",
          "prefill_scope_seconds", "prefill_seconds",
          // its scores
          "accuracy", "exact_match", "loss", "bits_per_byte", "ceiling", "exact_match_chance",
          "part_accuracy", "part_exact_match", "part_loss", "part_ceiling",
          "part_exact_match_chance", "ngram_bits_per_byte"};
}

// NaN in runs that were trained once, of a file in which others were trained twice.
void read_tuning(const ColumnSource& source, std::vector<RunRecord>& records) {
  if (!source.has("tune_length")) return;
  const auto& lengths = source.numbers("tune_length", {"run"});
  const auto& seconds = source.numbers("tune_seconds", {"run"});
  for (size_t row = 0; row < records.size(); ++row) {
    if (!std::isfinite(lengths[row])) continue;
    records[row].tune_length = static_cast<int64_t>(lengths[row]);
    records[row].training_seconds += seconds[row];
  }
}

void add_records(const Table& table, const std::string& file, Setups& setups, RunRecords& all) {
  const ColumnSource source(table, file);
  const size_t rows = static_cast<size_t>(source.extent("run"));
  std::vector<RunRecord> records(rows);
  const auto put_texts = [&](const std::string& name, std::string RunRecord::*member,
                             bool required = true) {
    if (!required && !source.has(name)) return;
    const Column::Texts& values = source.texts(name, "run");
    for (size_t row = 0; row < rows; ++row) records[row].*member = values[row];
  };
  const auto put_integers = [&](const std::string& name, int64_t RunRecord::*member) {
    const Column::Integers& values = source.integers(name, "run");
    for (size_t row = 0; row < rows; ++row) records[row].*member = values[row];
  };
  put_texts("run_id", &RunRecord::run_id);
  put_texts("attention", &RunRecord::attention);
  put_texts("position", &RunRecord::position);
  put_texts("task", &RunRecord::task);
  put_texts("norm", &RunRecord::norm);
  put_texts("commit", &RunRecord::commit, false);
  put_texts("matched_key", &RunRecord::matched_key, false);
  put_texts("cpu", &RunRecord::cpu, false);
  put_texts("score", &RunRecord::primary_score, false);
  put_integers("seed", &RunRecord::seed);
  put_integers("length", &RunRecord::length);
  if (source.has("train_length")) put_integers("train_length", &RunRecord::train_length);
  const std::vector<std::string> statuses = source.meanings("status");
  for (size_t row = 0; row < rows; ++row) {
    records[row].status = statuses[row];
    records[row].ok = statuses[row] == "ok";
  }
  read_setups(source, setups, records);
  read_quantities(source, records);
  read_conditions(source, records);
  read_scores(source, records);
  const auto put_numbers = [&](const std::string& name, double RunRecord::*member) {
    if (!source.has(name)) return;
    const auto& values = source.numbers(name, {"run"});
    for (size_t row = 0; row < rows; ++row) records[row].*member = values[row];
  };
  put_numbers("chance", &RunRecord::chance);
  put_numbers("train_seconds", &RunRecord::training_seconds);
  read_tuning(source, records);
  std::move(records.begin(), records.end(), std::back_inserter(all));
}

void count_run(const RunRecord& record, LengthStatus& status) {
  ++status.runs;
  if (record.ok) {
    ++status.ok;
  } else if (status.first_failure.empty()) {
    status.first_failure = record.status;
  }
}

}  // namespace lengthwise
