#include "tasks/user_file.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "base/check.h"
#include "base/hash.h"

namespace lengthwise {

DataVector<uint8_t> read_user_file(std::string_view key, const std::string& path,
                                   int64_t least_bytes, std::string_view expected) {
  const auto refuse = [&](std::string_view found) {
    user_error("{}: found {} at '{}', expected {}", key, found, path, expected);
  };
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) refuse("nothing");
  if (error) refuse(error.message());
  if (std::filesystem::is_directory(status)) refuse("a directory");
  if (!std::filesystem::is_regular_file(status)) refuse("a device or pipe");  // may never end
  const auto size = static_cast<int64_t>(std::filesystem::file_size(path, error));
  if (error) refuse(error.message());
  if (size == 0) refuse("an empty file");
  if (size < least_bytes) refuse(fmt::format("only {} bytes", size));

  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse(std::generic_category().message(errno));
  DataVector<uint8_t> bytes(static_cast<size_t>(size));
  file.read(reinterpret_cast<char*>(bytes.data()), size);
  if (file.gcount() != size)
    refuse(fmt::format("only {} of {} bytes to read", file.gcount(), size));
  return bytes;
}

uint64_t hash_bytes(const DataVector<uint8_t>& bytes) {
  return hash_text({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace lengthwise
