// What the operating system says of this machine and process.
#pragma once
#include <cstdint>
#include <string>

namespace lengthwise {

std::string cpu_model();
std::string host_name();
/// The cores of the affinity mask, as in "0-1".
std::string affinity_text();
/// Peak resident memory of this process so far (VmHWM).
int64_t peak_resident_bytes();
/// Now, in UTC, as in 2026-01-31T12:00:00Z.
std::string utc_time();

}  // namespace lengthwise
