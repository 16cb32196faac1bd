#include "experiments/analysis/records.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <numeric>
#include <tuple>

#include "base/check.h"

namespace lengthwise {
namespace {

/// Finds columns and refuses those that are not as expected.
class ColumnSource {
 public:
  ColumnSource(const Table& table, const std::string& file) : table_(table), file_(file) {}

  bool has(const std::string& name) const { return table_.find(name) != nullptr; }

  int64_t extent(const std::string& dimension) const {
    const auto found = table_.dimensions.find(dimension);
    if (found == table_.dimensions.end()) user_error("{}: no dimension '{}'", file_, dimension);
    return found->second;
  }

  /// Integers and flags as numbers too.
  const std::vector<double>& numbers(const std::string& name,
                                     const std::vector<std::string>& dimensions) const {
    const Column& column = find(name, dimensions);
    if (const auto* found = std::get_if<Column::Numbers>(&column.values)) return *found;
    std::vector<double>& numbers = converted_[name];
    if (const auto* integers = std::get_if<Column::Integers>(&column.values)) {
      numbers.assign(integers->begin(), integers->end());
    } else if (const auto* flags = std::get_if<Column::Flags>(&column.values)) {
      numbers.assign(flags->begin(), flags->end());
    } else {
      user_error("{}: column '{}' holds text, expected numbers", file_, name);
    }
    return numbers;
  }

  const Column::Integers& integers(const std::string& name, const std::string& dimension) const {
    return typed<Column::Integers>(name, dimension, "whole numbers");
  }

  const Column::Texts& texts(const std::string& name, const std::string& dimension) const {
    return typed<Column::Texts>(name, dimension, "text");
  }

  /// Each flag's meaning.
  std::vector<std::string> meanings(const std::string& name) const {
    const auto& flags = typed<Column::Flags>(name, "run", "flags");
    const std::vector<std::string>& known = find(name, {"run"}).flag_meanings;
    std::vector<std::string> result;
    for (const uint8_t flag : flags) {
      if (flag >= known.size()) {
        user_error("{}: column '{}' holds {}, expected a flag under {}", file_, name, flag,
                   known.size());
      }
      result.push_back(known[flag]);
    }
    return result;
  }

  /// Where `label` stands along a text coordinate.
  size_t place(const std::string& coordinate, const std::string& label) const {
    const Column::Texts& labels = texts(coordinate, coordinate);
    const auto found = std::find(labels.begin(), labels.end(), label);
    if (found == labels.end()) {
      user_error("{}: coordinate '{}' has no '{}'", file_, coordinate, label);
    }
    return static_cast<size_t>(found - labels.begin());
  }

 private:
  const Column& find(const std::string& name, const std::vector<std::string>& dimensions) const {
    const Column* column = table_.find(name);
    if (!column) user_error("{}: no column '{}'", file_, name);
    if (column->dimensions != dimensions) {
      user_error("{}: column '{}' has dimensions ({}), expected ({})", file_, name,
                 fmt::join(column->dimensions, ", "), fmt::join(dimensions, ", "));
    }
    int64_t expected = 1;
    for (const std::string& dimension : dimensions) expected *= extent(dimension);
    const size_t held =
        std::visit([](const auto& values) { return values.size(); }, column->values);
    if (held != static_cast<size_t>(expected)) {
      user_error("{}: column '{}' holds {} values, expected {}", file_, name, held, expected);
    }
    return *column;
  }

  template <class Values>
  const Values& typed(const std::string& name, const std::string& dimension,
                      std::string_view expected) const {
    const Column& column = find(name, {dimension});
    const auto* values = std::get_if<Values>(&column.values);
    if (!values) user_error("{}: column '{}' does not hold {}", file_, name, expected);
    return *values;
  }

  const Table& table_;
  const std::string& file_;
  mutable std::map<std::string, std::vector<double>> converted_;
};

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
  const std::vector<double> values = source.numbers(name, {"run", coordinate});
  const Column::Integers& places = source.integers(coordinate, coordinate);
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    result[i / places.size()][places[i % places.size()]] = values[i];
  }
  return result;
}

