#include "experiments/runner/explain.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/check.h"
#include "base/parallel.h"
#include "base/text_table.h"
#include "experiments/runner/grid.h"
#include "experiments/runner/match.h"
#include "experiments/runner/measure.h"
#include "experiments/runner/units.h"
#include "nn/model_cost.h"

namespace lengthwise {
namespace {

// A pass of the model through one of its parts; the last part is all of them.
struct PartCost {
  double seconds = 0;
  int64_t flops = 0, predicted_flops = 0;
};
constexpr size_t kParts = kScopes + 1;

struct Explained {
  RunConfig config;
  int64_t threads = 0, parameters = 0;
  bool is_predicted = false;  // the variant says what it costs
  std::array<PartCost, kParts> forward{}, backward{};
  std::array<int64_t, kParts> kept_bytes{};  // between the forward and the backward pass
  int64_t peak_bytes = 0, predicted_kept_bytes = 0, predicted_peak_bytes = 0;
  bool decodes = false;
  double decode_seconds = 0;
  int64_t state_bytes = 0, predicted_state_bytes = 0;
};

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double scope_seconds(const Timing& timing, size_t scope) {
  std::vector<double> values;
  for (const auto& seconds : timing.scope_seconds) values.push_back(seconds[scope]);
  return median_of(std::move(values));
}

std::string part_name(size_t part) {
  return part < kScopes ? std::string(scope_name(static_cast<Scope>(part))) : "all";
}

void add_up(std::array<PartCost, kParts>& parts) {
  for (size_t part = 0; part < kScopes; ++part) {
    parts[kScopes].seconds += parts[part].seconds;
    parts[kScopes].flops += parts[part].flops;
    parts[kScopes].predicted_flops += parts[part].predicted_flops;
  }
}

void put_measured(const RunCost& cost, Explained& explained) {
  for (size_t scope = 0; scope < kScopes; ++scope) {
    PartCost &forward = explained.forward[scope], &backward = explained.backward[scope];
    forward.seconds = scope_seconds(cost.forward, scope);
    forward.flops = cost.forward.work.flops[scope];
    backward.seconds = scope_seconds(cost.training_step, scope) - forward.seconds;
    backward.flops = cost.training_step.work.flops[scope] - forward.flops;
    const auto& kept = cost.kept->live[scope];
    explained.kept_bytes[scope] = kept[static_cast<size_t>(Tag::activations)];
    explained.kept_bytes[kScopes] += explained.kept_bytes[scope];
  }
  explained.peak_bytes = cost.step->peak_bytes;
  explained.decodes = !cost.decode_step.seconds.empty();
  if (explained.decodes) explained.decode_seconds = median_of(cost.decode_step.seconds);
  explained.state_bytes = cost.state_bytes;
}

void put_predicted(const Task& task, Explained& explained) {
  const RunConfig& config = explained.config;
  explained.is_predicted = predicts_cost(config);
  if (!explained.is_predicted) return;
  const Batch batch = task.measured_batch(static_cast<uint64_t>(config.run.seed), config.run.batch,
                                          config.run.length);
  const ModelCost cost = model_cost(
      config.model_setup(task.vocabulary()),
      config.batch_sizes(config.run.batch, config.run.length, std::ssize(batch.labelled)),
      static_cast<int>(explained.threads));
  for (size_t scope = 0; scope < kScopes; ++scope) {
    explained.forward[scope].predicted_flops = cost.forward.flops[scope];
    explained.backward[scope].predicted_flops = cost.backward.flops[scope];
  }
  explained.predicted_kept_bytes = cost.activation_bytes;
  explained.predicted_peak_bytes = cost.peak_bytes;
  explained.predicted_state_bytes = cost.state_bytes;
}

Explained measure_one(RunConfig config) {
  Explained explained;
  config.trains = false;
  config.run.measure = "all";
  set_thread_count(static_cast<int>(config.run.threads));
  explained.threads = thread_count();
  const std::unique_ptr<Task> task = config.make_task();
  config = matched(std::move(config), *task);
  explained.config = config;
  const ModelSetup setup = config.model_setup(task->vocabulary());
  Transformer model(setup, ParameterSet(static_cast<uint64_t>(config.run.seed)));
  explained.parameters = model.parameter_count();
  RunCost cost;
  measure_cost(model, *task, config, {}, cost);
  put_measured(cost, explained);
  put_predicted(*task, explained);
  add_up(explained.forward);
  add_up(explained.backward);
  return explained;
}

std::string milliseconds(double seconds) { return short_number(seconds * 1e3); }
std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }
std::string gigaflops(int64_t flops) { return short_number(static_cast<double>(flops) / 1e9); }

// "=" where the model says what was counted.
std::string agreement(int64_t predicted, int64_t found, bool is_predicted) {
  if (!is_predicted) return "-";
  return predicted == found ? "=" : fmt::format("{:+}", predicted - found);
}

std::string pass_table(const char* title, const std::array<PartCost, kParts>& parts,
                       const Explained& explained) {
  std::vector<std::vector<std::string>> rows = {
      {title, "ms", "of time", "GFLOP", "of FLOPs", "predicted", "GFLOP/s"}, {"-"}};
  const PartCost& all = parts[kScopes];
  for (size_t part = 0; part < kParts; ++part) {
    const PartCost& cost = parts[part];
    const double flops = static_cast<double>(cost.flops);
    rows.push_back({part_name(part), milliseconds(cost.seconds),
                    percent(cost.seconds / all.seconds), gigaflops(cost.flops),
                    percent(flops / static_cast<double>(all.flops)),
                    agreement(cost.predicted_flops, cost.flops, explained.is_predicted),
                    cost.flops > 0 ? short_number(flops / cost.seconds / 1e9) : "-"});
  }
  return aligned(rows);
}

std::string memory_table(const Explained& explained) {
  std::vector<std::vector<std::string>> rows = {{"memory", "found", "predicted"}, {"-"}};
  for (size_t part = 0; part < kScopes; ++part) {
    rows.push_back(
        {"kept for backward by " + part_name(part), bytes_text(explained.kept_bytes[part])});
  }
  const auto add = [&](const char* name, int64_t found, int64_t predicted) {
    rows.push_back({name, bytes_text(found), agreement(predicted, found, explained.is_predicted)});
  };
  add("kept for backward by all", explained.kept_bytes[kScopes], explained.predicted_kept_bytes);
  add("peak of a training step", explained.peak_bytes, explained.predicted_peak_bytes);
  if (explained.decodes) {
    add("remembered while decoding", explained.state_bytes, explained.predicted_state_bytes);
  }
  return aligned(rows);
}

std::string explained_text(const Explained& explained) {
  const RunOptions& run = explained.config.run;
  const ModelOptions& model = explained.config.model;
  std::string text = fmt::format(
      "{} at {} tokens: batch {}, {} layers, width {}, {} heads, {} positions, {} parameters\n"
      "median of {} repeats on {} threads; predicted: = where the cost model gives what was "
      "counted\n\n",
      run.attention, run.length, run.batch, model.layers, model.width, model.heads, run.position,
      explained.parameters, run.repeats, explained.threads);
  text += pass_table("forward pass", explained.forward, explained) + "\n";
  text += pass_table("backward and update", explained.backward, explained) + "\n";
  text += memory_table(explained);
  if (explained.decodes) {
    text += fmt::format("\ndecoding one token after {} others: {} µs\n", run.length - 1,
                        short_number(explained.decode_seconds * 1e6));
  }
  return text;
}

nlohmann::json explained_json(const Explained& explained) {
  const auto pass = [&](const std::array<PartCost, kParts>& parts) {
    nlohmann::json json;
    for (size_t part = 0; part < kParts; ++part) {
      const PartCost& cost = parts[part];
      json[part_name(part)] = {{"seconds", cost.seconds}, {"flops", cost.flops}};
      json[part_name(part)]["predicted_flops"] =
          explained.is_predicted ? nlohmann::json(cost.predicted_flops) : nlohmann::json();
    }
    return json;
  };
  const auto bytes = [&](int64_t found, int64_t predicted) {
    return nlohmann::json{
        {"bytes", found},
        {"predicted_bytes", explained.is_predicted ? nlohmann::json(predicted) : nlohmann::json()}};
  };
  nlohmann::json kept;
  for (size_t part = 0; part < kParts; ++part) kept[part_name(part)] = explained.kept_bytes[part];
  nlohmann::json json = {
      {"attention", explained.config.run.attention},
      {"length", explained.config.run.length},
      {"config", explained.config.text()},
      {"threads", explained.threads},
      {"parameters", explained.parameters},
      {"forward", pass(explained.forward)},
      {"backward_and_update", pass(explained.backward)},
      {"kept_bytes", kept},
      {"kept", bytes(explained.kept_bytes[kScopes], explained.predicted_kept_bytes)},
      {"peak", bytes(explained.peak_bytes, explained.predicted_peak_bytes)}};
  json["decode_seconds"] =
      explained.decodes ? nlohmann::json(explained.decode_seconds) : nlohmann::json();
  json["state"] = explained.decodes ? bytes(explained.state_bytes, explained.predicted_state_bytes)
                                    : nlohmann::json();
  return json;
}

// NAME@LENGTH and the keys behind it, as the one run that they name.
struct Asked {
  RunConfig config;
  bool json = false;
  int64_t memory_limit_bytes = 0;
};

Asked asked_for(const std::vector<std::string>& arguments) {
  const std::string what = arguments.empty() ? "" : arguments.front();
  const size_t at = what.find('@');
  if (at == std::string::npos || at == 0) {
    user_error("explain: found '{}', expected NAME@LENGTH, as in full@1024", what);
  }
  std::vector<std::string> keys(arguments.begin() + 1, arguments.end());
  keys.insert(keys.end(), {"--attention", what.substr(0, at), "--length", what.substr(at + 1)});
  const SweepConfig sweep = parse_sweep(keys);
  const Grid grid(sweep);
  if (grid.runs().size() != 1) {
    user_error("explain: found keys that name {} runs, expected one", grid.runs().size());
  }
  return {grid.config(grid.runs().front()), sweep.json, run_memory_limit_bytes(sweep.runner)};
}

}  // namespace

int explain(const std::vector<std::string>& arguments) {
  const Asked asked = asked_for(arguments);
  MemoryLedger::instance().set_limit_bytes(asked.memory_limit_bytes);
  try {
    const Explained explained = measure_one(asked.config);
    fmt::print("{}",
               asked.json ? explained_json(explained).dump(2) + "\n" : explained_text(explained));
  } catch (const OutOfMemory& error) {
    user_error("explain: {} at {} tokens: out of memory: {} (--memory-limit)",
               asked.config.run.attention, asked.config.run.length, memory_text(error));
  }
  return 0;
}

}  // namespace lengthwise
