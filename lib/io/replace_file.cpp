#include "io/replace_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/system_calls.h"

namespace lengthwise {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int number() const { return number_; }
  bool close() { return ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

bool write_file(const std::filesystem::path& path, std::span<const std::byte> contents) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  // close reports what some network file systems only find out then
  return file.number() >= 0 && write_all(file.number(), contents) && ::fsync(file.number()) == 0 &&
         file.close();
}

bool sync_folder(const std::filesystem::path& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.number() < 0) return errno == EACCES;          // may be written to and not listed
  return ::fsync(opened.number()) == 0 || errno == EINVAL;  // not every file system can
}

[[noreturn]] void cannot_write(const std::filesystem::path& path, int error) {
  user_error("{}: cannot be written: found '{}', expected a file in a folder that can be written",
             path.string(), std::generic_category().message(error));
}

}  // namespace

void replace_file(const std::filesystem::path& path, std::span<const std::byte> contents) {
  std::filesystem::path unfinished = path;
  unfinished += ".tmp";
  if (!write_file(unfinished, contents) || ::rename(unfinished.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(unfinished.c_str());
    cannot_write(path, error);
  }
  sync_folder_of(path);
}

void sync_folder_of(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  if (!sync_folder(folder)) cannot_write(path, errno);
}

}  // namespace lengthwise
