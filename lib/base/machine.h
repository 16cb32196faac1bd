// What the operating system says of this machine and process.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace lengthwise {

std::string cpu_model();
std::string host_name();
/// The cores of the affinity mask, as in "0-1".
std::string affinity_text();
/// Peak resident memory of this process so far (VmHWM).
int64_t peak_resident_bytes();
/// Resident memory of this process now.
int64_t resident_bytes();
/// What could still be taken without swapping or being killed: the machine's, or the control
/// group's if that is less.
int64_t available_memory_bytes();
/// Processes that the kernel has killed for want of memory, as far as it tells us.
int64_t out_of_memory_kills();

/// CPU seconds since some moment in the past: of all processes on the cores of this process's
/// affinity mask (time that a hypervisor gave to others included), and of this process.
struct CoreSeconds {
  double all = 0, own = 0;
};
CoreSeconds core_seconds();

/// This process keeps to these cores from now on. UserError where it may not.
void keep_to_cores(const std::vector<int>& cores);
/// The cores of the affinity mask.
std::vector<int> affinity_cores();

/// Now, in UTC, as in 2026-01-31T12:00:00Z.
std::string utc_time();

}  // namespace lengthwise
