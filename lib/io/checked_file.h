// The way into a file of ours that may have come to harm.
#pragma once
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lengthwise {

/// UserError: "path: found ..., expected ...".
[[noreturn]] void refuse_file(const std::filesystem::path& path, std::string_view found,
                              std::string_view expected);

/// UserError as above: what is missing, no regular file, empty, or not to be read.
void refuse_what_is_no_file(const std::filesystem::path& path, std::string_view expected);

struct CheckedFile {
  bool sealed = false;
  std::vector<std::byte> bytes;
};

/// Of an HDF5 file with a seal, the contents that were checked against it: this process may decode
/// them. Of one without, what `pack` makes of its bytes in a process of its own (decode, check,
/// turn into plain bytes; its UserErrors are thrown here). UserError names the path where it is
/// missing, not HDF5 or damaged, and says what kind of file was expected.
CheckedFile read_checked(
    const std::filesystem::path& path, std::string_view expected,
    const std::function<std::vector<std::byte>(std::span<const std::byte>)>& pack);

/// A file that is held open: another that takes its name is not it.
class OpenFile {
 public:
  explicit OpenFile(const std::filesystem::path& path);
  ~OpenFile();
  OpenFile(OpenFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  size_t size() const;
  /// What was read from `begin` on, a part of `room` at the end of the file or where the disk
  /// fails.
  std::span<const std::byte> read(size_t begin, std::span<std::byte> room) const;
  /// By which this process can open it again.
  std::string path() const;

 private:
  int descriptor_;
};

/// Of a file with a seal that may be larger than memory: checked a piece at a time, and to be read
/// by its `path()`. Nobody of ours writes to a file that has a name. Nothing of one without a seal;
/// UserError as read_checked.
std::optional<OpenFile> open_checked(const std::filesystem::path& path, std::string_view expected);

/// Of a file that nobody but this program writes: the contents that its seal vouches for. One
/// without a seal is refused before more than its end is read.
std::vector<std::byte> read_sealed(const std::filesystem::path& path, std::string_view expected);

}  // namespace lengthwise
