#include "io/safetensors.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "io/replace_file.h"

namespace lengthwise {
namespace {

constexpr std::string_view kExpected = "a safetensors file";

template <class Work>
auto naming(const std::filesystem::path& path, const Work& work) {
  try {
    return work();
  } catch (const UserError& error) {
    user_error("{}: {}", path.string(), error.what());
  }
}

SafetensorsHeader read_header(const std::filesystem::path& path, const OpenFile& file) {
  return naming(path, [&] {
    const uint64_t file_bytes = file.size();
    std::vector<std::byte> room(kSafetensorsLengthBytes);
    const uint64_t bytes = safetensors_header_bytes(file.read(0, room), file_bytes);
    room.resize(bytes);
    return parse_safetensors_header(file.read(0, room), file_bytes);
  });
}

OpenFile open_regular(const std::filesystem::path& path) {
  refuse_what_is_no_file(path, kExpected);
  return OpenFile(path);
}

// Elements as they lie in the file -> floats.
template <class Stored, class Convert>
void convert(std::span<const std::byte> bytes, std::vector<float>& values,
             const Convert& as_float) {
  for (size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = as_float(stored);
  }
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : path_(path), file_(open_regular(path)), header_(read_header(path, file_)) {}

std::vector<float> SafetensorsFile::values(const std::string& name) const {
  const auto found = header_.tensors.find(name);
  if (found == header_.tensors.end()) {
    user_error("{}: found no tensor '{}', expected one", path_.string(), name);
  }
  const SafetensorsEntry& tensor = found->second;
  const uint64_t bytes = tensor.end - tensor.begin;
  std::vector<float> values(bytes / safetensors_type_bytes(tensor.type));
  const auto fill = [&](std::span<std::byte> room) {
    if (file_.read(header_.bytes + tensor.begin, room).size() == room.size()) return;
    user_error("{}: tensor '{}': found fewer than its {} bytes, expected a disk that gives them",
               path_.string(), name, bytes);
  };
  if (tensor.type == "F32") {
    fill(std::as_writable_bytes(std::span(values)));
    return values;
  }
  const bool is_half = tensor.type == "F16", is_upper_half = tensor.type == "BF16";
  if (!is_half && !is_upper_half && tensor.type != "F64") {
    user_error("{}: tensor '{}': found dtype {}, expected F32, F64, F16 or BF16", path_.string(),
               name, tensor.type);
  }
  std::vector<std::byte> room(bytes);
  fill(room);
  if (is_half) convert<uint16_t>(room, values, float_of_f16);
  if (is_upper_half) convert<uint16_t>(room, values, float_of_bf16);
  if (tensor.type == "F64") {
    convert<double>(room, values, [](double value) { return static_cast<float>(value); });
  }
  return values;
}

void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, SafetensorsArray>& arrays,
                       const std::map<std::string, std::string>& metadata) {
  SafetensorsHeader header;
  header.metadata = metadata;
  for (const auto& [name, array] : arrays) header.tensors[name] = {"F32", array.shape};
  const std::string text = safetensors_header_text(header);
  const auto start = std::as_bytes(std::span(text));
  std::vector<std::byte> contents(start.begin(), start.end());
  for (const auto& [name, array] : arrays) {
    const auto bytes = std::as_bytes(array.values);
    check_equal(bytes.size(), header.tensors[name].end - header.tensors[name].begin,
                "bytes of " + name);
    contents.insert(contents.end(), bytes.begin(), bytes.end());
  }
  replace_file(path, contents);
}

float float_of_f16(uint16_t bits) {
  const uint32_t sign = uint32_t{bits} >> 15 << 31;
  const int exponent = bits >> 10 & 31;
  const uint32_t fraction = bits & 1023U;
  if (exponent == 0) {  // fraction 2^-24, subnormal
    const float size = std::ldexp(static_cast<float>(fraction), -24);
    return std::bit_cast<float>(std::bit_cast<uint32_t>(size) | sign);
  }
  const uint32_t wide = exponent == 31 ? 255U : static_cast<uint32_t>(exponent - 15 + 127);
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

float float_of_bf16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

}  // namespace lengthwise
