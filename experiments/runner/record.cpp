#include "experiments/runner/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/machine.h"
#include "build_info.h"
#include "kernels/multiply.h"
#include "kernels/rows.h"

namespace lengthwise {
namespace {

using Numbers = Column::Numbers;

constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();

class TableBuilder {
 public:
  void integer(const std::string& name, int64_t value, const std::string& units,
               const std::string& long_name) {
    add(name, {"run"}, Column::Integers{value}, units, long_name);
  }
  void text(const std::string& name, const std::string& value, const std::string& long_name) {
    add(name, {"run"}, Column::Texts{value}, "", long_name);
  }
  void number(const std::string& name, double value, const std::string& units,
              const std::string& long_name) {
    add(name, {"run"}, Numbers{value}, units, long_name);
  }
  /// Values [1, dimensions...].
  void numbers(const std::string& name, std::vector<std::string> dimensions, Numbers values,
               const std::string& units, const std::string& long_name) {
    dimensions.insert(dimensions.begin(), "run");
    add(name, std::move(dimensions), std::move(values), units, long_name);
  }
  void flags(const std::string& name, uint8_t value, std::vector<std::string> meanings,
             const std::string& long_name) {
    add(name, {"run"}, Column::Flags{value}, "", long_name);
    table.columns.back().flag_meanings = std::move(meanings);
  }
  void text_coordinate(const std::string& name, std::vector<std::string> values,
                       const std::string& long_name) {
    table.dimensions[name] = static_cast<int64_t>(values.size());
    add(name, {name}, std::move(values), "", long_name);
  }
  void integer_coordinate(const std::string& name, std::vector<int64_t> values,
                          const std::string& units, const std::string& long_name) {
    table.dimensions[name] = static_cast<int64_t>(values.size());
    add(name, {name}, std::move(values), units, long_name);
  }

  Table table;

