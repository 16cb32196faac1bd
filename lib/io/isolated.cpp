#include "io/isolated.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <optional>
#include <span>

#include "base/check.h"
#include "base/system_calls.h"

namespace lengthwise {
namespace {

// The first byte of what the child says: bytes or the text of a UserError follow.
constexpr std::byte kBytes{'b'}, kError{'e'};
constexpr int kOutOfMemory = 3, kOtherException = 4;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLimitsMemory = false;  // sanitizers map terabytes that they never touch
#elif defined(__has_feature)
constexpr bool kLimitsMemory =
    !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
constexpr bool kLimitsMemory = true;
#endif

void limit(__rlimit_resource resource, rlim_t most) {
  rlimit limits{};
  getrlimit(resource, &limits);
  limits.rlim_cur = std::min(most, limits.rlim_max);
  setrlimit(resource, &limits);
}

// What this process has mapped already stands in /proc/self/statm, in pages.
rlim_t mapped_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  unsigned long long pages = 0;
  if (file == nullptr) return 0;
  if (std::fscanf(file, "%llu", &pages) != 1) pages = 0;
  std::fclose(file);
  return pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
}

void limit_and_silence_this_process(std::chrono::seconds most) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_DUMPABLE, 0);  // no core dump, whatever takes them
  limit(RLIMIT_CPU, static_cast<rlim_t>(most.count()));
  if (kLimitsMemory) {
    const auto half = static_cast<rlim_t>(sysconf(_SC_PHYS_PAGES)) / 2;
    limit(RLIMIT_AS, mapped_bytes() + half * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)));
  }
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGPIPE}) {
    std::signal(number, SIG_DFL);
  }
  // the C library says on stderr what it finds wrong with a heap before it gives up
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0) return;
  dup2(nowhere, STDOUT_FILENO);
  dup2(nowhere, STDERR_FILENO);
}

[[noreturn]] void be_the_child(const std::function<std::vector<std::byte>()>& work,
                               std::chrono::seconds most, int output) {
  limit_and_silence_this_process(most);
  // _exit: what this process inherited is its parent's to flush, to close and to remove
  try {
    const std::vector<std::byte> bytes = work();
    write_all(output, {&kBytes, 1});
    write_all(output, bytes);
  } catch (const UserError& error) {
    const std::string_view text = error.what();
    write_all(output, {&kError, 1});
    write_all(output, std::as_bytes(std::span(text)));
  } catch (const std::bad_alloc&) {
    _exit(kOutOfMemory);
  } catch (const std::exception&) {
    _exit(kOtherException);
  }
  _exit(0);
}

// Whatever comes until the other end closes; nothing where that takes too long.
std::optional<std::vector<std::byte>> read_in_time(int input, std::chrono::seconds most) {
  const auto deadline = std::chrono::steady_clock::now() + 10 * most;
  std::vector<std::byte> bytes;
  std::array<std::byte, 1 << 16> buffer;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd ready{.fd = input, .events = POLLIN, .revents = 0};
    const int count = left.count() <= 0 ? 0 : poll(&ready, 1, static_cast<int>(left.count()));
    if (count == 0) return std::nullopt;
    const ssize_t size = count < 0 ? count : read(input, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return bytes;
    bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + size);
  }
}

std::string took_too_long(std::chrono::seconds most) {
  return fmt::format("took more than {} s", most.count());
}

std::string failure_of(int status, std::chrono::seconds most) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    return number == SIGXCPU ? took_too_long(most) : fmt::format("ended with signal {}", number);
  }
  const int code = WEXITSTATUS(status);
  if (code == 0) return "";
  return code == kOutOfMemory ? "took too much memory" : fmt::format("ended with code {}", code);
}

}  // namespace

IsolatedResult run_isolated(const std::function<std::vector<std::byte>()>& work,
                            std::chrono::seconds most) {
  std::array<int, 2> ends{};
  check(pipe2(ends.data(), O_CLOEXEC) == 0, "pipe2 failed");
  const pid_t child = fork();
  check(child >= 0, "fork failed");
  if (child == 0) be_the_child(work, most, ends[1]);
  close(ends[1]);
  std::optional<std::vector<std::byte>> said = read_in_time(ends[0], most);
  close(ends[0]);
  if (!said) {
    kill(child, SIGKILL);
    wait_for(child);
    return {{}, took_too_long(most)};
  }
  const std::string failure = failure_of(wait_for(child), most);
  if (!failure.empty()) return {{}, failure};
  check(!said->empty(), "the other process said nothing");
  const std::byte kind = said->front();
  said->erase(said->begin());
  if (kind == kError) {
    throw UserError(std::string(reinterpret_cast<const char*>(said->data()), said->size()));
  }
  return {std::move(*said), ""};
}

}  // namespace lengthwise
