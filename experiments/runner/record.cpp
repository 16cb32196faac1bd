#include "experiments/runner/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

#include "base/check.h"
#include "base/machine.h"
#include "base/parallel.h"
#include "build_info.h"
#include "experiments/runner/grid.h"
#include "experiments/runner/table_builder.h"
#include "kernels/multiply.h"
#include "kernels/rows.h"
#include "tasks/task.h"

namespace lengthwise {
namespace {

using Numbers = Column::Numbers;

// Repeats that were not measured are absent.
Timing padded(Timing timing, size_t repeats) {
  std::array<double, kScopes> absent{};
  absent.fill(kAbsent);
  timing.seconds.resize(repeats, kAbsent);
  timing.scope_seconds.resize(repeats, absent);
  return timing;
}

template <class Values>
Numbers as_numbers(const Values& values) {
  return {values.begin(), values.end()};
}

Numbers by_repeat_and_scope(const Timing& timing) {
  Numbers flat;
  for (const auto& scopes : timing.scope_seconds)
    flat.insert(flat.end(), scopes.begin(), scopes.end());
  return flat;
}

Numbers by_scope_and_tag(const ByteTable* bytes) {
  if (bytes == nullptr) return Numbers(kScopes * kTags, kAbsent);
  Numbers flat;
  for (const auto& tags : *bytes) flat.insert(flat.end(), tags.begin(), tags.end());
  return flat;
}

void add_coordinates(TableBuilder& t, int64_t layers) {
  std::vector<std::string> scopes, tags;
  for (size_t s = 0; s < kScopes; ++s) scopes.emplace_back(scope_name(static_cast<Scope>(s)));
  for (size_t g = 0; g < kTags; ++g) tags.emplace_back(tag_name(static_cast<Tag>(g)));
  t.text_coordinate("scope", scopes, "part of the model");
  t.text_coordinate("tag", tags, "what a buffer is for");
  t.count_coordinate("layer", layers, kLayerName);
}

// 0 is what was not measured.
double or_absent(int64_t bytes) { return bytes == 0 ? kAbsent : static_cast<double>(bytes); }

void add_end(TableBuilder& t, const RunEnd& end) {
  t.flags("status", static_cast<uint8_t>(end.status), run_status_names(), "how the run ended");
  t.text("status_reason", end.reason, "why it ended so");
}

void add_identity(TableBuilder& t, const RunConfig& c, const RunResult& r) {
  t.text("attention", c.run.attention, "attention variant");
  t.text("position", c.run.position, "positional scheme");
  t.text("task", c.run.task, "task");
  t.text("norm", c.model.norm, "layer norm before or after each part, or nowhere");
  t.integer("seed", c.run.seed, "1", "seed of weights, data and dropout");
  t.integer("length", c.run.length, "token", "length at which cost is measured");
  t.integer("batch", c.run.batch, "1", "sequences of the measured batch");
  t.integer("layers", c.model.layers, "1", "layers");
  t.integer("width", c.model.width, "1", "model width");
  t.integer("heads", c.model.heads, "1", "attention heads");
  t.integer("feed_forward", c.model.hidden_width(), "1", "hidden width of the feed-forward layer");
  t.integer("vocabulary", r.vocabulary, "1", "tokens in the vocabulary");
  t.integer("parameters", r.parameters, "1", "trained parameters");
  t.integer("threads", r.threads, "1", "threads used");
  t.integer("train_length", c.trains ? c.run.length : 0, "token",
            "training length; 0: no training");
  t.integer("train_batch", c.trains ? c.train.batch : 0, "1", "examples of a training step");
  t.integer("train_steps", r.training.steps, "1", "optimizer steps taken");
  t.text("match", c.run.match, "budget in which the model was made to agree with match_reference");
  t.text("match_reference", c.run.match == "none" ? "" : c.run.match_reference,
         "variant to agree with");
  t.text("matched_key", c.match.key, "what was adjusted for it");
  t.text("matched_value", c.match.value, "and to what");
  const bool is_matched = !c.match.key.empty();
  t.number("match_target", is_matched ? static_cast<double>(c.match.target) : kAbsent, "1",
           "the reference's budget: parameters, FLOPs or bytes");
  t.number("match_found", is_matched ? static_cast<double>(c.match.found) : kAbsent, "1",
           "this model's");
}

void add_timing(TableBuilder& t, const std::string& name, const std::string& what,
                const Timing& timing) {
  t.numbers(name + "_seconds", {"repeat"}, timing.seconds, "s", "wall time of " + what);
  t.numbers(name + "_scope_seconds", {"repeat", "scope"}, by_repeat_and_scope(timing), "s",
            "wall time of " + what + " by part of the model");
  const bool measured = std::isfinite(timing.seconds.front());
  const Numbers absent(kScopes, kAbsent);
  t.numbers(name + "_flops", {"scope"}, measured ? as_numbers(timing.work.flops) : absent, "1",
            "floating-point operations of " + what + ", as executed");
  t.numbers(name + "_exponentials", {"scope"},
            measured ? as_numbers(timing.work.exponentials) : absent, "1",
            "exponentials of " + what);
}

void add_memory(TableBuilder& t, const RunCost& cost) {
  const auto& [kept, step] = std::pair(cost.kept, cost.step);
  t.numbers("live_bytes", {"scope", "tag"}, by_scope_and_tag(kept ? &kept->live : nullptr), "byte",
            "held between forward and backward of a training step");
  t.numbers("peak_bytes", {"scope", "tag"}, by_scope_and_tag(step ? &step->peak : nullptr), "byte",
            "peak of each part and tag over a training step, each at its own moment");
  t.numbers("peak_tag_bytes", {"tag"},
            step ? as_numbers(step->peak_by_tag) : Numbers(kTags, kAbsent), "byte",
            "peak of each tag over a training step");
  t.number("live_total_bytes", or_absent(kept ? kept->live_bytes : 0), "byte",
           "held between forward and backward of a training step, all together");
  t.number("peak_total_bytes", or_absent(step ? step->peak_bytes : 0), "byte",
           "peak of a training step, all together");
  t.number("inference_peak_bytes", or_absent(cost.inference_peak_bytes), "byte",
           "peak of a forward pass in inference mode, optimizer included");
  t.number("pooled_bytes", step ? static_cast<double>(step->pooled_bytes) : kAbsent, "byte",
           "free blocks of the memory pool after a training step");
  t.number("peak_resident_bytes", or_absent(cost.peak_resident_bytes), "byte",
           "peak resident memory of the process (VmHWM) before training");
}

// How far the timings can be trusted.
void add_conditions(TableBuilder& t, const RunCost& cost, const RunEnd& end, int64_t threads) {
  const bool measured = cost.seconds > 0;
  const std::vector<std::string> no_yes = {"no", "yes"};
  t.number("probe_flops_per_second", measured ? cost.probe_flops_per_second : kAbsent, "s-1",
           "rate of a 512^3 matrix product on this machine, timed beside");
  t.number("measuring_seconds", measured ? cost.seconds : kAbsent, "s",
           "wall time of measuring the cost, warm-up and probe included");
  t.number("other_cores", measured ? cost.other_cores : kAbsent, "1",
           "cores that others kept busy meanwhile, of those this run may use");
  t.flags("machine_loaded", machine_was_loaded(cost) ? 1 : 0, no_yes,
          "others took more than 5 % of the cores while cost was measured");
  t.flags("too_few_cores", threads > available_cores() ? 1 : 0, no_yes,
          "more threads than cores that the process may use");
  t.flags("machine_shared", end.shares_machine ? 1 : 0, no_yes,
          "other runs of the sweep went on beside this one");
}

void add_cost(TableBuilder& t, const RunConfig& config, const RunEnd& end, const RunResult& r) {
  const RunCost& cost = r.cost;
  const auto repeats = static_cast<size_t>(config.run.repeats);
  t.table.dimensions["repeat"] = config.run.repeats;
  add_timing(t, "forward", "a forward pass in inference mode", padded(cost.forward, repeats));
  add_timing(t, "training_step", "a training step", padded(cost.training_step, repeats));
  add_timing(t, "prefill", "taking all tokens but the last two, to decode on, without logits",
             padded(cost.prefill, repeats));
  add_timing(t, "decode_step", "decoding the last token after the one before it",
             padded(cost.decode_step, repeats));
  t.number("state_bytes", or_absent(cost.state_bytes), "byte",
           "held by decoding for rows of this length");
  add_memory(t, cost);
  Numbers gradients = cost.gradient_norms;
  gradients.resize(static_cast<size_t>(config.model.layers), kAbsent);
  t.numbers("gradient_norm", {"layer"}, std::move(gradients), "1",
            "of each layer's parameters in a training step on the measured batch, before training");
  add_conditions(t, cost, end, r.threads);
  t.text("affinity", affinity_text(), "cores this process may use");
}

void add_training(TableBuilder& t, const RunConfig& c, const RunEnd& end, const RunResult& r) {
  t.number("train_seconds", c.trains ? r.training.seconds : kAbsent, "s",
           "wall time of training, validation included");
  t.integer("resumed_steps", end.resumed_steps, "1", "optimizer steps taken from a checkpoint");
  if (c.tunes()) {
    // Numbers, since integers stand in every row or in none.
    t.number("tune_steps", static_cast<double>(r.tuning.steps), "1",
             "optimizer steps of the second training");
    t.number("tune_length", static_cast<double>(c.tune_length()), "token",
             "length of its examples");
    t.number("tuned_parameters", static_cast<double>(r.tuned_parameters), "1",
             "numbers that it changed");
    t.number("tune_seconds", r.tuning.seconds, "s", "wall time of the second training");
  }
  const auto& curve = r.training.curve;
  t.table.dimensions["step"] = static_cast<int64_t>(curve.size());
  const auto column = [&](const std::string& name, auto member, const std::string& units,
                          const std::string& long_name) {
    Numbers values;
    for (const CurvePoint& point : curve) values.push_back(static_cast<double>(point.*member));
    t.numbers(name, {"step"}, std::move(values), units, long_name);
  };
  column("curve_step", &CurvePoint::step, "1", "optimizer step of this point of the curve");
  column("curve_training_loss", &CurvePoint::training_loss, "1",
         "loss of the step's batch, label smoothing included, nats");
  column("curve_validation_loss", &CurvePoint::validation_loss, "1", "validation loss, nats");
  column("curve_validation_accuracy", &CurvePoint::validation_accuracy, "1",
         "share of validation labels predicted right");
  column("curve_seconds", &CurvePoint::seconds, "s", "wall time since training began");
}

// By length, and where `parts` is not null by length and part; parts that a length lacks are
// absent.
Numbers score_numbers(const std::vector<LengthScore>& scores, const std::vector<std::string>* parts,
                      double (*value)(const LabelScore&)) {
  Numbers numbers;
  for (const LengthScore& score : scores) {
    if (parts == nullptr) {
      numbers.push_back(value(score.all));
      continue;
    }
    for (const std::string& part : *parts) {
      const auto found = std::find(score.part_names.begin(), score.part_names.end(), part);
      const auto place = static_cast<size_t>(found - score.part_names.begin());
      numbers.push_back(place < score.parts.size() ? value(score.parts[place]) : kAbsent);
    }
  }
  return numbers;
}

void add_scores(TableBuilder& t, const RunConfig& c, const RunResult& r) {
  const std::vector<LengthScore> scores = by_length(r.scores);
  Column::Integers lengths;
  std::vector<std::string> parts;
  for (const LengthScore& score : scores) {
    lengths.push_back(score.length);
    for (const std::string& part : score.part_names) {
      if (std::find(parts.begin(), parts.end(), part) == parts.end()) parts.push_back(part);
    }
  }
  t.integer_coordinate("test_length", lengths, "token", "length at which the model is scored");
  t.text_coordinate("part", parts, "part of a task's labels, such as a cell or a depth");
  const auto column = [&](const std::string& name, double (*value)(const LabelScore&),
                          const std::string& long_name) {
    t.numbers(name, {"test_length"}, score_numbers(scores, nullptr, value), "1", long_name);
    t.numbers("part_" + name, {"test_length", "part"}, score_numbers(scores, &parts, value), "1",
              long_name + ", by part of the task");
  };
  column(
      "accuracy", [](const LabelScore& s) { return s.accuracy; },
      "share of labels predicted right");
  column(
      "exact_match", [](const LabelScore& s) { return s.exact_match; },
      "share of examples whose every label is predicted right");
  column(
      "loss", [](const LabelScore& s) { return s.loss; }, "mean cross-entropy, nats per label");
  column(
      "scored", [](const LabelScore& s) { return static_cast<double>(s.scored); }, "labels scored");
  column(
      "ceiling", [](const LabelScore& s) { return s.ceiling; },
      "share of labels whose answer the layers can reach, where the task knows");
  column(
      "exact_match_chance", [](const LabelScore& s) { return s.exact_match_chance; },
      "exact match of a guess without looking");
  const TaskScore primary = task_entry(c.run.task).info.score;
  t.text("score", std::string(task_score_name(primary)),
         "the score that the task's source reports");
  const auto bits = [&](const std::vector<LengthScore>& of) {
    Numbers numbers;
    for (const LengthScore& score : of) {
      const bool of_bytes = primary == TaskScore::bits_per_byte;
      numbers.push_back(of_bytes ? score.all.loss / std::numbers::ln2 : kAbsent);
    }
    return numbers;
  };
  t.numbers("bits_per_byte", {"test_length"}, bits(scores), "1",
            "cross-entropy in bits, of byte tasks");
  if (c.tunes()) {
    const std::vector<LengthScore> before = by_length(r.untuned_scores);
    t.numbers("untuned_accuracy", {"test_length"},
              score_numbers(before, nullptr, [](const LabelScore& s) { return s.accuracy; }), "1",
              "share of labels predicted right before the second training");
    t.numbers("untuned_loss", {"test_length"},
              score_numbers(before, nullptr, [](const LabelScore& s) { return s.loss; }), "1",
              "mean cross-entropy before the second training, nats per label");
    t.numbers("untuned_bits_per_byte", {"test_length"}, bits(before), "1",
              "cross-entropy in bits before the second training, of byte tasks");
  }
  t.number("chance", r.chance, "1", "accuracy of a guess without looking");
  Column::Integers contexts;
  Numbers ngram;
  for (const NgramBaseline& baseline : r.baselines) {
    contexts.push_back(baseline.context_bytes);
    ngram.push_back(baseline.bits_per_byte);
  }
  t.integer_coordinate("context", contexts, "byte", "context of a byte n-gram model");
  t.numbers("ngram_bits_per_byte", {"context"}, ngram, "1",
            "bits per byte of a smoothed byte n-gram model on the same targets");
  add_attention(t, r.attention);
  add_evidence(t, r.evidence, c.model.heads);
  add_removal(t, r.removal, c.model.heads);
  add_geometry(t, r.geometry, c.model.heads);
}

void add_provenance(TableBuilder& t, const RunConfig& c, uint64_t data_hash, const RunResult& r) {
  t.text("version", kVersion, "version of the program");
  t.text("commit", kCommit, "commit of the source");
  t.flags("dirty", kDirty ? 1 : 0, {"clean", "dirty"}, "uncommitted changes in the source");
  t.text("compiler", kCompiler, "compiler");
  t.text("compiler_flags", kCompilerFlags, "build type and flags");
  t.text("openblas_config", multiply_library_config(), "build of the matrix multiply");
  t.text("openblas_core", multiply_library_core(), "core that the matrix multiply runs for");
  t.text("simd_target", simd_target(), "instruction set of the row kernels");
  t.text("cpu", cpu_model(), "processor");
  t.text("host", host_name(), "host");
  t.text("start_time", r.start_time, "start, UTC");
  t.text("end_time", r.end_time, "end, UTC");
  t.number("run_seconds", r.seconds > 0 ? r.seconds : kAbsent, "s",
           "wall time of the process that ended the run");
  t.text("config", c.text(), "resolved configuration");
  t.text("data_hash", data_hash == 0 ? "" : fmt::format("{:016x}", data_hash),
         "hash of the text's bytes");
}

// Columns along nothing: of training and scores, in a run that did not train.
void leave_out_empty(Table& table) {
  std::erase_if(table.columns, [&](const Column& column) {
    return std::any_of(column.dimensions.begin(), column.dimensions.end(),
                       [&](const std::string& name) { return table.dimensions.at(name) == 0; });
  });
  std::erase_if(table.dimensions, [](const auto& dimension) { return dimension.second == 0; });
}

}  // namespace

bool machine_was_loaded(const RunCost& cost) {
  // The kernel counts in ticks of 10 ms: a few of them say nothing.
  return cost.other_cores > 0.05 * available_cores() && cost.other_cores * cost.seconds > 0.05;
}

Table record_table(const RunConfig& config, uint64_t id, uint64_t data_hash, const RunEnd& end,
                   const RunResult& result) {
  TableBuilder t;
  t.table.dimensions["run"] = 1;
  t.table.attributes = {{"title", "Lengthwise results"},
                        {"Conventions", "CF-1.8"},
                        {"schema_version", std::to_string(kSchemaVersion)},
                        {"source", std::string("lengthwise ") + kVersion}};
  add_coordinates(t, config.model.layers);
  t.text("run_id", id_text(id), "hash of what can change a recorded number");
  add_end(t, end);
  add_identity(t, config, result);
  add_cost(t, config, end, result);
  add_training(t, config, end, result);
  add_scores(t, config, result);
  if (result.positions) add_positions(t, *result.positions);
  add_provenance(t, config, data_hash, result);
  leave_out_empty(t.table);
  return t.table;
}

namespace {

void replace_columns(Table& table, const std::vector<Column>& others) {
  for (const Column& other : others) {
    const auto found =
        std::find_if(table.columns.begin(), table.columns.end(),
                     [&](const Column& column) { return column.name == other.name; });
    check(found != table.columns.end(), fmt::format("no column '{}' to replace", other.name));
    *found = other;
  }
}

template <class Values>
const typename Values::value_type& single(const Table& table, const std::string& name) {
  const Column* column = table.find(name);
  const auto* values = column == nullptr ? nullptr : std::get_if<Values>(&column->values);
  if (values == nullptr || values->size() != 1) {
    user_error("found no single '{}', expected the record of one run", name);
  }
  return values->front();
}

}  // namespace

Table with_cost_of(Table record, const Table& measured) {
  TableBuilder names;
  add_cost(names, {}, {}, {});
  std::vector<Column> cost;
  for (const Column& column : names.table.columns) {
    const Column* found = measured.find(column.name);
    if (found == nullptr) user_error("found no '{}', expected the record of a run", column.name);
    cost.push_back(*found);
  }
  replace_columns(record, cost);
  return record;
}

Table with_end(Table record, const RunEnd& end) {
  TableBuilder t;
  add_end(t, end);
  replace_columns(record, t.table.columns);
  return record;
}

const std::vector<std::string>& recorded_end_columns() {
  static const std::vector<std::string> kNames = {"run_id", "status", "status_reason", "commit",
                                                  "machine_loaded"};
  return kNames;
}

RecordedEnd recorded_end(const Table& table) {
  RecordedEnd end;
  const std::string& id = single<Column::Texts>(table, "run_id");
  std::from_chars(id.data(), id.data() + id.size(), end.id, 16);
  const auto status = single<Column::Flags>(table, "status");
  end.status = parse_run_status("status", table.find("status")->flag_meanings.at(status));
  end.reason = single<Column::Texts>(table, "status_reason");
  end.commit = single<Column::Texts>(table, "commit");
  end.machine_loaded = single<Column::Flags>(table, "machine_loaded") == 1;
  return end;
}

}  // namespace lengthwise
