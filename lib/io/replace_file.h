#pragma once
#include <cstddef>
#include <filesystem>
#include <span>

namespace lengthwise {

/// Writes path + ".tmp", fsyncs it, renames it to path and fsyncs the folder: whatever happens,
/// path is either the old file or the whole new one. UserError names the path and the reason.
void replace_file(const std::filesystem::path& path, std::span<const std::byte> contents);

/// The entry of `path` in its folder is on the disk from now on. UserError as above.
void sync_folder_of(const std::filesystem::path& path);

}  // namespace lengthwise
