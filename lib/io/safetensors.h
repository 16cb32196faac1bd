// Named tensors in a safetensors file, which PyTorch and others read and write.
#pragma once
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/checked_file.h"
#include "io/safetensors_header.h"

namespace lengthwise {

/// A file that is held open: values are read when asked for.
class SafetensorsFile {
 public:
  /// UserError names the path where it is missing or its header refused.
  explicit SafetensorsFile(const std::filesystem::path& path);

  const SafetensorsHeader& header() const { return header_; }
  const std::filesystem::path& path() const { return path_; }
  /// Row-major, of F64, F32, F16 or BF16. UserError names path and tensor where there is none of
  /// this name, or of another type.
  std::vector<float> values(const std::string& name) const;

 private:
  std::filesystem::path path_;
  OpenFile file_;
  SafetensorsHeader header_;
};

struct SafetensorsArray {
  std::vector<int64_t> shape;
  std::span<const float> values;  // row-major
};

/// As F32, whole or not at all. UserError names the path.
void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, SafetensorsArray>& arrays,
                       const std::map<std::string, std::string>& metadata);

/// The nearest float of 16 bits: IEEE half precision, or the upper half of a float.
float float_of_f16(uint16_t bits);
float float_of_bf16(uint16_t bits);

}  // namespace lengthwise
