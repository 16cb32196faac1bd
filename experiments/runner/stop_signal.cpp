#include "experiments/runner/stop_signal.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/check.h"

namespace lengthwise {
namespace {

volatile std::sig_atomic_t requested = 0;
std::array<int, 2> ends = {-1, -1};

void note_stop(int) {
  const int error = errno;
  requested = requested + 1;
  [[maybe_unused]] const ssize_t written = write(ends[1], "", 1);
  errno = error;
}

}  // namespace

void catch_stop_signals() {
  check(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0, "pipe2 failed");
  struct sigaction action {};
  action.sa_handler = note_stop;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

int stop_descriptor() { return ends[0]; }

int stops_requested() { return requested; }

}  // namespace lengthwise
