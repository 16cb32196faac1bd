#include "experiments/runner/plan.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/parallel.h"
#include "base/text_table.h"
#include "build_info.h"
#include "experiments/runner/claim.h"
#include "experiments/runner/grid.h"
#include "experiments/runner/results_folder.h"
#include "experiments/runner/speed_probe.h"
#include "experiments/runner/units.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;

constexpr double kProbeSeconds = 5;

struct PlanLine {
  std::string label, id;
  std::string status;  // of its record, or "missing", "running", "refused", "will not fit"
  PredictedRun work;
  double seconds = 0;  // NaN where it cannot be told
  bool is_ahead = false;
  bool is_stale = false;  // recorded by another commit of the program
};

void find_status(const ResultsFolder& folder, const PlannedRun& run, PlanLine& line) {
  if (fs::exists(folder.run(run.id))) {
    try {
      const RecordedEnd end =
          recorded_end(read_columns(folder.run(run.id), recorded_end_columns()));
      line.status = run_status_name(end.status);
      line.is_stale = end.commit != kCommit;
    } catch (const UserError&) {
      line.status = "damaged";
    }
    return;
  }
  const bool is_claimed =
      fs::exists(folder.runs() / "claims") && !try_claim(folder.runs(), run.id).has_value();
  line.status = !run.refused.empty() ? "refused" : is_claimed ? "running" : "missing";
}

std::vector<PlanLine> plan_lines(const SweepConfig& config, int64_t limit_bytes) {
  const Grid grid(config);
  const ResultsFolder folder(config.results);
  WorkPredictor predictor;
  SpeedProbe probe;
  std::vector<PlanLine> lines;
  for (const PlannedRun& run : grid.runs()) {
    const RunConfig resolved = grid.config(run);
    PlanLine line{.label = grid.label(resolved), .id = id_text(run.id), .status = "", .work = {}};
    find_status(folder, run, line);
    if (run.refused.empty()) {
      const int64_t threads = resolved.run.threads;
      line.work =
          predictor.predict(resolved, threads > 0 ? static_cast<int>(threads) : available_cores());
      line.is_ahead = line.status == "missing" || line.status == "damaged";
      if (line.is_ahead && line.work.peak_bytes() > limit_bytes) line.status = "will not fit";
      if (line.work.peak_bytes() <= limit_bytes) probe.add(resolved, line.work);
    }
    lines.push_back(std::move(line));
  }
  probe.measure(kProbeSeconds);
  for (size_t i = 0; i < lines.size(); ++i) {
    lines[i].seconds = grid.runs()[i].refused.empty()
                           ? probe.seconds(grid.config(grid.runs()[i]), lines[i].work)
                           : std::nan("");
  }
  return lines;
}

struct Total {
  size_t runs = 0, will_not_fit = 0, stale = 0;
  double flops = 0, seconds = 0;
};

Total total_ahead(const std::vector<PlanLine>& lines) {
  Total total;
  for (const PlanLine& line : lines) {
    total.will_not_fit += line.status == "will not fit" ? 1 : 0;
    total.stale += line.is_stale ? 1 : 0;
    if (!line.is_ahead || line.status == "will not fit") continue;
    ++total.runs;
    total.flops += line.work.flops();
    if (std::isfinite(line.seconds)) total.seconds += line.seconds;
  }
  return total;
}

nlohmann::json to_json(const std::vector<PlanLine>& lines, int64_t limit_bytes) {
  nlohmann::json runs = nlohmann::json::array();
  for (const PlanLine& line : lines) {
    nlohmann::json run = {{"run_id", line.id}, {"label", line.label}, {"status", line.status}};
    const bool is_known = !line.work.work.empty();
    const auto known = [&](double value) {
      return is_known && std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
    };
    run["flops"] = known(line.work.flops());
    run["seconds"] = known(line.seconds);
    run["peak_bytes"] = known(static_cast<double>(line.work.peak_bytes()));
    run["training_step_peak_bytes"] = known(static_cast<double>(line.work.step_peak_bytes));
    runs.push_back(std::move(run));
  }
  const Total total = total_ahead(lines);
  return {{"runs", runs},
          {"memory_limit_bytes", limit_bytes},
          {"ahead", {{"runs", total.runs}, {"flops", total.flops}, {"seconds", total.seconds}}},
          {"will_not_fit", total.will_not_fit},
          {"stale", total.stale}};
}

std::string to_text(const std::vector<PlanLine>& lines, int64_t limit_bytes) {
  std::vector<std::vector<std::string>> rows = {{"run", "FLOPs", "peak", "seconds", "status"},
                                                {"-"}};
  for (const PlanLine& line : lines) {
    const bool is_known = !line.work.work.empty();
    rows.push_back({line.label, is_known ? flops_text(line.work.flops()) : "-",
                    is_known ? bytes_text(line.work.peak_bytes()) : "-",
                    is_known && std::isfinite(line.seconds) ? seconds_text(line.seconds) : "-",
                    line.status});
  }
  const Total total = total_ahead(lines);
  std::string text = aligned(rows);
  text += fmt::format("\n{} of {} runs ahead: {}, about {}\n", total.runs, lines.size(),
                      flops_text(total.flops), seconds_text(total.seconds));
  if (total.will_not_fit > 0) {
    text += fmt::format("{} will not fit in {} (--memory-limit)\n", total.will_not_fit,
                        bytes_text(limit_bytes));
  }
  if (total.stale > 0) {
    text += fmt::format("{} of those recorded are from another commit\n", total.stale);
  }
  return text;
}

}  // namespace

int print_plan(const SweepConfig& config) {
  const int64_t limit = run_memory_limit_bytes(config.runner);
  const std::vector<PlanLine> lines = plan_lines(config, limit);
  if (config.json) {
    fmt::print("{}\n", to_json(lines, limit).dump(2));
  } else {
    fmt::print("{}", to_text(lines, limit));
  }
  return 0;
}

}  // namespace lengthwise
