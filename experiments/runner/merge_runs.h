// All rows of a sweep in one file.
#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "experiments/runner/grid.h"

namespace lengthwise {

struct MergeReport {
  std::filesystem::path file;
  StatusCounts rows;
  size_t missing = 0;  // runs of the grid that have not ended
  size_t damaged = 0;  // files kept aside now
  size_t stale = 0;    // rows that another commit of the program wrote
};

/// Reads the record of every run of the grid and writes `<results>/<name>.h5`; the same records
/// give the same bytes. Waits for another that merges there. UserError where records are of
/// different schemas; then the merged file stays as it was.
MergeReport merge_runs(const SweepConfig& config);

/// The same of every record in `<folder>/runs`, whatever sweeps wrote them, by their ids, into
/// `<folder>/<its name>.h5`. UserError where there is none.
MergeReport merge_folder(const std::filesystem::path& folder);

/// `lengthwise merge [sweep.ini] ...` and `lengthwise merge FOLDER`: the exit code.
int run_merge(const std::vector<std::string>& arguments);

}  // namespace lengthwise
