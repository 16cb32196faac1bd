#include "tests/build_paths.h"

// This file alone is compiled with the paths: others are the same in every clone, so that a cache
// of objects serves them all.
namespace lengthwise {

std::filesystem::path source_folder() { return LENGTHWISE_SOURCE_DIR; }
std::filesystem::path program_path() { return LENGTHWISE_PROGRAM; }

}  // namespace lengthwise
