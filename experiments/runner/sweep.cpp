#include "experiments/runner/sweep.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "experiments/runner/child_process.h"
#include "experiments/runner/record.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;

// Progress on stderr: a line that rewrites itself on a terminal, one line a run elsewhere.
class ProgressLine {
 public:
  void update(const std::string& text) const {
    if (terminal_) fmt::print(stderr, "\r\033[K{}", text.substr(0, 120));
  }
  void finish(const std::string& text) const {
    fmt::print(stderr, "{}{}\n", terminal_ ? "\r\033[K" : "", text);
  }

 private:
  bool terminal_ = isatty(STDERR_FILENO) != 0;
};

fs::path run_file(const SweepConfig& config, const std::string& id) {
  return config.results / "runs" / (id + ".h5");
}

// A file counts as done if it can be read and is this run's.
bool is_done(const fs::path& path, const std::string& id) {
  if (!fs::exists(path)) return false;
  try {
    const Table table = read_table(path);
    const Column* ids = table.find("run_id");
    const auto* texts = ids == nullptr ? nullptr : std::get_if<Column::Texts>(&ids->values);
    return texts != nullptr && texts->size() == 1 && texts->front() == id;
  } catch (const UserError& error) {
    fmt::print(stderr, "{}; running it again\n", error.what());
    return false;
  }
}

void make_writable_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || access(folder.c_str(), W_OK) != 0) {
    user_error("results: cannot write in '{}'{}, expected a writable folder", folder.string(),
               error ? ": " + error.message() : "");
  }
}

// Keys beside variant, scheme, length and seed that differ between runs that read them.
std::set<std::string> varying_keys(const Plan& plan) {
  std::map<std::string, std::string> first;
  std::set<std::string> varying;
  for (const PlannedRun& run : plan.runs) {
    for (const auto& [key, value] : run.config.resolved) {
      const bool named =
          key == "attention" || key == "position" || key == "length" || key == "seed";
      if (!named && first.emplace(key, value).first->second != value) varying.insert(key);
    }
  }
  return varying;
}

std::string label(const RunConfig& config, const std::set<std::string>& varying) {
  std::string label = fmt::format("{} {} length={} seed={}", config.run.attention,
                                  config.run.position, config.run.length, config.run.seed);
  for (const auto& [key, value] : config.resolved) {
    if (varying.contains(key)) label += fmt::format(" {}={}", key, value);
  }
  return label;
}

std::vector<std::string> worker_arguments(const PlannedRun& run, const fs::path& output) {
  std::vector<std::string> arguments = {"worker", "--results=" + output.string()};
  for (const auto& [key, value] : run.config.resolved) {
    // An empty value is the default of a list, which the grammar does not spell.
    if (!value.empty()) arguments.push_back("--" + key + "=" + value);
  }
  return arguments;
}

void merge_runs(const SweepConfig& config, const Plan& plan, const fs::path& merged) {
  std::vector<Table> rows;
  for (const PlannedRun& run : plan.runs) {
    const fs::path path = run_file(config, run.id);
    if (fs::exists(path)) rows.push_back(read_table(path));
  }
  if (rows.empty()) return;
  Table table = merge_tables(rows);
  table.attributes["study"] = config.name;
  write_table(merged, table);
}

// False where the run crashed.
bool run_one(const SweepConfig& config, const PlannedRun& run, const std::string& heading) {
  const ProgressLine line;
  const auto start = std::chrono::steady_clock::now();
  line.update(heading);
  const ChildEnd end =
      run_child(worker_arguments(run, run_file(config, run.id)),
                [&](const std::string& text) { line.update(heading + "  " + text); });
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  if (end.exit_code == 0) {
    line.finish(fmt::format("{}  {:.1f} s", heading, seconds.count()));
    return true;
  }
  line.finish(fmt::format("{}  crashed: {}", heading,
                          end.signal != 0 ? fmt::format("signal {}", end.signal)
                                          : fmt::format("exit code {}", end.exit_code)));
  return false;
}

}  // namespace

int run_sweep(const SweepConfig& config) {
  const Plan plan = plan_sweep(config);
  make_writable_folder(config.results / "runs");
  for (const RefusedRun& refused : plan.refused) {
    fmt::print(stderr, "refused: {}: {}\n", refused.what, refused.reason);
  }
  const std::set<std::string> varying = varying_keys(plan);
  size_t skipped = 0, crashed = 0, number = 0;
  for (const PlannedRun& run : plan.runs) {
    ++number;
    if (is_done(run_file(config, run.id), run.id)) {
      ++skipped;
      continue;
    }
    const std::string heading =
        fmt::format("[{}/{}] {}", number, plan.runs.size(), label(run.config, varying));
    if (!run_one(config, run, heading)) ++crashed;
  }
  const fs::path merged = config.results / (config.name + ".h5");
  merge_runs(config, plan, merged);
  fmt::print(
      stderr, "{} runs: {} done now, {} were there, {} crashed; {} holds this sweep's rows\n",
      plan.runs.size(), plan.runs.size() - skipped - crashed, skipped, crashed, merged.string());
  if (config.json) {
    const nlohmann::json summary = {{"results", merged.string()},
                                    {"runs", plan.runs.size()},
                                    {"already_there", skipped},
                                    {"crashed", crashed},
                                    {"refused", plan.refused.size()}};
    std::cout << summary.dump(2) << "\n";
  }
  return crashed > 0 ? 1 : 0;
}

int run_worker(const std::vector<std::string>& arguments) {
  die_with_parent();
  const SweepConfig config = parse_sweep(arguments);
  const RunConfig run = resolve_run(config.values);
  const RunResult result = execute_run(run, [](const std::string& text) {
    fmt::print("{}\n", text);
    std::fflush(stdout);
  });
  const RunStatus status = result.training.diverged ? RunStatus::diverged : RunStatus::ok;
  const uint64_t data_hash = run.make_task()->data_hash();
  // A worker's --results names its one file.
  write_table(config.results, record_table(run, run.id(data_hash), data_hash, status, result));
  return 0;
}

}  // namespace lengthwise
