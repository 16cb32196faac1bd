#include "experiments/runner/worker.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <new>

#include "base/check.h"
#include "base/machine.h"
#include "build_info.h"
#include "experiments/runner/child_process.h"
#include "experiments/runner/grid.h"
#include "experiments/runner/match.h"
#include "experiments/runner/results_folder.h"
#include "experiments/runner/stop_signal.h"
#include "experiments/runner/units.h"
#include "experiments/runner/worker_order.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Under want of memory the kernel should take the worker, which is recorded, not the runner.
void offer_oneself_to_the_kernel() { std::ofstream("/proc/self/oom_score_adj") << 1000; }

class Interrupted : public std::exception {};
class TimedOut : public std::exception {};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Worker {
 public:
  explicit Worker(WorkerOrder order)
      : order_(std::move(order)),
        folder_(order_.results),
        config_(resolve_run(order_.values)),
        last_saved_(start_) {
    end_.shares_machine = order_.shares_machine;
  }

  int run() {
    const bool measures = !find_cost();
    try {
      config_ = matched(config_);
      execute_run(config_, hooks(), measures, result_);
      end_.status = RunStatus::ok;
      for (const auto& [what, training] :
           {std::pair{"", &result_.training}, std::pair{"tuning, ", &result_.tuning}}) {
        if (!training->diverged) continue;
        end_.status = RunStatus::diverged;
        end_.reason =
            fmt::format("{}loss or gradient not finite at step {}", what, training->steps + 1);
      }
    } catch (const Interrupted&) {
      return kExitInterrupted;
    } catch (const TimedOut&) {
      end_.status = RunStatus::timed_out;
      end_.reason = fmt::format("after {:.6g} s", order_.time_limit_seconds);
    } catch (const OutOfMemory& error) {
      end_.status = RunStatus::out_of_memory;
      end_.reason = memory_text(error);
    } catch (const std::bad_alloc&) {
      end_.status = RunStatus::out_of_memory;
      end_.reason = "the system gave no more memory";
    } catch (const std::exception& error) {
      end_.status = RunStatus::crashed;
      end_.reason = error.what();
    }
    write_record();
    return 0;
  }

 private:
  RunHooks hooks() {
    return {.progress =
                [](const std::string& text) {
                  fmt::print("{}\n", text);
                  std::fflush(stdout);
                },
            .between = [this] { stop_if_asked(); },
            .cost_is_known = [this] { keep_cost(); },
            .training_begins = [this](Training& training) { resume(training); },
            .step_done = [this](const Training& training) { after_step(training); },
            .restore_best =
                [this](Transformer& model) {
                  restore_weights(model, read_archive(folder_.best_checkpoint(order_.id)));
                },
            .tuning_ends = [this](const Transformer& model) { save_tuned(model); }};
  }

  void stop_if_asked() const {
    if (stops_requested() > 0) throw Interrupted();
    if (is_late()) throw TimedOut();
  }

  bool is_late() const {
    return order_.time_limit_seconds > 0 && seconds_since(start_) > order_.time_limit_seconds;
  }

  // The cost that an interrupted worker measured.
  bool find_cost() {
    const fs::path path = folder_.cost(order_.id);
    if (!config_.trains || !fs::exists(path)) return false;
    try {
      Table table = read_table(path);
      const RecordedEnd end = recorded_end(table);
      if (end.id != order_.id || end.commit != kCommit) return false;
      cost_ = std::move(table);
    } catch (const UserError& error) {
      fmt::print(stderr, "{}; measuring again\n", error.what());
    }
    return cost_.has_value();
  }

  void keep_cost() {
    stop_if_asked();
    if (!config_.trains) return;
    try {
      folder_.make_checkpoints();
      write_table(folder_.cost(order_.id), record());
    } catch (const UserError& error) {
      fmt::print(stderr, "{}; going on without\n", error.what());
    }
  }

