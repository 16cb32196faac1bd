#include "experiments/runner/runner_options.h"

#include <array>
#include <cstdlib>

#include "base/check.h"
#include "base/machine.h"
#include "base/options.h"
#include "experiments/runner/units.h"

namespace lengthwise {
namespace {

constexpr int kMostShards = 100'000;

Shard parse_shard(std::string_view key, std::string_view text) {
  const size_t slash = text.find('/');
  try {
    if (slash != std::string_view::npos) {
      const auto count = parse_integer(key, text.substr(slash + 1), {1, kMostShards});
      const auto index = parse_integer(key, text.substr(0, slash), {1, count});
      return {static_cast<int>(index), static_cast<int>(count)};
    }
  } catch (const UserError&) {
  }
  user_error("{}: found '{}', expected i/n with 1 <= i <= n <= {}, as in 2/4", key, text,
             kMostShards);
}

std::set<RunStatus> parse_statuses(std::string_view key, std::string_view text) {
  std::set<RunStatus> statuses;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('+', begin), text.size());
    statuses.insert(parse_run_status(key, text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return statuses;
}

}  // namespace

std::span<const RunnerOptionInfo> runner_option_infos() {
  static constexpr std::array<RunnerOptionInfo, 8> kInfos = {{
      {"memory-limit", "of a run's buffers, as in 2GiB; else nine tenths of what is free", false},
      {"time-limit", "of a run, as in 90s, 15m or 2h; else none", false},
      {"checkpoint-every", "time between two checkpoints of a training (60s)", false},
      {"jobs", "runs at a time, on cores of their own; marks their timings as shared (1)", false},
      {"keep-going", "go on after a crash (the default)", true},
      {"fail-fast", "stop at the first crash", true},
      {"retry", "run again what ended so: crashed, timed_out, out_of_memory ...; + joins", false},
      {"shard", "i/n: the i-th of n parts of like cost; else Slurm's array task, or all", false},
  }};
  return kInfos;
}

void set_runner_option(RunnerOptions& options, std::string_view name, std::string_view value) {
  if (name == "memory-limit") {
    options.memory_limit_bytes = parse_bytes(name, value);
  } else if (name == "time-limit") {
    options.time_limit_seconds = parse_seconds(name, value);
  } else if (name == "checkpoint-every") {
    options.checkpoint_seconds = parse_seconds(name, value);
  } else if (name == "jobs") {
    options.jobs = static_cast<int>(parse_integer(name, value, {1, 4096}));
  } else if (name == "keep-going") {
    options.fail_fast = false;
  } else if (name == "fail-fast") {
    options.fail_fast = true;
  } else if (name == "retry") {
    options.retry = parse_statuses(name, value);
  } else if (name == "shard") {
    options.shard = parse_shard(name, value);
    options.shard_was_given = true;
  } else {
    check(false, fmt::format("'{}' is no option of the runner", name));
  }
}

int64_t run_memory_limit_bytes(const RunnerOptions& options) {
  return options.memory_limit_bytes > 0 ? options.memory_limit_bytes
                                        : available_memory_bytes() / 10 * 9 / options.jobs;
}

void read_slurm_shard(RunnerOptions& options) {
  const char* id = std::getenv("SLURM_ARRAY_TASK_ID");
  if (options.shard_was_given || id == nullptr) return;
  const auto number = [](const char* name, int64_t otherwise, int64_t least) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : parse_integer(name, text, {least, kMostShards});
  };
  const int64_t task = number("SLURM_ARRAY_TASK_ID", 0, 0);
  const int64_t first = number("SLURM_ARRAY_TASK_MIN", task, 0);
  const int64_t step = number("SLURM_ARRAY_TASK_STEP", 1, 1);
  const int64_t count = number("SLURM_ARRAY_TASK_COUNT", 1, 1);
  const int64_t index = (task - first) / step + 1;
  if (task < first || index > count) {
    // As in --array=1,4,5: the tasks are no progression, so each takes the whole and claims divide
    // it.
    options.shard = {};
  } else {
    options.shard = {static_cast<int>(index), static_cast<int>(count)};
  }
  options.shard_was_given = true;
}

}  // namespace lengthwise