/// sink(row, part, test length, value) for each number that is there of [run, test_length, part].
template <class Sink>
void over_parts(const ColumnSource& source, const std::string& name, const Sink& sink) {
  if (!source.has(name)) return;
  const std::vector<double>& values = source.numbers(name, {"run", "test_length", "part"});
  const Column::Integers& lengths = source.integers("test_length", "test_length");
  const Column::Texts& parts = source.texts("part", "part");
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    const size_t cell = i / parts.size();
    sink(cell / lengths.size(), parts[i % parts.size()], lengths[cell % lengths.size()], values[i]);
  }
}

void read_part_scores(const ColumnSource& source, std::vector<RunRecord>& records) {
  const auto read = [&](const std::string& name, const auto& member) {
    over_parts(source, "part_" + name,
               [&](size_t row, const std::string& part, int64_t length, double value) {
                 member(records[row].part_scores[part])[length] = value;
               });
  };
  for (const Score kind : {Score::accuracy, Score::exact_match, Score::loss}) {
    read(std::string(score_name(kind)),
         [&](LabelScores& scores) -> NumberByLength& { return scores.of(kind); });
  }
  read("ceiling", [](LabelScores& scores) -> NumberByLength& { return scores.ceiling; });
  read("exact_match_chance",
       [](LabelScores& scores) -> NumberByLength& { return scores.exact_match_chance; });
  for (RunRecord& record : records) {
    if (record.scores.of(Score::bits_per_byte).empty()) continue;
    for (auto& [part, scores] : record.part_scores) {
      for (const auto& [length, nats] : scores.of(Score::loss)) {
        scores.of(Score::bits_per_byte)[length] = nats / std::numbers::ln2;
      }
    }
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
  const auto ngrams = by_coordinate(source, "ngram_bits_per_byte", "context", records.size());
  for (size_t row = 0; row < records.size(); ++row) records[row].ngram_bits_per_byte = ngrams[row];
}

/// Lines `key = value`.
Settings parse_config(const std::string& config) {
  Settings settings;
  for (size_t start = 0; start < config.size();) {
    const size_t end = std::min(config.find('\n', start), config.size());
    const std::string line = config.substr(start, end - start);
    const size_t equals = line.find(" =");
    if (equals != std::string::npos) {
      const size_t value = line.find_first_not_of(' ', equals + 2);
      settings[line.substr(0, equals)] = value == std::string::npos ? "" : line.substr(value);
    }
    start = end + 1;
  }
  return settings;
}

void read_settings(const ColumnSource& source, std::vector<RunRecord>& records) {
  if (source.has("config")) {
    const Column::Texts& configs = source.texts("config", "run");
    for (size_t row = 0; row < records.size(); ++row) {
      records[row].settings = parse_config(configs[row]);
    }
  }
  for (const std::string name :
       {"batch", "layers", "width", "heads", "feed_forward", "vocabulary", "threads"}) {
    if (!source.has(name)) continue;
    const Column::Integers& values = source.integers(name, "run");
    for (size_t row = 0; row < records.size(); ++row) records[row].sizes[name] = values[row];
  }
  for (RunRecord& record : records) {
    if (!record.settings.empty()) continue;
    for (const auto& [name, size] : record.sizes) record.settings[name] = std::to_string(size);
  }
}

// The config tells the model as it was sized; what it was sized for tells variants apart.
void read_match(const ColumnSource& source, std::vector<RunRecord>& records) {
  if (!source.has("match")) return;
  const Column::Texts& budgets = source.texts("match", "run");
  for (size_t row = 0; row < records.size(); ++row) {
    if (budgets[row] != "none" && !budgets[row].empty()) {
      records[row].settings["match"] = budgets[row];
    }
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

std::vector<RunRecord> run_records(const Table& table, const std::string& file) {
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
  read_settings(source, records);
  read_match(source, records);
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
  return records;
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