  void resume(Training& training) {
    const fs::path path = folder_.last_checkpoint(order_.id);
    if (!fs::exists(path)) return;
    try {
      const Archive archive = read_archive(path);
      const auto commit = archive.texts.find("provenance/commit");
      const auto id = archive.texts.find("run_id");
      if (id == archive.texts.end() || id->second != id_text(order_.id) ||
          commit == archive.texts.end() || commit->second != kCommit) {
        fmt::print(stderr, "{}: found a checkpoint of another program or run; starting afresh\n",
                   path.string());
        return;
      }
      training.restore(archive);
      end_.resumed_steps = training.result().steps;
    } catch (const UserError& error) {
      fmt::print(stderr, "{}; starting afresh\n", error.what());
    }
  }

  void after_step(const Training& training) {
    if (training.is_best()) save(training, folder_.best_checkpoint(order_.id));
    const bool stops = stops_requested() > 0 || is_late();
    const bool due = seconds_since(last_saved_) >= order_.checkpoint_seconds;
    const bool ends = training.done() && !training.result().diverged;
    if (stops || due || ends) {
      save(training, folder_.last_checkpoint(order_.id));
      last_saved_ = Clock::now();
    }
    if (!training.done()) stop_if_asked();
  }

  void save(const Training& training, const fs::path& path) {
    Archive archive;
    training.save(archive);
    write(std::move(archive), path);
  }

  void save_tuned(const Transformer& model) {
    Archive archive;
    save_weights(model, archive);
    archive.integers["steps"] = result_.training.steps + result_.tuning.steps;
    write(std::move(archive), folder_.tuned_checkpoint(order_.id));
  }

  void write(Archive archive, const fs::path& path) {
    archive.texts["config"] = config_.text();
    archive.texts["run_id"] = id_text(order_.id);
    archive.texts["provenance/version"] = kVersion;
    archive.texts["provenance/commit"] = kCommit;
    archive.texts["provenance/compiler"] = kCompiler;
    archive.texts["provenance/host"] = host_name();
    archive.texts["provenance/time"] = utc_time();
    archive.integers["provenance/dirty"] = kDirty ? 1 : 0;
    archive.integers["vocabulary"] = result_.vocabulary;
    try {
      folder_.make_checkpoints();
      write_archive(path, archive);
    } catch (const UserError& error) {
      // The training is worth more than its checkpoint.
      if (!warned_) fmt::print(stderr, "{}; going on without checkpoints\n", error.what());
      warned_ = true;
    }
  }

  Table record() {
    result_.end_time = utc_time();
    result_.seconds = seconds_since(start_);
    Table table = record_table(config_, order_.id, order_.data_hash, end_, result_);
    return cost_ ? with_cost_of(std::move(table), *cost_) : table;
  }

  void write_record() {
    write_table(folder_.run(order_.id), record());
    std::error_code error;
    if (config_.trains) fs::remove(folder_.cost(order_.id), error);
  }

  Clock::time_point start_ = Clock::now();
  WorkerOrder order_;
  ResultsFolder folder_;
  RunConfig config_;
  RunResult result_;
  RunEnd end_;
  std::optional<Table> cost_;  // from an earlier process
  Clock::time_point last_saved_;
  bool warned_ = false;
};

}  // namespace

int run_worker(const std::vector<std::string>& arguments) {
  check_equal(arguments.size(), size_t{1}, "arguments of a worker");
  const WorkerOrder order = worker_order_from_json(arguments.front());
  if (!die_with_parent(order.parent)) return kExitInterrupted;
  catch_stop_signals();
  offer_oneself_to_the_kernel();
  if (!order.cores.empty()) keep_to_cores(order.cores);
  MemoryLedger::instance().set_limit_bytes(order.memory_limit_bytes);
  Worker worker(order);
  try {
    return worker.run();
  } catch (const UserError& error) {
    fmt::print(stderr, "lengthwise: {}\n", error.what());
    return kExitCannotWrite;
  }
}

}  // namespace lengthwise
