// The way into a file of ours that may have come to harm.
#pragma once
#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace lengthwise {

/// UserError: "path: found ..., expected ...".
[[noreturn]] void refuse_file(const std::filesystem::path& path, std::string_view found,
                              std::string_view expected);

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

/// Of a file that nobody but this program writes: the contents that its seal vouches for. One
/// without a seal is refused before more than its end is read.
std::vector<std::byte> read_sealed(const std::filesystem::path& path, std::string_view expected);

}  // namespace lengthwise
