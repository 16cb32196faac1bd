#include "base/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/check.h"

namespace lengthwise {

int64_t elements(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ",")); }

Tensor::Tensor(Shape shape, Tag tag, Scope scope)
    : shape_(std::move(shape)), size_(elements(shape_)) {
  const int64_t bytes = size_ * static_cast<int64_t>(sizeof(float));
  auto* block = static_cast<float*>(MemoryLedger::instance().allocate(bytes, tag, scope));
  buffer_ = std::shared_ptr<float>(block, [bytes, tag, scope](float* released) {
    MemoryLedger::instance().release(released, bytes, tag, scope);
  });
}

Tensor Tensor::zeros(Shape shape, Tag tag, Scope scope) {
  Tensor tensor(std::move(shape), tag, scope);
  std::ranges::fill(tensor.values(), 0.0F);
  return tensor;
}

Tensor Tensor::reshaped(Shape shape) const {
  check_equal(elements(shape), size_, "reshape: number of elements");
  Tensor other = *this;
  other.shape_ = std::move(shape);
  return other;
}

Tensor Tensor::clone(Tag tag) const {
  Tensor copy(shape_, tag);
  std::ranges::copy(values(), copy.values().begin());
  return copy;
}

}  // namespace lengthwise
