// A contiguous float tensor with shared storage under the memory ledger. Copies share; clone()
// copies. All extents and offsets are int64_t: T*T overflows 32 bits at T = 46,341.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/memory.h"

namespace lengthwise {

using Shape = std::vector<int64_t>;
int64_t elements(const Shape& shape);
std::string to_string(const Shape& shape);

class Tensor {
 public:
  Tensor() = default;
  /// Contents are undefined: whoever makes it writes every element.
  Tensor(Shape shape, Tag tag, Scope scope = current_scope());
  static Tensor zeros(Shape shape, Tag tag, Scope scope = current_scope());

  const Shape& shape() const { return shape_; }
  int64_t extent(size_t axis) const { return shape_.at(axis); }
  int64_t size() const { return size_; }
  bool defined() const { return buffer_ != nullptr; }

  float* data() { return buffer_.get(); }
  const float* data() const { return buffer_.get(); }
  std::span<float> values() { return {data(), static_cast<size_t>(size_)}; }
  std::span<const float> values() const { return {data(), static_cast<size_t>(size_)}; }

  /// The same storage under another shape of as many elements.
  Tensor reshaped(Shape shape) const;
  Tensor clone(Tag tag) const;

 private:
  std::shared_ptr<float> buffer_;
  Shape shape_;
  int64_t size_ = 0;
};

}  // namespace lengthwise
