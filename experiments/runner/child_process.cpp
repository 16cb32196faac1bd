#include "experiments/runner/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/check.h"

namespace lengthwise {
namespace {

void check_call(int error, const char* what) {
  check(error == 0, fmt::format("{}: {}", what, std::strerror(error)));
}

pid_t spawn_self(const std::vector<std::string>& arguments, int output) {
  std::vector<std::string> copies = {"lengthwise"};
  copies.insert(copies.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& argument : copies) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  check_call(posix_spawn_file_actions_init(&actions), "posix_spawn_file_actions_init");
  check_call(posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0), "addopen");
  check_call(posix_spawn_file_actions_adddup2(&actions, output, 1), "adddup2");
  pid_t child = 0;
  const int error =
      posix_spawn(&child, "/proc/self/exe", &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  check_call(error, "posix_spawn of this program");
  return child;
}

void each_line(int input, const std::function<void(const std::string&)>& on_line) {
  std::string pending;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t n = read(input, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    pending.append(buffer.data(), static_cast<size_t>(n));
    for (size_t end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
      on_line(pending.substr(0, end));
      pending.erase(0, end + 1);
    }
  }
}

}  // namespace

ChildEnd run_child(const std::vector<std::string>& arguments,
                   const std::function<void(const std::string&)>& on_line) {
  std::array<int, 2> ends{};
  check(pipe2(ends.data(), O_CLOEXEC) == 0, "pipe2 failed");
  const pid_t child = spawn_self(arguments, ends[1]);
  close(ends[1]);
  each_line(ends[0], on_line);
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) return {.exit_code = -1, .signal = WTERMSIG(status)};
  return {.exit_code = WEXITSTATUS(status), .signal = 0};
}

void die_with_parent() { prctl(PR_SET_PDEATHSIG, SIGKILL); }

}  // namespace lengthwise
