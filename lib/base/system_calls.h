// System calls that a signal may interrupt, called again until they are through.
#pragma once
#include <sys/types.h>

#include <cstddef>
#include <span>

namespace lengthwise {

/// False where the system refused, with its reason in errno.
bool write_all(int descriptor, std::span<const std::byte> bytes);

/// Waits for the end of a child: its status, as waitpid gives it.
int wait_for(pid_t child);

}  // namespace lengthwise
