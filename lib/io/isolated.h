// Work that may crash, loop or eat all memory, in a process that may.
#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace lengthwise {

struct IsolatedResult {
  std::vector<std::byte> bytes;
  std::string failure;  // "" or how it ended: "ended with signal 11", "took more than 2 s"
};

/// What work gives, in a fork of this process that prints nothing, has half of the machine's memory
/// and `most` time on a processor (ten times that by the clock, as others may want it too). A
/// UserError of work is thrown here again. The child has this thread alone: work must not need
/// another, nor a lock that another may hold.
IsolatedResult run_isolated(const std::function<std::vector<std::byte>()>& work,
                            std::chrono::seconds most);

}  // namespace lengthwise
