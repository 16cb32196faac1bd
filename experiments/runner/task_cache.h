#pragma once
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/memory.h"
#include "experiments/runner/run_config.h"

namespace lengthwise {

/// Makes each task once, however many runs share it: a text is read once.
class TaskCache {
 public:
  const Task& get(const RunConfig& config) { return *find(config).task; }
  /// What the task itself holds in the ledger, as the text that it reads.
  int64_t held_bytes(const RunConfig& config) { return find(config).bytes; }

 private:
  struct Entry {
    std::unique_ptr<Task> task;
    int64_t bytes = 0;
  };

  Entry& find(const RunConfig& config) {
    Entry& entry = tasks_[{config.run.task, config.task_options}];
    if (!entry.task) {
      const int64_t before = MemoryLedger::instance().use().live_bytes;
      entry.task = config.make_task();
      entry.bytes = MemoryLedger::instance().use().live_bytes - before;
    }
    return entry;
  }

  std::map<std::pair<std::string, OptionValues>, Entry> tasks_;
};

}  // namespace lengthwise
