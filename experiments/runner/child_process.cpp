#include "experiments/runner/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/system_calls.h"

namespace lengthwise {
namespace {

void check_call(int error, const char* what) {
  check(error == 0, fmt::format("{}: {}", what, std::strerror(error)));
}

pid_t spawn_self(const std::vector<std::string>& arguments, int output, int inherited) {
  std::vector<std::string> copies = {"lengthwise"};
  copies.insert(copies.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& argument : copies) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  // OpenBLAS, which we call from one thread at a time, starts a thread for every core as it is
  // loaded; they would spin beside the run's first measurements.
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  posix_spawn_file_actions_t actions;
  check_call(posix_spawn_file_actions_init(&actions), "posix_spawn_file_actions_init");
  check_call(posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0), "addopen");
  check_call(posix_spawn_file_actions_adddup2(&actions, output, 1), "adddup2");
  if (inherited >= 0) {
    // Onto itself: that alone clears the descriptor's close-on-exec flag in the child.
    check_call(posix_spawn_file_actions_adddup2(&actions, inherited, inherited), "adddup2");
  }
  pid_t child = 0;
  const int error =
      posix_spawn(&child, "/proc/self/exe", &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  check_call(error, "posix_spawn of this program");
  return child;
}

ChildEnd end_of(pid_t child) {
  const int status = wait_for(child);
  if (WIFSIGNALED(status)) return {.exit_code = -1, .signal = WTERMSIG(status)};
  return {.exit_code = WEXITSTATUS(status), .signal = 0};
}

}  // namespace

Child::Child(const std::vector<std::string>& arguments, int inherited) {
  std::array<int, 2> ends{};
  check(pipe2(ends.data(), O_CLOEXEC) == 0, "pipe2 failed");
  output_ = ends[0];
  pid_ = spawn_self(arguments, ends[1], inherited);
  close(ends[1]);
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      output_(std::exchange(other.output_, -1)),
      pending_(std::move(other.pending_)) {}

Child::~Child() {
  if (output_ >= 0) close(output_);
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    wait_for(pid_);
  }
}

std::optional<ChildEnd> Child::read(const std::function<void(const std::string&)>& on_line) {
  std::array<char, 4096> buffer{};
  const ssize_t n = ::read(output_, buffer.data(), buffer.size());
  if (n < 0 && errno == EINTR) return std::nullopt;
  if (n <= 0) return end_of(std::exchange(pid_, 0));
  pending_.append(buffer.data(), static_cast<size_t>(n));
  for (size_t end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n')) {
    on_line(pending_.substr(0, end));
    pending_.erase(0, end + 1);
  }
  return std::nullopt;
}

void Child::signal(int number) const {
  if (pid_ > 0) kill(pid_, number);
}

ChildEnd run_child(const std::vector<std::string>& arguments,
                   const std::function<void(const std::string&)>& on_line) {
  Child child(arguments, -1);
  while (true) {
    if (const std::optional<ChildEnd> end = child.read(on_line)) return *end;
  }
}

bool die_with_parent(int64_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // It may have died before that call.
  return getppid() == parent;
}

std::string signal_name(int number) {
  const char* name = sigabbrev_np(number);
  return name == nullptr ? fmt::format("signal {}", number) : fmt::format("SIG{}", name);
}

}  // namespace lengthwise
