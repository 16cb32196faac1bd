#include "experiments/runner/claim.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/check.h"

namespace lengthwise {
namespace {

constexpr const char* kFile = "claims";

[[noreturn]] void cannot_lock(const std::filesystem::path& path, int error) {
  user_error("{}: cannot be locked: found '{}', expected a file system with locks", path.string(),
             std::generic_category().message(error));
}

int open_claims(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) cannot_lock(path, errno);
  return descriptor;
}

// Locks of an open file description, unlike those of a process, pass on to a child and do not
// end when some other descriptor of the file is closed.
bool lock_byte(int descriptor, off_t byte, int command) {
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = byte;
  range.l_len = 1;
  int result = -1;
  do {
    result = ::fcntl(descriptor, command, &range);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

// Byte 0 is for merging. Two runs that share a byte would only wait for each other.
off_t byte_of(uint64_t run) { return 1 + static_cast<off_t>(run >> 2U); }

}  // namespace

Claim::Claim(Claim&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

Claim::~Claim() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::optional<Claim> try_claim(const std::filesystem::path& folder, uint64_t run) {
  const std::filesystem::path path = folder / kFile;
  Claim claim(open_claims(path));
  if (lock_byte(claim.descriptor(), byte_of(run), F_OFD_SETLK)) return claim;
  if (errno == EAGAIN || errno == EACCES) return std::nullopt;
  cannot_lock(path, errno);
}

Claim claim_merging(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kFile;
  Claim claim(open_claims(path));
  if (!lock_byte(claim.descriptor(), 0, F_OFD_SETLKW)) cannot_lock(path, errno);
  return claim;
}

}  // namespace lengthwise
