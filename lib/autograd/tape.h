// An eager tape over coarse operations. While a Recording is alive, operations on variables that
// need gradients are written down with exactly what their backward saves; otherwise (inference)
// nothing is.
#pragma once
#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

#include "base/tensor.h"

namespace lengthwise {

/// Where a variable's gradient gathers: every backward adds to what is there.
class Gradient {
 public:
  explicit Gradient(int64_t size, Scope scope = current_scope()) : size_(size), scope_(scope) {}
  bool empty() const { return !buffer_.defined(); }
  /// [size] floats, zero at first use, under the tag `gradients`.
  float* data();
  /// For a product that writes every element: where nothing is yet it overwrites (beta 0), so that
  /// nothing is zeroed first, and otherwise adds (beta 1).
  struct Sum {
    float* data;
    float beta;
  };
  Sum sum();
  /// Adds [size] floats.
  void add(std::span<const float> from);
  std::span<const float> values() const { return buffer_.values(); }
  std::span<float> values() { return buffer_.values(); }
  void clear() { buffer_ = Tensor(); }

 private:
  int64_t size_;
  Scope scope_;
  Tensor buffer_;
};

/// A value in the computation; copies are the same variable.
class Var {
 public:
  Var() = default;
  /// A constant: no gradient flows to it.
  explicit Var(Tensor value) : value_(std::move(value)) {}
  Var(Tensor value, std::shared_ptr<Gradient> gradient)
      : value_(std::move(value)), gradient_(std::move(gradient)) {}

  const Tensor& value() const { return value_; }
  Tensor& value() { return value_; }
  const Shape& shape() const { return value_.shape(); }
  int64_t extent(size_t axis) const { return value_.extent(axis); }
  const float* data() const { return value_.data(); }
  bool needs_gradient() const { return gradient_ != nullptr; }
  /// Null for a constant. What a recorded backward keeps of its inputs, instead of their values.
  const std::shared_ptr<Gradient>& gradient() const { return gradient_; }

  /// The same variable under another shape.
  Var reshaped(Shape shape) const { return {value_.reshaped(std::move(shape)), gradient_}; }

 private:
  Tensor value_;
  std::shared_ptr<Gradient> gradient_;
};

/// Adds to the gradients of an operation's inputs, given that of its output.
using Backward = std::function<void(std::span<const float> output_gradient)>;

class Tape {
 public:
  Tape() = default;
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// Gradients of `loss` (one element) with respect to every variable that needs one. Frees what
  /// each node saved as it passes; afterwards the tape is empty.
  void backward(const Var& loss);
  /// The same from any output, whose gradient [its size] is given.
  void backward(const Var& output, std::span<const float> output_gradient);
  size_t size() const { return nodes_.size(); }

 private:
  friend Var record(Tensor, std::initializer_list<Var>, Backward);
  void run();
  struct Node {
    std::shared_ptr<Gradient> output;
    Backward backward;
    Scope scope;
  };
  std::vector<Node> nodes_;
};

/// Operations are recorded on `tape` until the end of the block.
class Recording {
 public:
  explicit Recording(Tape& tape);
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

 private:
  Tape* before_;
};

/// Nothing is recorded until the end of the block.
class RecordingPause {
 public:
  RecordingPause();
  ~RecordingPause();
  RecordingPause(const RecordingPause&) = delete;
  RecordingPause& operator=(const RecordingPause&) = delete;

 private:
  Tape* before_;
};

bool is_recording();
/// The tag of an operation's result: kept for the backward pass, or gone soon in inference.
inline Tag result_tag() { return is_recording() ? Tag::activations : Tag::workspace; }

/// An operation's result: written on the tape if one records and an input needs a gradient.
Var record(Tensor output, std::initializer_list<Var> inputs, Backward backward);

}  // namespace lengthwise
