// Named arrays, numbers and texts in HDF5: what a checkpoint is kept in.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace lengthwise {

/// Names may hold '/', which makes groups: "parameters/embedding".
struct Archive {
  struct Array {
    std::vector<int64_t> shape;
    std::vector<float> values;  // row-major
  };
  std::map<std::string, std::string> texts;
  std::map<std::string, int64_t> integers;
  std::map<std::string, std::vector<double>> numbers;
  std::map<std::string, Array> arrays;
};

/// As write_table: whole or not at all. UserError names the path.
void write_archive(const std::filesystem::path& path, const Archive& archive);

/// UserError names the path where it is missing, damaged, or no archive.
Archive read_archive(const std::filesystem::path& path);

}  // namespace lengthwise
