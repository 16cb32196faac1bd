#include "tests/fuzz/mutations.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <span>

#include "base/check.h"
#include "base/random.h"
#include "experiments/analysis/export.h"
#include "experiments/analysis/report.h"
#include "io/archive.h"
#include "io/hdf5_codec.h"
#include "io/sealed_file.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;

constexpr int kMostMilliseconds = 60'000;

class Mutator {
 public:
  Mutator(const std::vector<std::string>& files, uint64_t seed, uint64_t index)
      : files_(files), random_(seed, Purpose::probe, 0, index) {}

  std::string make() {
    std::string bytes = any_file();
    if (random_.below(2) == 0) bytes.resize(bytes.size() - kSealBytes);
    for (int64_t i = random_.below(4); i >= 0 && !bytes.empty(); --i) change(bytes);
    return bytes;
  }

 private:
  const std::string& any_file() { return files_[place(files_.size())]; }
  size_t place(size_t size) {
    return static_cast<size_t>(random_.below(static_cast<int64_t>(size)));
  }
  char any_byte() {
    constexpr std::array<char, 5> kTelling = {'\0', '\x01', '\x7f', '\x80', '\xff'};
    return random_.below(2) == 0 ? kTelling[place(kTelling.size())]
                                 : static_cast<char>(random_.below(256));
  }
  // Headers, where HDF5 can go wrong, are few bytes of many: they stand before and after texts.
  size_t telling_place(size_t size) {
    return random_.below(2) == 0 ? place(std::min<size_t>(size, 4096)) : place(size);
  }

  void change(std::string& bytes) {
    const size_t begin = telling_place(bytes.size());
    const size_t length = 1 + place(std::min<size_t>(bytes.size() - begin, 512));
    switch (random_.below(7)) {
      case 0:
        bytes[begin] = static_cast<char>(bytes[begin] ^ (1 << random_.below(8)));
        break;
      case 1:
        bytes[begin] = any_byte();
        break;
      case 2:
        for (size_t i = 0; i < std::min<size_t>(length, 8); ++i) bytes[begin + i] = any_byte();
        break;
      case 3:
        bytes.resize(begin);
        break;
      case 4:
        std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(begin), length, '\0');
        break;
      case 5: {
        const std::string block = bytes.substr(telling_place(bytes.size()), length);
        bytes.replace(begin, block.size(), block);
        break;
      }
      default: {
        const std::string& other = any_file();
        bytes = bytes.substr(0, begin) + other.substr(std::min(begin, other.size()));
      }
    }
  }

  const std::vector<std::string>& files_;
  RandomStream random_;
};

enum class Outcome : char {
  read = 'r',
  changed = 'c',
  named = 'n',
  outlived = 'o',
  broken = 'b',
};

std::string bytes_of(const Table& table) {
  const std::vector<std::byte> bytes = encode_table(table);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool is_of(const std::vector<std::string>& files, const std::string& bytes) {
  return std::find(files.begin(), files.end(), bytes) != files.end();
}

bool is_one_line_about(const std::string& message, const fs::path& path) {
  return message.find('\n') == std::string::npos && message.starts_with(path.string());
}

// What a user may do with what was read. What is no comparison is refused in one line.
bool can_be_used(const Table& table, const fs::path& path) {
  if (export_csv(table).empty() || export_json(table).empty()) return false;
  try {
    return !comparison_text(compare_table(table, path.string())).empty();
  } catch (const UserError& error) {
    return is_one_line_about(error.what(), path);
  }
}

// A checkpoint is what was written, or it is none: a training that went on from another would be
// wrong and look right.
Outcome read_as_checkpoint(const std::vector<std::string>& files, const std::string& bytes,
                           const fs::path& path) {
  try {
    read_archive(path);
    return is_of(files, bytes) ? Outcome::read : Outcome::broken;
  } catch (const UserError& error) {
    return is_one_line_about(error.what(), path) ? Outcome::named : Outcome::broken;
  }
}

Outcome read_one(const std::vector<std::string>& files, const std::string& bytes,
                 const fs::path& path) {
  std::ofstream(path, std::ios::binary) << bytes;
  const Outcome as_checkpoint = read_as_checkpoint(files, bytes, path);
  if (as_checkpoint != Outcome::named) return as_checkpoint;
  try {
    const Table table = read_table(path);
    if (!can_be_used(table, path)) return Outcome::broken;
    if (is_of(files, bytes_of(table))) return Outcome::read;
    return ends_in_seal(std::as_bytes(std::span(bytes))) ? Outcome::broken : Outcome::changed;
  } catch (const UserError& error) {
    const std::string message = error.what();
    if (!is_one_line_about(message, path)) return Outcome::broken;
    return message.find("(reading it ") == std::string::npos ? Outcome::named : Outcome::outlived;
  }
}

[[noreturn]] void read_from(uint64_t first, uint64_t count, const std::vector<std::string>& files,
                            uint64_t seed, const fs::path& path, int output) {
  for (uint64_t i = first; i < count; ++i) {
    const Outcome outcome = read_one(files, mutated_file(files, seed, i), path);
    if (write(output, &outcome, 1) != 1) _exit(1);
  }
  _exit(0);
}

struct Reader {
  pid_t process;
  int output;
};

Reader start_reader(uint64_t first, uint64_t count, const std::vector<std::string>& files,
                    uint64_t seed, const fs::path& path) {
  std::array<int, 2> ends{};
  check(pipe2(ends.data(), O_CLOEXEC) == 0, "pipe2 failed");
  const pid_t process = fork();
  check(process >= 0, "fork failed");
  if (process == 0) read_from(first, count, files, seed, path, ends[1]);
  close(ends[1]);
  return {process, ends[0]};
}

std::string end_of(const Reader& reader) {
  close(reader.output);
  int status = 0;
  waitpid(reader.process, &status, 0);
  return WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                             : fmt::format("exit code {}", WEXITSTATUS(status));
}

}  // namespace

std::string mutated_file(const std::vector<std::string>& files, uint64_t seed, uint64_t index) {
  return Mutator(files, seed, index).make();
}

MutationCounts read_mutations(const std::vector<std::string>& files, uint64_t seed, uint64_t count,
                              const fs::path& folder) {
  const fs::path path = folder / "mutated.h5";
  MutationCounts counts;
  Reader reader = start_reader(0, count, files, seed, path);
  for (uint64_t i = 0; i < count; ++i) {
    pollfd ready{.fd = reader.output, .events = POLLIN, .revents = 0};
    const bool in_time = poll(&ready, 1, kMostMilliseconds) > 0;
    Outcome outcome{};
    if (in_time && read(reader.output, &outcome, 1) == 1) {
      counts.read += outcome == Outcome::read || outcome == Outcome::changed ? 1 : 0;
      counts.changed += outcome == Outcome::changed ? 1 : 0;
      counts.named += outcome == Outcome::named || outcome == Outcome::outlived ? 1 : 0;
      counts.outlived += outcome == Outcome::outlived ? 1 : 0;
      if (outcome == Outcome::broken) counts.taken_down.push_back(fmt::format("{}: wrong", i));
      continue;
    }
    if (!in_time) kill(reader.process, SIGKILL);
    (in_time ? counts.taken_down : counts.hung).push_back(fmt::format("{}: {}", i, end_of(reader)));
    reader = start_reader(i + 1, count, files, seed, path);
  }
  end_of(reader);
  return counts;
}

}  // namespace lengthwise
