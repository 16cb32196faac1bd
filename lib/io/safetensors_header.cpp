#include "io/safetensors_header.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/check.h"

namespace lengthwise {
namespace {

using Json = nlohmann::json;

constexpr const char* kMetadata = "__metadata__";
constexpr std::pair<std::string_view, uint64_t> kTypes[] = {
    {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"F8_E8M0", 1},
    {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},     {"U32", 4},
    {"F32", 4},  {"C64", 8}, {"F64", 8}, {"I64", 8},     {"U64", 8}};
constexpr uint64_t kMostExtent = std::numeric_limits<int64_t>::max();

// In quotes, whatever characters the file has, and not longer than a line.
std::string shown(const std::string& text) {
  constexpr size_t kMost = 60;
  return fmt::format("{:?}", text.size() > kMost ? text.substr(0, kMost) + "..." : text);
}

[[noreturn]] void refuse_json(size_t byte) {
  user_error("header: found no JSON at its byte {}, expected JSON in UTF-8", byte);
}

// Takes the JSON as it is read: nothing is built of what has no place in a header, however deep or
// long, and a key that comes twice is seen.
class HeaderReader {
 public:
  explicit HeaderReader(SafetensorsHeader& header) : header_(header) {}

  bool start_object(size_t /*count*/) {
    if (place_ == Place::nothing) {
      place_ = Place::header;
    } else if (place_ == Place::header) {
      seen_.clear();
      place_ = name_ == kMetadata ? Place::metadata : Place::tensor;
    } else {
      refuse("an object");
    }
    return true;
  }
  bool end_object() {
    if (place_ == Place::tensor) {
      for (const char* key : {"dtype", "shape", "data_offsets"}) {
        if (!seen_.contains(key)) {
          user_error("tensor {}: found no '{}', expected one", shown(name_), key);
        }
      }
    }
    place_ = place_ == Place::header ? Place::nothing : Place::header;
    return true;
  }
  bool key(std::string& text) {
    if (place_ == Place::header) {
      name_ = text;
      if (!names_.insert(text).second) {
        user_error("tensor {}: found it twice, expected every name once", shown(text));
      }
      return true;
    }
    key_ = text;
    if (!seen_.insert(text).second) {
      user_error("{}: found the key {} twice, expected it once", where(), shown(text));
    }
    const bool known = text == "dtype" || text == "shape" || text == "data_offsets";
    if (place_ == Place::tensor && !known) {
      user_error("{}: found the key {}, expected dtype, shape and data_offsets", where(),
                 shown(text));
    }
    return true;
  }
  bool string(std::string& text) {
    if (place_ == Place::metadata) {
      header_.metadata[key_] = text;
      return true;
    }
    if (place_ != Place::tensor || key_ != "dtype") refuse("the text " + shown(text));
    if (safetensors_type_bytes(text) == 0) {
      std::vector<std::string_view> names;
      for (const auto& type : kTypes) names.push_back(type.first);
      user_error("{}: dtype: found {}, expected one of {}", where(), shown(text),
                 fmt::join(names, ", "));
    }
    header_.tensors[name_].type = text;
    return true;
  }
  bool start_array(size_t /*count*/) {
    if (place_ != Place::tensor || key_ == "dtype") refuse("a list");
    place_ = Place::numbers;
    numbers_.clear();
    return true;
  }
  bool end_array() {
    place_ = Place::tensor;
    SafetensorsEntry& tensor = header_.tensors[name_];
    if (key_ == "shape") {
      tensor.shape.assign(numbers_.begin(), numbers_.end());
      return true;
    }
    if (numbers_.size() != 2) {
      user_error("{}: data_offsets: found {} numbers, expected where it begins and ends", where(),
                 numbers_.size());
    }
    tensor.begin = numbers_[0];
    tensor.end = numbers_[1];
    return true;
  }
  bool number_unsigned(uint64_t value) {
    if (place_ != Place::numbers || value > kMostExtent) refuse(std::to_string(value));
    numbers_.push_back(value);
    return true;
  }
  bool number_integer(int64_t value) { return refuse(std::to_string(value)); }
  bool number_float(double value, const std::string& /*text*/) {
    return refuse(fmt::format("{}", value));
  }
  bool null() { return refuse("null"); }
  bool boolean(bool value) { return refuse(value ? "true" : "false"); }
  bool binary(Json::binary_t& /*bytes*/) { return refuse("bytes"); }
  bool parse_error(size_t byte, const std::string& /*token*/, const Json::exception& /*error*/) {
    refuse_json(byte);
  }

 private:
  enum class Place { nothing, header, metadata, tensor, numbers };

  std::string where() const {
    return name_ == kMetadata ? std::string(kMetadata) : "tensor " + shown(name_);
  }
  // What has no place here.
  [[noreturn]] bool refuse(const std::string& found) const {
    if (place_ == Place::nothing) user_error("header: found {}, expected a JSON object", found);
    if (place_ == Place::header) {
      user_error("{}: found {}, expected an object", where(), found);
    }
    const char* expected = place_ == Place::metadata ? "text"
                           : key_ == "dtype"         ? "the name of a type"
                                                     : "a list of whole numbers below 2^63";
    user_error("{}: {}: found {}, expected {}", where(),
               place_ == Place::metadata ? shown(key_) : key_, found, expected);
  }

