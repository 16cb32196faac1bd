// Where the tests find what was built and what is in the repository.
#pragma once
#include <filesystem>

namespace lengthwise {

std::filesystem::path source_folder();
std::filesystem::path program_path();  // of `lengthwise`

}  // namespace lengthwise
