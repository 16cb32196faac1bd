// The way back from one file to a folder in which a sweep goes on.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace lengthwise {

struct SplitReport {
  size_t written = 0;
  size_t were_there = 0;  // left as they were
};

/// Writes every row of a merged file to `<folder>/runs/<id>.h5`, unless a record is there: what
/// `run` and `merge` then find. UserError where the file is no results file, a row has no id, or
/// the folder cannot be written to.
SplitReport split_runs(const std::filesystem::path& file, const std::filesystem::path& folder);

/// `lengthwise split FILE --results FOLDER`: the exit code.
int run_split(const std::vector<std::string>& arguments);

}  // namespace lengthwise