  SafetensorsHeader& header_;
  Place place_ = Place::nothing;
  std::set<std::string> names_, seen_;  // seen: keys of the present object
  std::string name_, key_;
  std::vector<uint64_t> numbers_;
};

// Bytes of a tensor of this shape; UserError where there are 2^63 or more.
uint64_t bytes_of(const std::string& name, const SafetensorsEntry& tensor) {
  uint64_t bytes = safetensors_type_bytes(tensor.type);
  const bool is_empty =
      std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end();
  for (const int64_t extent : tensor.shape) {
    const auto factor = static_cast<uint64_t>(extent);
    if (!is_empty && bytes > kMostExtent / factor) {
      user_error("tensor {}: shape: found [{}], expected fewer than 2^63 bytes", shown(name),
                 fmt::join(tensor.shape, ","));
    }
    bytes = is_empty ? 0 : bytes * factor;
  }
  return bytes;
}

// Tensors follow one another from the header to the end of the file.
void check_places(const SafetensorsHeader& header, uint64_t data_bytes) {
  using Entry = std::pair<const std::string, SafetensorsEntry>;
  std::vector<const Entry*> in_order;
  for (const Entry& entry : header.tensors) in_order.push_back(&entry);
  std::stable_sort(in_order.begin(), in_order.end(), [](const Entry* a, const Entry* b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  uint64_t next = 0;
  for (const Entry* entry : in_order) {
    const auto& [name, tensor] = *entry;
    const auto places = fmt::format("{} to {}", tensor.begin, tensor.end);
    if (tensor.end < tensor.begin) {
      user_error("tensor {}: data_offsets: found {}, expected an end behind the beginning",
                 shown(name), places);
    }
    const uint64_t expected = bytes_of(name, tensor);
    if (tensor.end - tensor.begin != expected) {
      user_error("tensor {}: found {} bytes, expected the {} of {} [{}]", shown(name),
                 tensor.end - tensor.begin, expected, tensor.type, fmt::join(tensor.shape, ","));
    }
    if (tensor.begin != next) {
      user_error("tensor {}: found bytes {}, expected from {} on: tensors {}", shown(name), places,
                 next, tensor.begin < next ? "overlap" : "leave a hole");
    }
    if (tensor.end > data_bytes) {
      user_error(
          "tensor {}: found bytes {}, expected at most the {} behind the header: the file is "
          "cut off",
          shown(name), places, data_bytes);
    }
    next = tensor.end;
  }
  if (next != data_bytes) {
    user_error("found {} bytes behind the header, expected the {} of the tensors", data_bytes,
               next);
  }
}

}  // namespace

uint64_t safetensors_type_bytes(std::string_view type) {
  for (const auto& [name, bytes] : kTypes) {
    if (name == type) return bytes;
  }
  return 0;
}

uint64_t safetensors_header_bytes(std::span<const std::byte> start, uint64_t file_bytes) {
  static_assert(std::endian::native == std::endian::little);
  if (start.size() < kSafetensorsLengthBytes || file_bytes < kSafetensorsLengthBytes) {
    user_error("found {} bytes, expected at least the {} of a header's length",
               std::min<uint64_t>(start.size(), file_bytes), kSafetensorsLengthBytes);
  }
  uint64_t length = 0;
  std::memcpy(&length, start.data(), sizeof(length));
  if (length > kMostSafetensorsHeaderBytes) {
    user_error("found a header of {} bytes, expected at most {}", length,
               kMostSafetensorsHeaderBytes);
  }
  if (length > file_bytes - kSafetensorsLengthBytes) {
    user_error("found a header of {} bytes, expected at most the {} that follow its length", length,
               file_bytes - kSafetensorsLengthBytes);
  }
  return kSafetensorsLengthBytes + length;
}

SafetensorsHeader parse_safetensors_header(std::span<const std::byte> header, uint64_t file_bytes) {
  SafetensorsHeader parsed;
  parsed.bytes = safetensors_header_bytes(header, file_bytes);
  check_equal(header.size(), parsed.bytes, "bytes of a safetensors header");
  const std::string_view text(reinterpret_cast<const char*>(header.data()), header.size());
  const std::string_view json = text.substr(kSafetensorsLengthBytes);
  if (!json.starts_with('{')) {
    user_error("header: found {}, expected '{{' at its beginning",
               json.empty() ? "nothing" : shown(std::string(json.substr(0, 1))));
  }
  // The JSON reader takes a 0 for the end, whatever follows.
  const size_t zero = json.find('\0');
  if (zero != std::string_view::npos) refuse_json(zero + 1);
  HeaderReader reader(parsed);
  Json::sax_parse(json, &reader);
  check_places(parsed, file_bytes - parsed.bytes);
  return parsed;
}

std::string safetensors_header_text(SafetensorsHeader& header) {
  constexpr uint64_t kAlignment = 64;
  Json json = Json::object();
  if (!header.metadata.empty()) json[kMetadata] = header.metadata;
  uint64_t next = 0;
  for (auto& [name, tensor] : header.tensors) {
    tensor.begin = next;
    next = tensor.end = next + bytes_of(name, tensor);
    json[name] = {{"dtype", tensor.type},
                  {"shape", tensor.shape},
                  {"data_offsets", {tensor.begin, tensor.end}}};
  }
  // A path of the metadata need not be UTF-8.
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  const uint64_t bytes = kSafetensorsLengthBytes + text.size();
  text.append((kAlignment - bytes % kAlignment) % kAlignment, ' ');
  const uint64_t length = text.size();
  std::string all(kSafetensorsLengthBytes, '\0');
  std::memcpy(all.data(), &length, sizeof(length));
  all += text;
  header.bytes = all.size();
  return all;
}

}  // namespace lengthwise
