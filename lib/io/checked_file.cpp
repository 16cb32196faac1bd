#include "io/checked_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <hdf5.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <limits>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "io/hdf5_handle.h"
#include "io/isolated.h"
#include "io/sealed_file.h"

namespace lengthwise {
namespace {

using Contents = std::vector<std::byte>;

// What HDF5 would only call "unable to open file".
void refuse_what_is_no_hdf5(const std::filesystem::path& path, std::string_view expected) {
  refuse_what_is_no_file(path, expected);
  if (H5Fis_hdf5(path.c_str()) == 0) refuse_file(path, "a file that is not HDF5", expected);
}

Contents last_bytes(std::ifstream& file, std::streamoff most) {
  file.clear();
  file.seekg(0, std::ios::end);
  const std::streamoff size = std::max<std::streamoff>(file.tellg(), 0);
  Contents bytes(static_cast<size_t>(std::min(size, most)));
  file.seekg(size - static_cast<std::streamoff>(bytes.size()));
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

Contents all_bytes(std::ifstream& file) {
  return last_bytes(file, std::numeric_limits<std::streamoff>::max());
}

void refuse_damage(const std::filesystem::path& path, std::string_view expected,
                   const std::string& damage) {
  if (damage.empty()) return;
  refuse_file(path, fmt::format("damaged contents ({})", damage), expected);
}

Contents open_seal(const std::filesystem::path& path, std::string_view expected, Contents bytes) {
  const SealedFile sealed = open_sealed(bytes);
  refuse_damage(path, expected, sealed.damage);
  bytes.resize(sealed.contents.size());
  return bytes;
}

CheckedFile isolate(const std::filesystem::path& path, std::string_view expected,
                    std::ifstream& file,
                    const std::function<Contents(std::span<const std::byte>)>& pack) {
  const auto megabytes = static_cast<int64_t>(std::filesystem::file_size(path) >> 20);
  IsolatedResult result =
      run_isolated([&] { return pack(all_bytes(file)); }, std::chrono::seconds(2 + megabytes / 4));
  if (!result.failure.empty()) {
    refuse_file(path, fmt::format("a damaged HDF5 file (reading it {})", result.failure), expected);
  }
  return {false, std::move(result.bytes)};
}

}  // namespace

void refuse_file(const std::filesystem::path& path, std::string_view found,
                 std::string_view expected) {
  user_error("{}: found {}, expected {}", path.string(), found, expected);
}

void refuse_what_is_no_file(const std::filesystem::path& path, std::string_view expected) {
  const auto refuse = [&](std::string_view found) { refuse_file(path, found, expected); };
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) refuse("no such file");
  if (error) refuse("'" + error.message() + "'");
  if (std::filesystem::is_directory(status)) refuse("a folder");
  if (!std::filesystem::is_regular_file(status)) refuse("no regular file");
  errno = 0;
  if (!std::ifstream(path)) refuse("'" + std::generic_category().message(errno) + "'");
  if (std::filesystem::file_size(path, error) == 0) refuse("an empty file");
}

CheckedFile read_checked(
    const std::filesystem::path& path, std::string_view expected,
    const std::function<std::vector<std::byte>(std::span<const std::byte>)>& pack) {
  silence_hdf5();
  refuse_what_is_no_hdf5(path, expected);
  std::ifstream file(path, std::ios::binary);
  if (!ends_in_seal(last_bytes(file, kSealBytes))) return isolate(path, expected, file, pack);
  return {true, open_seal(path, expected, all_bytes(file))};
}

OpenFile::OpenFile(const std::filesystem::path& path)
    : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (descriptor_ < 0) {
    user_error("{}: cannot be read: {}", path.string(), std::generic_category().message(errno));
  }
}

OpenFile::~OpenFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

size_t OpenFile::size() const {
  struct stat status {};
  return fstat(descriptor_, &status) == 0 ? static_cast<size_t>(status.st_size) : 0;
}

std::span<const std::byte> OpenFile::read(size_t begin, std::span<std::byte> room) const {
  size_t held = 0;
  while (held < room.size()) {
    const ssize_t count = pread(descriptor_, room.data() + held, room.size() - held,
                                static_cast<off_t>(begin + held));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    held += static_cast<size_t>(count);
  }
  return room.first(held);
}

std::string OpenFile::path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

std::optional<OpenFile> open_checked(const std::filesystem::path& path, std::string_view expected) {
  constexpr size_t kPieceBytes = size_t{1} << 20;
  silence_hdf5();
  refuse_what_is_no_hdf5(path, expected);
  OpenFile file(path);
  const size_t contents = std::max(file.size(), kSealBytes) - kSealBytes;
  Contents room(kPieceBytes);
  std::array<std::byte, kSealBytes> seal_room{};
  const auto seal = file.read(contents, seal_room);
  if (!ends_in_seal(seal)) return std::nullopt;
  Checksum checksum(contents);
  for (size_t begin = 0; begin < contents; begin += kPieceBytes) {
    checksum.add(file.read(begin, std::span(room).first(std::min(kPieceBytes, contents - begin))));
  }
  refuse_damage(path, expected, seal_fault(seal, contents, checksum.value()));
  return file;
}

std::vector<std::byte> read_sealed(const std::filesystem::path& path, std::string_view expected) {
  silence_hdf5();
  refuse_what_is_no_hdf5(path, expected);
  std::ifstream file(path, std::ios::binary);
  if (!ends_in_seal(last_bytes(file, kSealBytes))) {
    refuse_file(path, "damaged or foreign contents", expected);
  }
  return open_seal(path, expected, all_bytes(file));
}

}  // namespace lengthwise
