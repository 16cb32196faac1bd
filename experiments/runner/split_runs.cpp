#include "experiments/runner/split_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/check.h"
#include "experiments/runner/grid.h"
#include "experiments/runner/results_folder.h"
#include "io/table.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;

std::vector<uint64_t> ids_of(const Table& table, const fs::path& file) {
  const Column* column = table.find("run_id");
  const auto* texts = column == nullptr ? nullptr : std::get_if<Column::Texts>(&column->values);
  if (texts == nullptr) user_error("{}: found no column 'run_id', expected one", file.string());
  std::vector<uint64_t> ids;
  for (const std::string& text : *texts) {
    const auto id = id_of(text);
    if (!id) {
      user_error("{}: found run_id '{}', expected 16 hexadecimal digits", file.string(), text);
    }
    ids.push_back(*id);
  }
  return ids;
}

}  // namespace

SplitReport split_runs(const fs::path& file, const fs::path& folder) {
  Table table = read_table(file);
  table.attributes.erase("study");  // of the merged file alone
  const std::vector<uint64_t> ids = ids_of(table, file);
  const ResultsFolder results(folder);
  results.make();
  SplitReport report;
  for (size_t row = 0; row < ids.size(); ++row) {
    if (find_end(results, ids[row])) {
      ++report.were_there;
      continue;
    }
    write_table(results.run(ids[row]), row_of(table, row));
    ++report.written;
  }
  return report;
}

int run_split(const std::vector<std::string>& arguments) {
  const bool is_whole = arguments.size() == 3;
  const auto option = std::find(arguments.begin(), arguments.end(), "--results");
  const bool has_folder = option != arguments.end() && std::next(option) != arguments.end();
  if (!is_whole || !has_folder) {
    user_error("split: found {} arguments, expected FILE --results FOLDER", arguments.size());
  }
  const std::string& file = option == arguments.begin() ? arguments.back() : arguments.front();
  const std::string& folder = *std::next(option);
  const SplitReport report = split_runs(file, folder);
  fmt::print(stderr, "{} rows of {} written to {}, {} were there\n", report.written, file,
             (fs::path(folder) / "runs").string(), report.were_there);
  return 0;
}

}  // namespace lengthwise
