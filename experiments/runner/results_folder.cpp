#include "experiments/runner/results_folder.h"

#include <unistd.h>

#include <cstdio>

#include "base/check.h"
#include "experiments/runner/grid.h"
#include "io/replace_file.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;

void make_folder(const fs::path& folder) {
  std::error_code error;
  const bool made = fs::create_directories(folder, error);
  if (error || access(folder.c_str(), W_OK) != 0) {
    user_error("results: cannot write in '{}'{}, expected a writable folder", folder.string(),
               error ? ": " + error.message() : "");
  }
  if (made) sync_folder_of(folder);
}

}  // namespace

void ResultsFolder::make() const { make_folder(runs()); }

void ResultsFolder::make_checkpoints() const { make_folder(folder_ / "checkpoints"); }

fs::path ResultsFolder::run(uint64_t id) const { return runs() / (id_text(id) + ".h5"); }

fs::path ResultsFolder::cost(uint64_t id) const {
  return folder_ / "checkpoints" / (id_text(id) + ".cost.h5");
}

fs::path ResultsFolder::last_checkpoint(uint64_t id) const {
  return folder_ / "checkpoints" / (id_text(id) + ".last.h5");
}

fs::path ResultsFolder::best_checkpoint(uint64_t id) const {
  return folder_ / "checkpoints" / (id_text(id) + ".best.h5");
}

fs::path ResultsFolder::tuned_checkpoint(uint64_t id) const {
  return folder_ / "checkpoints" / (id_text(id) + ".tuned.h5");
}

void keep_aside(const fs::path& path, const std::string& why) {
  const fs::path folder = path.parent_path() / "damaged";
  std::error_code error;
  fs::create_directories(folder, error);
  fs::path aside = folder / path.filename();
  for (int number = 2; fs::exists(aside, error); ++number) {
    aside = folder / fmt::format("{}.{}.h5", path.stem().string(), number);
  }
  fs::rename(path, aside, error);
  if (error) {
    user_error("{}: found damaged, and cannot be moved to '{}': {}", path.string(), aside.string(),
               error.message());
  }
  fmt::print(stderr, "{}; kept as {}\n", why, aside.string());
}

namespace {

std::optional<FoundRecord> find_columns(const ResultsFolder& folder, uint64_t id,
                                        const std::vector<std::string>& columns) {
  const fs::path path = folder.run(id);
  if (!fs::exists(path)) return std::nullopt;
  std::string why;
  try {
    FoundRecord record{.table = read_columns(path, columns), .end = {}};
    record.end = recorded_end(record.table);
    if (record.end.id == id) return record;
    why = fmt::format("{}: found run {}, expected {}", path.string(), id_text(record.end.id),
                      id_text(id));
  } catch (const UserError& error) {
    why = error.what();
    if (why.find(path.string()) == std::string::npos) why = path.string() + ": " + why;
  }
  keep_aside(path, why);
  return std::nullopt;
}

}  // namespace

std::optional<FoundRecord> find_record(const ResultsFolder& folder, uint64_t id) {
  return find_columns(folder, id, {});
}

std::optional<RecordedEnd> find_end(const ResultsFolder& folder, uint64_t id) {
  const auto found = find_columns(folder, id, recorded_end_columns());
  return found ? std::optional(found->end) : std::nullopt;
}

}  // namespace lengthwise
