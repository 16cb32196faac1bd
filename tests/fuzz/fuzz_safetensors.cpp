// libFuzzer on the header of a safetensors file. The first byte says what the rest is: '0' a whole
// file, any other character a header's JSON, of a file with as many bytes behind it as the
// character's code less that of '1'.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "io/safetensors_header.h"

namespace lengthwise {
namespace {

void demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

// A header that was accepted says where every byte behind it belongs.
void check_places(const SafetensorsHeader& header, uint64_t file_bytes) {
  std::vector<std::pair<uint64_t, uint64_t>> places;
  for (const auto& [name, tensor] : header.tensors) {
    uint64_t bytes = safetensors_type_bytes(tensor.type);
    demand(bytes > 0, "a type that is none");
    for (const int64_t extent : tensor.shape) {
      demand(extent >= 0, "a negative extent");
      bytes *= static_cast<uint64_t>(extent);
    }
    demand(tensor.end - tensor.begin == bytes, "bytes that are not the shape's");
    places.emplace_back(tensor.begin, tensor.end);
  }
  std::sort(places.begin(), places.end());
  uint64_t next = header.bytes;
  for (const auto& [begin, end] : places) {
    demand(header.bytes + begin == next, "an overlap or a hole");
    next = header.bytes + end;
  }
  demand(next == file_bytes, "bytes that belong to no tensor");
}

// What is accepted is written and read again as it was.
void check_written(SafetensorsHeader header, uint64_t data_bytes) {
  const std::string text = safetensors_header_text(header);
  demand(text.size() % 64 == 0, "tensors that begin elsewhere");
  const auto again =
      parse_safetensors_header(std::as_bytes(std::span(text)), text.size() + data_bytes);
  demand(again.metadata == header.metadata, "other metadata");
  demand(again.tensors.size() == header.tensors.size(), "other tensors");
  for (const auto& [name, tensor] : again.tensors) {
    const SafetensorsEntry& before = header.tensors.at(name);
    demand(tensor.type == before.type && tensor.shape == before.shape, "another tensor");
  }
}

void check_header(std::string_view bytes, uint64_t file_bytes) {
  const auto all = std::as_bytes(std::span(bytes));
  const uint64_t header_bytes = safetensors_header_bytes(all, file_bytes);
  const SafetensorsHeader header = parse_safetensors_header(all.first(header_bytes), file_bytes);
  check_places(header, file_bytes);
  check_written(header, file_bytes - header_bytes);
}

void check_input(char mode, std::string_view rest) {
  if (mode == '0') return check_header(rest, rest.size());
  const uint64_t length = rest.size();
  std::string file(sizeof(length), '\0');
  std::memcpy(file.data(), &length, sizeof(length));
  file += rest;
  check_header(file, file.size() + static_cast<unsigned char>(mode - '1'));
}

}  // namespace
}  // namespace lengthwise

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    lengthwise::check_input(text.front(), text.substr(1));
  } catch (const lengthwise::UserError& error) {
    // The one kind of error that a file may cause, and of one line.
    lengthwise::demand(std::string_view(error.what()).find('\n') == std::string_view::npos,
                       "an error of two lines");
  }
  return 0;
}
