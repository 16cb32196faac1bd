// What the runner tells the process that executes a run.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/options.h"

namespace lengthwise {

struct WorkerOrder {
  OptionValues values = {};  // of the run, resolved
  uint64_t id = 0, data_hash = 0;
  std::filesystem::path results;
  int64_t memory_limit_bytes = 0;  // 0: none
  double time_limit_seconds = 0;   // 0: none
  double checkpoint_seconds = 60;
  std::vector<int> cores;  // empty: as inherited
  bool shares_machine = false;
  int64_t parent = 0;  // process that it dies with
};

std::string to_json(const WorkerOrder& order);
WorkerOrder worker_order_from_json(const std::string& text);

}  // namespace lengthwise
