#include "experiments/runner/merge_runs.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "build_info.h"
#include "experiments/runner/claim.h"
#include "experiments/runner/results_folder.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;

// Which version of the columns a file has.
std::string schema_of(const Table& table) {
  const auto found = table.attributes.find("schema_version");
  return found == table.attributes.end() ? "none" : found->second;
}

}  // namespace

MergeReport merge_runs(const SweepConfig& config) {
  const Grid grid(config);
  const ResultsFolder folder(config.results);
  if (!fs::is_directory(folder.runs())) {
    user_error("{}: found no folder 'runs' in it, expected one of `lengthwise run`",
               config.results.string());
  }
  const Claim claim = claim_merging(folder.runs());
  MergeReport report;
  report.file = folder.merged(config.name);
  std::vector<Table> rows;
  fs::path first;
  for (const PlannedRun& run : grid.runs()) {
    const fs::path path = folder.run(run.id);
    const bool was_there = fs::exists(path);
    std::optional<FoundRecord> record = find_record(folder, run.id);
    if (!record) {
      ++report.missing;
      report.damaged += was_there ? 1 : 0;
      continue;
    }
    const RecordedEnd end = record->end;
    rows.push_back(std::move(record->table));
    if (first.empty()) first = path;
    if (schema_of(rows.back()) != schema_of(rows.front())) {
      user_error("{}: found schema {}, expected {} as in {}", path.string(), schema_of(rows.back()),
                 schema_of(rows.front()), first.string());
    }
    ++report.rows[end.status];
    report.stale += end.commit == kCommit ? 0 : 1;
  }
  if (rows.empty()) return report;
  Table table = merge_tables(rows);
  table.attributes["study"] = config.name;
  write_table(report.file, table);
  return report;
}

int run_merge(const SweepConfig& config) {
  const MergeReport report = merge_runs(config);
  size_t rows = 0;
  nlohmann::json by_status = nlohmann::json::object();
  std::string text;
  for (const auto& [status, count] : report.rows) {
    rows += count;
    by_status[std::string(run_status_name(status))] = count;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, run_status_name(status));
  }
  if (config.json) {
    fmt::print("{}\n", nlohmann::json{{"results", rows > 0 ? report.file.string() : ""},
                                      {"rows", rows},
                                      {"statuses", by_status},
                                      {"missing", report.missing},
                                      {"damaged", report.damaged},
                                      {"stale", report.stale}}
                           .dump());
    return 0;
  }
  if (rows == 0) {
    fmt::print(stderr, "merge: no run has ended, nothing was written\n");
    return 0;
  }
  fmt::print(stderr, "{} rows ({}) in {}; {} missing, {} damaged and kept aside, {} stale\n", rows,
             text, report.file.string(), report.missing, report.damaged, report.stale);
  return 0;
}

}  // namespace lengthwise
