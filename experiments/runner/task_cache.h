#pragma once
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "experiments/runner/run_config.h"

namespace lengthwise {

/// Makes each task once, however many runs share it: a text is read once.
class TaskCache {
 public:
  const Task& get(const RunConfig& config) {
    auto& task = tasks_[{config.run.task, config.task_options}];
    if (!task) task = config.make_task();
    return *task;
  }

 private:
  std::map<std::pair<std::string, OptionValues>, std::unique_ptr<Task>> tasks_;
};

}  // namespace lengthwise
