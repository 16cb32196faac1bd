// A small table with the schema of a results file, for the tests of the analysis.
#pragma once
#include <fmt/format.h>

#include <map>
#include <numbers>
#include <string>
#include <vector>

#include "experiments/analysis/comparison.h"

namespace lengthwise {

struct SampleRun {
  std::string attention = "full";
  int64_t length = 128, seed = 0;
  uint8_t status = 0;
  std::string position = "rotary", config = "", commit = "0123456789abcdef";
  double step_seconds = 1e-3, attention_flops = 1e6, attention_bytes = 1e6;
  std::vector<double> accuracy = {}, bits = {};  // at test lengths 256 and 512
  int64_t batch = 4;
};

/// The schema of a results file, with round numbers: two repeats, the second 1 % slower and the
/// third absent; a forward pass takes a third of a step, decoding a tenth, attention half of each.
/// Decoding's FLOPs and state are a hundredth of a step's.
inline Table sample_table(const std::vector<SampleRun>& rows) {
  Table table;
  table.attributes["title"] = "quadratic";
  table.dimensions = {{"run", static_cast<int64_t>(rows.size())},
                      {"repeat", 3},
                      {"scope", 5},
                      {"tag", 7},
                      {"test_length", 2},
                      {"context", 2}};
  const auto add = [&](const std::string& name, std::vector<std::string> dimensions, auto values) {
    table.columns.push_back({name, std::move(dimensions), std::move(values), "", "", {}});
  };
  add("scope", {"scope"},
      Column::Texts{"attention", "projections", "feed_forward", "head", "rest"});
  add("tag", {"tag"},
      Column::Texts{"parameters", "gradients", "optimizer", "activations", "workspace", "state",
                    "data"});
  add("test_length", {"test_length"}, Column::Integers{256, 512});
  add("context", {"context"}, Column::Integers{1, 2});

  // named here so that a table without rows has its columns too
  std::map<std::string, Column::Texts> texts = {
      {"run_id", {}}, {"attention", {}}, {"position", {}}, {"task", {}}, {"norm", {}}};
  std::map<std::string, Column::Integers> integers = {{"seed", {}}, {"length", {}}};
  std::map<std::string, Column::Numbers> per_repeat = {{"training_step_seconds", {}},
                                                       {"forward_seconds", {}},
                                                       {"decode_step_seconds", {}},
                                                       {"prefill_seconds", {}}};
  std::map<std::string, Column::Numbers> per_repeat_scope = {{"training_step_scope_seconds", {}},
                                                             {"forward_scope_seconds", {}},
                                                             {"decode_step_scope_seconds", {}},
                                                             {"prefill_scope_seconds", {}}};
  std::map<std::string, Column::Numbers> per_test;
  Column::Numbers flops, decode_flops, live, peak, state, ngrams;
  Column::Flags status;
  for (const SampleRun& row : rows) {
    texts["run_id"].push_back(fmt::format("id{}", texts["run_id"].size()));
    texts["attention"].push_back(row.attention);
    texts["position"].push_back(row.position);
    texts["task"].push_back("text");
    texts["norm"].push_back("rms");
    texts["config"].push_back(row.config);
    texts["commit"].push_back(row.commit);
    texts["cpu"].push_back("Some CPU");
    integers["seed"].push_back(row.seed);
    integers["length"].push_back(row.length);
    integers["threads"].push_back(2);
    integers["batch"].push_back(row.batch);
    integers["width"].push_back(64);
    integers["train_length"].push_back(row.accuracy.empty() ? 0 : row.length);
    status.push_back(row.status);
    for (const double factor : {1.0, 1.01, kNotANumber}) {
      per_repeat["training_step_seconds"].push_back(row.step_seconds * factor);
      per_repeat["forward_seconds"].push_back(row.step_seconds / 3 * factor);
      per_repeat["decode_step_seconds"].push_back(row.step_seconds / 10 * factor);
      per_repeat["prefill_seconds"].push_back(row.step_seconds / 4 * factor);
      for (const double share : {0.5, 0.3, 0.1, 0.1, 0.0}) {
        const double seconds = row.step_seconds * factor * share;
        per_repeat_scope["training_step_scope_seconds"].push_back(seconds);
        per_repeat_scope["forward_scope_seconds"].push_back(seconds / 3);
        per_repeat_scope["decode_step_scope_seconds"].push_back(seconds / 10);
        per_repeat_scope["prefill_scope_seconds"].push_back(seconds / 4);
      }
    }
    const double n = static_cast<double>(row.length);
    for (const double count : {row.attention_flops, 100 * n, 200 * n, 300 * n, 0.0}) {
      flops.push_back(count);
      decode_flops.push_back(count / 100);
    }
    for (int scope = 0; scope < 5; ++scope) {
      for (int tag = 0; tag < 7; ++tag) {
        live.push_back(scope == 0 && tag == 3 ? row.attention_bytes : 7.0);
      }
    }
    peak.push_back(row.attention_bytes + 5000 * n + 9e6);
    state.push_back(row.attention_bytes / 100);
    for (size_t i = 0; i < 2; ++i) {
      const auto at = [&](const std::vector<double>& v) { return v.empty() ? kNotANumber : v[i]; };
      per_test["accuracy"].push_back(at(row.accuracy));
      per_test["bits_per_byte"].push_back(at(row.bits));
      per_test["loss"].push_back(kNotANumber);
      ngrams.push_back(row.bits.empty() ? kNotANumber : 3.5 - static_cast<double>(i));
    }
  }
  for (auto& [name, values] : texts) add(name, {"run"}, std::move(values));
  for (auto& [name, values] : integers) add(name, {"run"}, std::move(values));
  for (auto& [name, values] : per_repeat) add(name, {"run", "repeat"}, std::move(values));
  for (auto& [name, values] : per_repeat_scope) {
    add(name, {"run", "repeat", "scope"}, std::move(values));
  }
  for (auto& [name, values] : per_test) add(name, {"run", "test_length"}, std::move(values));
  add("training_step_flops", {"run", "scope"}, std::move(flops));
  add("decode_step_flops", {"run", "scope"}, std::move(decode_flops));
  add("state_bytes", {"run"}, std::move(state));
  add("live_bytes", {"run", "scope", "tag"}, std::move(live));
  add("peak_total_bytes", {"run"}, std::move(peak));
  add("ngram_bits_per_byte", {"run", "context"}, std::move(ngrams));
  add("status", {"run"}, std::move(status));
  table.columns.back().flag_meanings = {"ok",      "out_of_memory", "timed_out",
                                        "crashed", "diverged",      "refused"};
  return table;
}

/// Two seeds at test lengths 256 and 512: the shorter has one part, the longer both.
inline Table table_with_parts() {
  std::vector<SampleRun> rows(2);
  rows[1].seed = 1;
  for (SampleRun& row : rows) row.accuracy = {0.5, 0.4};
  Table table = sample_table(rows);
  table.dimensions["part"] = 2;
  const auto add = [&](const std::string& name, std::vector<std::string> dimensions, auto values) {
    table.columns.push_back({name, std::move(dimensions), std::move(values), "", "", {}});
  };
  const double none = kNotANumber;
  const std::vector<std::string> all = {"run", "test_length"},
                                 parts = {"run", "test_length", "part"};
  add("part", {"part"}, Column::Texts{"pairs=16", "pairs=8"});
  add("exact_match", all, Column::Numbers{0.2, 0.1, 0.2, 0.1});
  add("ceiling", all, Column::Numbers{1, 0.75, 1, 0.75});
  add("exact_match_chance", all, Column::Numbers{0, 0, 0, 0});
  add("part_accuracy", parts, Column::Numbers{none, 0.5, 0.3, 0.5, none, 0.5, 0.25, 0.55});
  add("part_ceiling", parts, Column::Numbers{none, 1, 0.625, 1, none, 1, 0.625, 1});
  add("part_loss", parts, Column::Numbers(8, std::numbers::ln2));
  return table;
}

/// full grows with the square of the length, linear with the length; length 256 is trained.
inline std::vector<SampleRun> quadratic_study() {
  std::vector<SampleRun> rows;
  for (int64_t length = 128; length <= 4096; length *= 2) {
    const double n = static_cast<double>(length);
    SampleRun full{"full", length};
    full.step_seconds = 1e-7 * n * n;
    full.attention_flops = 768 * n * n + 64 * n;
    full.attention_bytes = 32 * n * n;
    SampleRun linear{"linear", length};
    linear.step_seconds = 4e-5 * n;
    linear.attention_flops = 90000 * n;
    linear.attention_bytes = 4096 * n + 64;
    if (length == 256) {
      full.accuracy = {0.9, 0.8}, full.bits = {2.25, 2.5};
      linear.accuracy = {0.7, 0.6}, linear.bits = {2.75, 3.0};
    }
    rows.insert(rows.end(), {linear, full});
  }
  return rows;
}

inline const GrowthLaw& law(const Group& group, Quantity quantity) {
  return group.laws[static_cast<size_t>(quantity)];
}

}  // namespace lengthwise
