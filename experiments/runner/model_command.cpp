#include "experiments/runner/model_command.h"

#include <fmt/format.h>

#include <new>

#include "base/check.h"
#include "base/parallel.h"
#include "experiments/runner/runner_options.h"
#include "experiments/runner/units.h"

namespace lengthwise {

void run_on_model(const std::string& command, int64_t threads, const std::string& expected,
                  const std::function<void()>& work) {
  try {
    set_thread_count(static_cast<int>(threads));
    MemoryLedger::instance().set_limit_bytes(run_memory_limit_bytes({}));
    work();
  } catch (const OutOfMemory& error) {
    user_error("{}: out of memory: {}; expected {}", command, memory_text(error), expected);
  } catch (const std::bad_alloc&) {
    user_error("{}: the system gave no more memory; expected {}", command, expected);
  }
}

nlohmann::json model_json(const std::string& checkpoint, const SavedModel& saved) {
  return {{"checkpoint", checkpoint},
          {"run_id", saved.run_id},
          {"commit", saved.commit},
          {"steps", saved.steps},
          {"config", saved.config.text()}};
}

void print_json(const nlohmann::json& json) {
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace lengthwise
