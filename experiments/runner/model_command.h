// What the commands on a trained model share.
#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "experiments/runner/saved_model.h"

namespace lengthwise {

/// Does the work with so many threads (0: every core), within the memory that there is. UserError
/// of `command` where that is not enough, with what would need less.
void run_on_model(const std::string& command, int64_t threads, const std::string& expected,
                  const std::function<void()>& work);

/// Which model the answers come from.
nlohmann::json model_json(const std::string& checkpoint, const SavedModel& saved);

/// On standard output. Bytes that a model writes need not be UTF-8.
void print_json(const nlohmann::json& json);

}  // namespace lengthwise
