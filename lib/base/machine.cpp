#include "base/machine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <ctime>
#include <fstream>
#include <set>
#include <sstream>

#include "base/check.h"

namespace lengthwise {
namespace {

// The text after "name :" in a /proc file, or "".
std::string proc_field(const char* path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name)) continue;
    const size_t value = line.find_first_not_of(" \t:", name.size());
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "";
}

// 0 where there is none.
int64_t whole_number(const std::string& text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

int64_t kibibytes(const char* path, const std::string& name) {
  return whole_number(proc_field(path, name)) * 1024;
}

int64_t number_in(const std::string& path) {
  std::string text;
  std::getline(std::ifstream(path) >> std::ws, text);
  return whole_number(text);
}

// Where the kernel keeps what it says of this process's memory group, of either version.
std::vector<std::string> memory_groups() {
  std::vector<std::string> folders;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t path = line.rfind(':');
    if (path == std::string::npos) continue;
    const std::string group = line.substr(path + 1) == "/" ? "" : line.substr(path + 1);
    if (line.starts_with("0::")) folders.push_back("/sys/fs/cgroup" + group);
    if (line.find(":memory:") != std::string::npos) {
      folders.push_back("/sys/fs/cgroup/memory" + group);
    }
  }
  return folders;
}

}  // namespace

std::string cpu_model() {
  const std::string name = proc_field("/proc/cpuinfo", "model name");
  return name.empty() ? "unknown" : name;
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

std::vector<int> affinity_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

void keep_to_cores(const std::vector<int>& cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(core, &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0) {
    user_error("cores: found {}, expected cores that this process may use", fmt::join(cores, ","));
  }
}

std::string affinity_text() {
  const std::vector<int> cores = affinity_cores();
  std::string text;
  for (size_t first = 0; first < cores.size();) {
    size_t last = first;
    while (last + 1 < cores.size() && cores[last + 1] == cores[last] + 1) ++last;
    text += text.empty() ? "" : ",";
    text += last == first ? std::to_string(cores[first])
                          : fmt::format("{}-{}", cores[first], cores[last]);
    first = last + 1;
  }
  return text.empty() ? "unknown" : text;
}

int64_t peak_resident_bytes() { return kibibytes("/proc/self/status", "VmHWM"); }

int64_t resident_bytes() { return kibibytes("/proc/self/status", "VmRSS"); }

int64_t available_memory_bytes() {
  int64_t available = kibibytes("/proc/meminfo", "MemAvailable");
  for (const std::string& folder : memory_groups()) {
    // "max", and version 1's huge number, mean no limit
    const int64_t limit =
        std::max(number_in(folder + "/memory.max"), number_in(folder + "/memory.limit_in_bytes"));
    const int64_t used = std::max(number_in(folder + "/memory.current"),
                                  number_in(folder + "/memory.usage_in_bytes"));
    if (limit > 0) available = std::min(available, std::max<int64_t>(0, limit - used));
  }
  return available;
}

int64_t out_of_memory_kills() {
  int64_t kills = whole_number(proc_field("/proc/vmstat", "oom_kill "));
  for (const std::string& folder : memory_groups()) {
    kills += whole_number(proc_field((folder + "/memory.events").c_str(), "oom_kill "));
    kills += whole_number(proc_field((folder + "/memory.oom_control").c_str(), "oom_kill "));
  }
  return kills;
}

CoreSeconds core_seconds() {
  CoreSeconds seconds;
  std::set<std::string> ours;
  for (const int core : affinity_cores()) ours.insert(fmt::format("cpu{}", core));
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string name;
    fields >> name;
    if (!ours.contains(name)) continue;
    double user = 0, nice = 0, system = 0, idle = 0, waiting = 0, irq = 0, soft = 0, stolen = 0;
    fields >> user >> nice >> system >> idle >> waiting >> irq >> soft >> stolen;
    seconds.all += user + nice + system + irq + soft + stolen;
  }
  seconds.all /= static_cast<double>(sysconf(_SC_CLK_TCK));
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  for (const timeval& time : {usage.ru_utime, usage.ru_stime}) {
    seconds.own += static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  }
  return seconds;
}

std::string utc_time() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

}  // namespace lengthwise
