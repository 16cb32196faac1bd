// mutate_results --count N [--seed S] FILE...: damages results files and checkpoints and reads
// them. mutate_results --write INDEX [--seed S] FILE...: one of them, on stdout.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>

#include "base/check.h"
#include "base/options.h"
#include "io/hdf5_codec.h"
#include "io/table.h"
#include "tests/fuzz/mutations.h"

namespace {

namespace fs = std::filesystem;
using namespace lengthwise;

struct Task {
  int64_t count = 0, seed = 1, written = -1;
  std::vector<std::string> files;
};

std::string bytes_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) user_error("{}: cannot be read", path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Read and encoded anew, so that files from before there were seals have one.
std::string sealed_bytes(const std::string& path) {
  if (fs::path(path).parent_path().filename() == "checkpoints") return bytes_of_file(path);
  const std::vector<std::byte> bytes = encode_table(read_table(path));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Task read_task(const std::vector<std::string>& arguments) {
  constexpr IntegerRange kAny{0, kLargestSize};
  Task task;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    if (!name.starts_with("--")) {
      task.files.push_back(sealed_bytes(name));
      continue;
    }
    const std::string value = i + 1 < arguments.size() ? arguments[++i] : "";
    if (name == "--count") {
      task.count = parse_integer(name, value, kAny);
    } else if (name == "--seed") {
      task.seed = parse_integer(name, value, kAny);
    } else if (name == "--write") {
      task.written = parse_integer(name, value, kAny);
    } else {
      user_error("{}: unknown option, expected --count, --seed or --write", name);
    }
  }
  if (task.files.empty()) user_error("files: found none, expected results files");
  return task;
}

int run(const Task& task) {
  const auto seed = static_cast<uint64_t>(task.seed);
  if (task.written >= 0) {
    const std::string bytes = mutated_file(task.files, seed, static_cast<uint64_t>(task.written));
    std::fwrite(bytes.data(), 1, bytes.size(), stdout);
    return 0;
  }
  const fs::path folder = fs::temp_directory_path() / fmt::format("mutate_results_{}", getpid());
  fs::create_directories(folder);
  const auto start = std::chrono::steady_clock::now();
  const MutationCounts counts =
      read_mutations(task.files, seed, static_cast<uint64_t>(task.count), folder);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  fs::remove_all(folder);
  fmt::print(
      "mutations: {} of {} files in {:.0f} s: {} read ({} of them changed, without a seal), "
      "{} named as damaged ({} of them crashed or looped HDF5 in its own process), "
      "{} took the program down, {} hung\n",
      task.count, task.files.size(), seconds.count(), counts.read, counts.changed, counts.named,
      counts.outlived, counts.taken_down.size(), counts.hung.size());
  for (const std::string& bad : counts.taken_down) fmt::print("took the program down: {}\n", bad);
  for (const std::string& bad : counts.hung) fmt::print("hung: {}\n", bad);
  return counts.taken_down.empty() && counts.hung.empty() ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run(read_task({arguments + 1, arguments + count}));
  } catch (const std::exception& error) {
    fmt::print(stderr, "mutate_results: {}\n", error.what());
    return 2;
  }
}
