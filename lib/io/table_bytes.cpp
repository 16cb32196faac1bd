#include "io/table_bytes.h"

#include <cstring>
#include <stdexcept>
#include <type_traits>

namespace lengthwise {
namespace {

class Packer {
 public:
  template <class Number>
  requires std::is_arithmetic_v<Number>
  void add(const Number& number) { add_raw(&number, sizeof number); }
  void add(const std::string& text) {
    add(text.size());
    add_raw(text.data(), text.size());
  }
  template <class Value>
  void add(const std::vector<Value>& values) {
    add(values.size());
    for (const Value& value : values) add(value);
  }
  template <class Value>
  void add(const std::map<std::string, Value>& values) {
    add(values.size());
    for (const auto& [name, value] : values) {
      add(name);
      add(value);
    }
  }
  void add(const Column& column) {
    add(column.name);
    add(column.dimensions);
    add(column.values.index());
    std::visit([this](const auto& values) { add(values); }, column.values);
    add(column.units);
    add(column.long_name);
    add(column.flag_meanings);
  }

  std::vector<std::byte> bytes;

 private:
  void add_raw(const void* data, size_t size) {
    const auto* begin = static_cast<const std::byte*>(data);
    bytes.insert(bytes.end(), begin, begin + size);
  }
};

class Unpacker {
 public:
  explicit Unpacker(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class Number>
  requires std::is_arithmetic_v<Number>
  void take(Number& number) { std::memcpy(&number, take_raw(sizeof number).data(), sizeof number); }
  void take(std::string& text) {
    const auto raw = take_raw(take_size());
    text.assign(reinterpret_cast<const char*>(raw.data()), raw.size());
  }
  template <class Value>
  void take(std::vector<Value>& values) {
    for (size_t left = take_size(); left > 0; --left) take(values.emplace_back());
  }
  template <class Value>
  void take(std::map<std::string, Value>& values) {
    for (size_t left = take_size(); left > 0; --left) {
      std::string name;
      take(name);
      take(values[name]);
    }
  }
  void take(Column& column) {
    take(column.name);
    take(column.dimensions);
    take_values<0>(column, take_size());
    take(column.units);
    take(column.long_name);
    take(column.flag_meanings);
  }
  void take_end() const {
    if (!bytes_.empty()) throw std::out_of_range("bytes after a packed table");
  }

 private:
  size_t take_size() {
    size_t size = 0;
    take(size);
    return size;
  }
  std::span<const std::byte> take_raw(size_t size) {
    if (size > bytes_.size()) throw std::out_of_range("part of a packed table");
    const auto raw = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return raw;
  }
  template <size_t kKind>
  void take_values(Column& column, size_t kind) {
    if constexpr (kKind == std::variant_size_v<decltype(Column::values)>) {
      throw std::out_of_range("an unknown kind of column");
    } else if (kind == kKind) {
      take(column.values.emplace<kKind>());
    } else {
      take_values<kKind + 1>(column, kind);
    }
  }

  std::span<const std::byte> bytes_;
};

}  // namespace

std::vector<std::byte> pack_table(const Table& table) {
  Packer packer;
  packer.add(table.attributes);
  packer.add(table.dimensions);
  packer.add(table.columns);
  return std::move(packer.bytes);
}

Table unpack_table(std::span<const std::byte> bytes) {
  Unpacker unpacker(bytes);
  Table table;
  unpacker.take(table.attributes);
  unpacker.take(table.dimensions);
  unpacker.take(table.columns);
  unpacker.take_end();
  return table;
}

}  // namespace lengthwise
