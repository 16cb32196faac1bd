#include "experiments/runner/sweep.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <deque>
#include <iostream>
#include <list>
#include <map>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/machine.h"
#include "build_info.h"
#include "experiments/runner/child_process.h"
#include "experiments/runner/claim.h"
#include "experiments/runner/grid.h"
#include "experiments/runner/match.h"
#include "experiments/runner/progress_line.h"
#include "experiments/runner/remaining_time.h"
#include "experiments/runner/results_folder.h"
#include "experiments/runner/shard.h"
#include "experiments/runner/stop_signal.h"
#include "experiments/runner/units.h"
#include "experiments/runner/worker.h"
#include "experiments/runner/worker_end.h"
#include "experiments/runner/worker_order.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr double kGraceSeconds = 30;  // for a worker that was asked to stop

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A file under this name that is another file than before has another stamp, whatever the clock.
std::pair<ino_t, int64_t> stamp(const fs::path& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return {0, 0};
  return {status.st_ino, status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
}

// The cores of this process in as many groups as there are jobs.
std::vector<std::vector<int>> core_groups(int jobs) {
  const std::vector<int> cores = affinity_cores();
  if (jobs == 1) return {{}};
  if (static_cast<size_t>(jobs) > cores.size()) {
    user_error("jobs: found {}, expected at most {}, the cores that this process may use", jobs,
               cores.size());
  }
  std::vector<std::vector<int>> groups(static_cast<size_t>(jobs));
  for (size_t i = 0; i < cores.size(); ++i)
    groups[i * groups.size() / cores.size()].push_back(cores[i]);
  return groups;
}

class Runner {
 public:
  explicit Runner(const SweepConfig& config)
      : config_(config),
        grid_(config),
        folder_(config.results),
        weights_(run_weights(grid_)),
        remaining_(weights_, config.runner.jobs),
        free_cores_(core_groups(config.runner.jobs)) {
    const Shard& shard = config.runner.shard;
    for (const size_t run : runs_of_shard(weights_, shard)) fresh_.push_back(run);
    of_this_runner_ = fresh_.size();
    std::vector<bool> is_own(grid_.runs().size(), false);
    for (const size_t run : fresh_) is_own[run] = true;
    for (size_t run = 0; run < is_own.size(); ++run) {
      if (!is_own[run]) remaining_.skipped(run);
    }
  }

  int run();

 private:
  struct Active {
    size_t run;
    Claim claim;
    Child child;
    std::string heading;
    std::vector<int> cores;
    Clock::time_point start;
    int64_t kills_before;
    bool was_killed = false;  // by us
  };

  const PlannedRun& planned(size_t run) const { return grid_.runs()[run]; }
  void say_refused() const;
  bool is_stopping() const { return stopping_since_.has_value(); }
  void begin_stop(int signal_number);

  void start_more();
  bool is_done(size_t run);
  void start(size_t run, Claim claim);
  void spawn(size_t run, Claim claim);
  void wait_for_something();
  void watch_the_clock();
  void update(const Active& active, const std::string& text) const;
  void ended(Active& active, const ChildEnd& end);
  RunConfig config_of(const PlannedRun& plan) const;
  void write_end(size_t run, const RunEnd& end);
  void count(size_t run, const RecordedEnd& end, const std::string& heading, double seconds);
  int summary();

  const SweepConfig& config_;
  const Grid grid_;
  const ResultsFolder folder_;
  const ProgressLine line_;
  const std::vector<RunWeight> weights_;  // of every run of the grid
  RemainingTime remaining_;
  std::vector<std::vector<int>> free_cores_;
  std::deque<size_t> fresh_, claimed_elsewhere_;
  std::list<Active> active_;
  std::map<size_t, int> attempts_;                            // that others ended
  std::map<size_t, std::pair<ino_t, int64_t>> before_retry_;  // of files to be written anew
  std::optional<Clock::time_point> stopping_since_;
  bool cannot_write_ = false;
  size_t of_this_runner_ = 0, were_there_ = 0, were_stale_ = 0, done_now_ = 0;
  StatusCounts ends_;
};

int Runner::run() {
  folder_.make();
  say_refused();
  while (true) {
    if (!is_stopping()) start_more();
    const bool waits = !is_stopping() && (!fresh_.empty() || !claimed_elsewhere_.empty());
    if (active_.empty() && !waits) break;
    wait_for_something();
    watch_the_clock();
  }
  return summary();
}

void Runner::say_refused() const {
  std::set<std::string> reasons;
  for (const PlannedRun& run : grid_.runs()) {
    if (run.refused.empty() || !reasons.insert(run.refused).second) continue;
    const RunConfig config = grid_.config(run);
    fmt::print(stderr, "refused: {} with {}: {}\n", config.run.attention, config.run.position,
               run.refused);
  }
}

// Ends the runs under way, with a checkpoint of what they reached.
void Runner::begin_stop(int signal_number) {
  if (!stopping_since_) stopping_since_ = Clock::now();
  for (Active& active : active_) active.child.signal(signal_number);
}

bool Runner::is_done(size_t run) {
  const uint64_t id = planned(run).id;
  const auto before = before_retry_.find(run);
  if (before != before_retry_.end() && stamp(folder_.run(id)) == before->second) return false;
  const auto found = find_end(folder_, id);
  if (!found) return false;
  if (before == before_retry_.end() && config_.runner.retry.contains(found->status)) {
    before_retry_[run] = stamp(folder_.run(id));
    return false;
  }
  ++were_there_;
  were_stale_ += found->commit == kCommit ? 0 : 1;
  remaining_.skipped(run);
  ++ends_[found->status];
  return true;
}

// Claims what nobody else works on. What others have claimed is looked at again when all else is
// under way: they may have ended without finishing it.
void Runner::start_more() {
  while (!fresh_.empty() && !free_cores_.empty() && !is_stopping()) {
    const size_t run = fresh_.front();
    fresh_.pop_front();
    if (is_done(run)) continue;
    std::optional<Claim> claim = try_claim(folder_.runs(), planned(run).id);
    if (!claim) {
      claimed_elsewhere_.push_back(run);
    } else if (!is_done(run)) {  // others may have finished it a moment ago
      start(run, std::move(*claim));
    }
  }
  if (fresh_.empty() && !free_cores_.empty()) std::swap(fresh_, claimed_elsewhere_);
}

void Runner::start(size_t run, Claim claim) {
  if (planned(run).refused.empty()) {
    spawn(run, std::move(claim));
  } else {
    write_end(run, {.status = RunStatus::refused, .reason = planned(run).refused});
    remaining_.skipped(run);
    ++ends_[RunStatus::refused];
    ++done_now_;
  }
}

void Runner::spawn(size_t run, Claim claim) {
  const RunConfig config = grid_.config(planned(run));
  WorkerOrder order{.id = planned(run).id,
                    .data_hash = planned(run).data_hash,
                    .results = config_.results,
                    .memory_limit_bytes = run_memory_limit_bytes(config_.runner),
                    .time_limit_seconds = config_.runner.time_limit_seconds,
                    .checkpoint_seconds = config_.runner.checkpoint_seconds,
                    .cores = free_cores_.back(),
                    .shares_machine = config_.runner.jobs > 1,
                    .parent = getpid()};
  for (const auto& [key, value] : config.resolved) {
    // An empty value is the default of a list, which the grammar does not spell.
    if (!value.empty()) order.values.emplace(key, value);
  }
  Child child({"worker", to_json(order)}, claim.descriptor());
  active_.push_back(
      {.run = run,
       .claim = std::move(claim),
       .child = std::move(child),
       .heading = fmt::format("[{}/{}] {}", run + 1, grid_.runs().size(), grid_.label(config)),
       .cores = free_cores_.back(),
       .start = Clock::now(),
       .kills_before = out_of_memory_kills()});
  free_cores_.pop_back();
  update(active_.back(), "");
}

void Runner::wait_for_something() {
  std::vector<pollfd> waited = {{stop_descriptor(), POLLIN, 0}};
  for (const Active& active : active_) waited.push_back({active.child.output(), POLLIN, 0});
  const bool must_look =
      !free_cores_.empty() || is_stopping() || config_.runner.time_limit_seconds > 0;
  if (poll(waited.data(), waited.size(), must_look ? 200 : -1) < 0) return;
  if (waited[0].revents != 0) {
    char byte = 0;
    while (read(stop_descriptor(), &byte, 1) > 0) {
    }
    begin_stop(stops_requested() > 1 ? SIGKILL : SIGTERM);
  }
  size_t place = 0;
  for (auto active = active_.begin(); active != active_.end();) {
    std::optional<ChildEnd> end;
    if (waited[++place].revents != 0) {
      end = active->child.read([&](const std::string& text) { update(*active, text); });
    }
    if (end) {
      ended(*active, *end);
      active = active_.erase(active);
    } else {
      ++active;
    }
  }
}

void Runner::update(const Active& active, const std::string& text) const {
  const std::string left = remaining_.text();
  // first, as a narrow terminal cuts the rest
  line_.update(fmt::format("{}{}{}", left.empty() ? "" : fmt::format("({}) ", left), active.heading,
                           text.empty() ? "" : "  " + text));
}

// A worker that sees neither its time limit nor that it should stop is killed.
void Runner::watch_the_clock() {
  const double limit = config_.runner.time_limit_seconds;
  for (Active& active : active_) {
    const bool late = limit > 0 && seconds_since(active.start) > 1.1 * limit + 5;
    const bool lingers = is_stopping() && seconds_since(*stopping_since_) > kGraceSeconds;
    if (!late && !lingers) continue;
    active.was_killed = late;
    active.child.signal(SIGKILL);
  }
}

void Runner::ended(Active& active, const ChildEnd& end) {
  const size_t run = active.run;
  free_cores_.push_back(active.cores);
  const double seconds = seconds_since(active.start);
  const Consequence consequence = consequence_of(
      {.child = end,
       .killed_after_seconds = active.was_killed ? config_.runner.time_limit_seconds : 0,
       .kernel_killed = end.signal == SIGKILL && out_of_memory_kills() > active.kills_before,
       .is_stopping = is_stopping(),
       .ended_by_others_before = attempts_[run]});
  switch (consequence.next) {
    case NextStep::leave:
      return;
    case NextStep::give_up:
      cannot_write_ = true;
      begin_stop(SIGTERM);
      return;
    case NextStep::start_again:
      fresh_.push_front(run);
      if (end.signal == 0) return;
      ++attempts_[run];
      line_.finish(fmt::format("{}  stopped by {} from elsewhere, starting again", active.heading,
                               signal_name(end.signal)));
      return;
    case NextStep::count:
      if (consequence.in_its_place) write_end(run, *consequence.in_its_place);
      const auto found = find_end(folder_, planned(run).id);
      check(found.has_value(), "a worker ended well without a record: " + active.heading);
      count(run, *found, active.heading, seconds);
  }
}

// As the worker would have recorded it.
RunConfig Runner::config_of(const PlannedRun& plan) const {
  RunConfig config = grid_.config(plan);
  return plan.refused.empty() ? matched(std::move(config)) : config;
}

// In the place of a worker that could not: with the cost, if it had been measured.
void Runner::write_end(size_t run, const RunEnd& end) {
  const PlannedRun& plan = planned(run);
  const fs::path cost = folder_.cost(plan.id);
  std::optional<Table> record;
  try {
    if (fs::exists(cost)) record = with_end(read_table(cost), end);
  } catch (const UserError& error) {
    line_.finish(fmt::format("{}; recorded without", error.what()));
  }
  if (!record) record = record_table(config_of(plan), plan.id, plan.data_hash, end, {});
  write_table(folder_.run(plan.id), *record);
  std::error_code error;
  fs::remove(cost, error);
}

void Runner::count(size_t run, const RecordedEnd& end, const std::string& heading, double seconds) {
  before_retry_.erase(run);
  attempts_.erase(run);
  ++done_now_;
  ++ends_[end.status];
  std::string how;
  if (end.status == RunStatus::ok) {
    remaining_.ended(run, seconds);
  } else {
    remaining_.skipped(run);
    const auto tone = end.status == RunStatus::crashed ? ProgressLine::Tone::failure
                                                       : ProgressLine::Tone::caution;
    how = fmt::format("  {}: {}", line_.toned(std::string(run_status_name(end.status)), tone),
                      end.reason);
  }
  line_.finish(fmt::format("{}{}  {}{}", heading, how, seconds_text(seconds),
                           end.machine_loaded ? "  (timed beside other work)" : ""));
  if (end.status == RunStatus::crashed && config_.runner.fail_fast) begin_stop(SIGTERM);
}

int Runner::summary() {
  const std::string by_status = by_status_text(ends_);
  const bool is_shard = config_.runner.shard.count > 1;
  std::string merged;
  if (!is_shard && !cannot_write_ && !ends_.empty()) {
    // In a process of its own: this one's memory does not grow with the number of runs.
    std::vector<std::string> arguments = config_.arguments;
    arguments.insert(arguments.begin(), "merge");
    if (!config_.json) arguments.emplace_back("--json");
    const ChildEnd end = run_child(arguments, [](const std::string&) {});
    if (end.exit_code != 0) return 2;
    merged = folder_.merged(config_.name).string();
  }
  const size_t missing = of_this_runner_ - were_there_ - done_now_;
  fmt::print(stderr, "{} runs: {} done now, {} were there{}{}{}{}\n", of_this_runner_, done_now_,
             were_there_,
             were_stale_ > 0 ? fmt::format(", {} of them from another commit", were_stale_) : "",
             missing > 0 ? fmt::format(", {} missing", missing) : "",
             by_status.empty() ? "" : fmt::format(" ({})", by_status),
             !merged.empty() ? fmt::format("; {} holds this sweep's rows", merged)
             : is_shard      ? "; a part: `lengthwise merge` puts the rows together"
                             : "");
  if (stops_requested() > 0 && missing > 0) {
    fmt::print(
        stderr,
        "stopped: the same command goes on from here, trainings from their last checkpoint\n");
  }
  if (config_.json) {
    const nlohmann::json json = {{"results", merged},
                                 {"runs", of_this_runner_},
                                 {"done_now", done_now_},
                                 {"already_there", were_there_},
                                 {"stale", were_stale_},
                                 {"missing", missing},
                                 {"statuses", by_status_json(ends_)}};
    std::cout << json.dump(2) << "\n";
  }
  if (cannot_write_) return 2;
  if (stops_requested() > 0 && missing > 0) return kExitInterrupted;
  return ends_.contains(RunStatus::crashed) ? 1 : 0;
}

}  // namespace

int run_sweep(const SweepConfig& config) {
  catch_stop_signals();
  return Runner(config).run();
}

}  // namespace lengthwise