 private:
  template <class Values>
  void add(const std::string& name, std::vector<std::string> dimensions, Values values,
           const std::string& units, const std::string& long_name) {
    table.columns.push_back({name, std::move(dimensions), std::move(values), units, long_name, {}});
  }
};

// What was not measured is absent in every repeat.
Timing or_absent(const Timing& timing, size_t repeats) {
  if (!timing.seconds.empty()) return timing;
  Timing absent;
  absent.seconds.assign(repeats, kAbsent);
  absent.scope_seconds.resize(repeats);
  for (auto& scopes : absent.scope_seconds) scopes.fill(kAbsent);
  return absent;
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

Numbers by_scope_and_tag(const ByteTable& bytes) {
  Numbers flat;
  for (const auto& tags : bytes) flat.insert(flat.end(), tags.begin(), tags.end());
  return flat;
}

void add_coordinates(TableBuilder& t) {
  std::vector<std::string> scopes, tags;
  for (size_t s = 0; s < kScopes; ++s) scopes.emplace_back(scope_name(static_cast<Scope>(s)));
  for (size_t g = 0; g < kTags; ++g) tags.emplace_back(tag_name(static_cast<Tag>(g)));
  t.text_coordinate("scope", scopes, "part of the model");
  t.text_coordinate("tag", tags, "what a buffer is for");
}

void add_identity(TableBuilder& t, const RunConfig& c, const std::string& id, RunStatus status,
                  const RunResult& r) {
  t.text("run_id", id, "hash of what can change a recorded number");
  t.flags("status", static_cast<uint8_t>(status),
          {"ok", "out_of_memory", "timed_out", "crashed", "diverged", "refused"},
          "how the run ended");
  t.text("attention", c.run.attention, "attention variant");
  t.text("position", c.run.position, "positional scheme");
  t.text("task", c.run.task, "task");
  t.text("norm", c.model.norm, "layer norm before or after each part");
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

void add_cost(TableBuilder& t, const RunCost& cost) {
  t.table.dimensions["repeat"] = static_cast<int64_t>(cost.forward.seconds.size());
  add_timing(t, "forward", "a forward pass in inference mode", cost.forward);
  add_timing(t, "training_step", "a training step", cost.training_step);
  const bool decodes = !cost.decode_step.seconds.empty();
  add_timing(t, "decode_step", "decoding the last token after the others",
             or_absent(cost.decode_step, cost.forward.seconds.size()));
  t.number("state_bytes", decodes ? static_cast<double>(cost.state_bytes) : kAbsent, "byte",
           "held by decoding for rows of this length");
  t.numbers("live_bytes", {"scope", "tag"}, by_scope_and_tag(cost.kept.live), "byte",
            "held between forward and backward of a training step");
  t.numbers("peak_bytes", {"scope", "tag"}, by_scope_and_tag(cost.step.peak), "byte",
            "peak of each part and tag over a training step, each at its own moment");
  t.numbers("peak_tag_bytes", {"tag"}, as_numbers(cost.step.peak_by_tag), "byte",
            "peak of each tag over a training step");
  t.number("live_total_bytes", static_cast<double>(cost.kept.live_bytes), "byte",
           "held between forward and backward of a training step, all together");
  t.number("peak_total_bytes", static_cast<double>(cost.step.peak_bytes), "byte",
           "peak of a training step, all together");
  t.number("inference_peak_bytes", static_cast<double>(cost.inference_peak_bytes), "byte",
           "peak of a forward pass in inference mode, optimizer included");
  t.number("pooled_bytes", static_cast<double>(cost.step.pooled_bytes), "byte",
           "free blocks of the memory pool after a training step");
  t.number("peak_resident_bytes", static_cast<double>(cost.peak_resident_bytes), "byte",
           "peak resident memory of the process (VmHWM) before training");
  t.number("probe_flops_per_second", cost.probe_flops_per_second, "s-1",
           "rate of a 1024^3 matrix product on this machine, timed beside");
}

void add_training(TableBuilder& t, const RunConfig& c, const RunResult& r) {
  t.number("train_seconds", c.trains ? r.training.seconds : kAbsent, "s",
           "wall time of training, validation included");
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

void add_scores(TableBuilder& t, const RunResult& r) {
  std::vector<LengthScore> scores = r.scores;
  std::sort(scores.begin(), scores.end(),
            [](const LengthScore& a, const LengthScore& b) { return a.length < b.length; });
  Column::Integers lengths;
  Numbers accuracy, loss, bits, scored;
  for (const LengthScore& score : scores) {
    lengths.push_back(score.length);
    accuracy.push_back(score.accuracy);
    loss.push_back(score.loss);
    bits.push_back(r.bytes ? score.loss / std::numbers::ln2 : kAbsent);
    scored.push_back(static_cast<double>(score.scored));
  }
  t.integer_coordinate("test_length", lengths, "token", "length at which the model is scored");
  t.numbers("accuracy", {"test_length"}, accuracy, "1", "share of labels predicted right");
  t.numbers("loss", {"test_length"}, loss, "1", "mean cross-entropy, nats per label");
  t.numbers("bits_per_byte", {"test_length"}, bits, "1", "cross-entropy in bits, of byte tasks");
  t.numbers("scored", {"test_length"}, scored, "1", "labels scored");
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
  t.text("affinity", affinity_text(), "cores this process may use");
  t.text("start_time", r.start_time, "start, UTC");
  t.text("end_time", r.end_time, "end, UTC");
  t.text("config", c.text(), "resolved configuration");
  t.text("data_hash", data_hash == 0 ? "" : fmt::format("{:016x}", data_hash),
         "hash of the text's bytes");
}

}  // namespace

Table record_table(const RunConfig& config, const std::string& id, uint64_t data_hash,
                   RunStatus status, const RunResult& result) {
  TableBuilder t;
  t.table.dimensions["run"] = 1;
  t.table.attributes = {{"title", "Lengthwise results"},
                        {"Conventions", "CF-1.8"},
                        {"schema_version", std::to_string(kSchemaVersion)},
                        {"source", std::string("lengthwise ") + kVersion}};
  add_coordinates(t);
  add_identity(t, config, id, status, result);
  add_cost(t, result.cost);
  add_training(t, config, result);
  add_scores(t, result);
  add_provenance(t, config, data_hash, result);
  return t.table;
}

}  // namespace lengthwise
