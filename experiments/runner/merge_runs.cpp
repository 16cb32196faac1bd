#include "experiments/runner/merge_runs.h"

#include <algorithm>
#include <cstdio>
#include <functional>
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

MergeReport merge_records(const fs::path& results, const std::string& name,
                          const std::function<std::vector<uint64_t>()>& ids) {
  const ResultsFolder folder(results);
  if (!fs::is_directory(folder.runs())) {
    user_error("{}: found no folder 'runs' in it, expected one of `lengthwise run`",
               results.string());
  }
  const Claim claim = claim_merging(folder.runs());
  MergeReport report;
  report.file = folder.merged(name);
  std::vector<Table> rows;
  fs::path first;
  for (const uint64_t id : ids()) {
    const fs::path path = folder.run(id);
    const bool was_there = fs::exists(path);
    std::optional<FoundRecord> record = find_record(folder, id);
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
  table.attributes["study"] = name;
  write_table(report.file, table);
  return report;
}

// Of the files that are named for one.
std::vector<uint64_t> ids_in(const fs::path& runs) {
  std::vector<uint64_t> ids;
  for (const fs::directory_entry& entry : fs::directory_iterator(runs)) {
    const auto id = id_of(entry.path().stem().string());
    if (id && entry.path().extension() == ".h5") ids.push_back(*id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

int print_report(const MergeReport& report, bool json) {
  size_t rows = 0;
  for (const auto& [status, count] : report.rows) rows += count;
  if (json) {
    fmt::print("{}\n", nlohmann::json{{"results", rows > 0 ? report.file.string() : ""},
                                      {"rows", rows},
                                      {"statuses", by_status_json(report.rows)},
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
             by_status_text(report.rows), report.file.string(), report.missing, report.damaged,
             report.stale);
  return 0;
}

}  // namespace

MergeReport merge_runs(const SweepConfig& config) {
  const Grid grid(config);
  return merge_records(config.results, config.name, [&] {
    std::vector<uint64_t> ids;
    for (const PlannedRun& run : grid.runs()) ids.push_back(run.id);
    return ids;
  });
}

MergeReport merge_folder(const fs::path& folder) {
  const fs::path named = fs::canonical(folder);
  MergeReport report = merge_records(folder, named.filename().string(),
                                     [&] { return ids_in(ResultsFolder(folder).runs()); });
  if (report.rows.empty()) {
    user_error("{}: found no record in its folder 'runs', expected at least one", folder.string());
  }
  return report;
}

int run_merge(const std::vector<std::string>& arguments) {
  std::vector<std::string> others = arguments;
  const bool wants_json = std::erase(others, "--json") > 0;
  if (others.size() == 1 && fs::is_directory(others.front())) {
    return print_report(merge_folder(others.front()), wants_json);
  }
  if (others.size() == 1 && !others.front().starts_with('-') && !fs::exists(others.front())) {
    user_error("merge: found no '{}', expected a results folder or a sweep's file", others.front());
  }
  const SweepConfig config = parse_sweep(arguments);
  return print_report(merge_runs(config), config.json);
}

}  // namespace lengthwise
