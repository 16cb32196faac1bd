#include "experiments/runner/worker_end.h"

#include <fmt/format.h>

#include <csignal>

#include "experiments/runner/worker.h"

namespace lengthwise {
namespace {

constexpr int kMostAttempts = 10;  // of a run whose worker others keep killing

// By somebody, rather than by a fault of its own. A worker is deaf to polite signals at first.
bool was_stopped(int signal) {
  return signal == SIGKILL || signal == SIGTERM || signal == SIGINT || signal == SIGHUP;
}

Consequence record(RunStatus status, const std::string& reason) {
  return {NextStep::count, RunEnd{.status = status, .reason = reason}};
}

}  // namespace

Consequence consequence_of(const WorkerEnd& end) {
  const auto [exit_code, signal] = end.child;
  const NextStep unfinished = end.is_stopping ? NextStep::leave : NextStep::start_again;
  if (exit_code == 0) return {};
  if (exit_code == kExitInterrupted) return {unfinished, {}};
  if (exit_code == kExitCannotWrite) return {NextStep::give_up, {}};
  if (end.killed_after_seconds > 0) {
    return record(RunStatus::timed_out, fmt::format("after {:.6g} s, in the midst of an operation",
                                                    end.killed_after_seconds));
  }
  if (end.kernel_killed) {
    return record(RunStatus::out_of_memory, "killed by the kernel");
  }
  const bool is_worth_trying = end.ended_by_others_before + 1 < kMostAttempts;
  if (was_stopped(signal) && (end.is_stopping || is_worth_trying)) return {unfinished, {}};
  return record(RunStatus::crashed,
                signal != 0 ? signal_name(signal) : fmt::format("exit code {}", exit_code));
}

}  // namespace lengthwise
