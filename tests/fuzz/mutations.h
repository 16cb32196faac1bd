// Results files and checkpoints that came to harm in a thousand ways, and what reading them comes
// to.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace lengthwise {

/// A function of the files, the seed and the index alone. Half of them keep the seal where it was,
/// half lose it first, so that HDF5 sees the damage.
std::string mutated_file(const std::vector<std::string>& files, uint64_t seed, uint64_t index);

struct MutationCounts {
  int64_t read = 0;      // a checkpoint as it was written, or a table that compares and exports
  int64_t changed = 0;   // of those, without a seal: not as any of the files
  int64_t named = 0;     // refused by a UserError of one line that names the file
  int64_t outlived = 0;  // of those: HDF5 crashed, looped or ate memory, in a process of its own
  std::vector<std::string> taken_down;  // "17: signal 11", "18: ...", by index
  std::vector<std::string> hung;        // past a minute
};

/// Reads mutations 0 to count - 1 of these files in processes of their own, one for as many as it
/// lives through. Works in `folder`.
MutationCounts read_mutations(const std::vector<std::string>& files, uint64_t seed, uint64_t count,
                              const std::filesystem::path& folder);

}  // namespace lengthwise
