// What PyTorch computed, on inputs that are the same floats: tests/golden.h5, which
// scripts/make_golden writes.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/check.h"
#include "io/table.h"
#include "laws/probe.h"
#include "tests/build_paths.h"

namespace lengthwise {

class Golden {
 public:
  static const Golden& file() {
    static const Golden kFile(read_table(source_folder() / "tests/golden.h5"));
    return kFile;
  }

  const Shape& shape(const std::string& name) const { return array(name).shape; }

  std::vector<double> values(const std::string& name) const {
    const Stored& stored = array(name);
    const auto first = values_.begin() + stored.first;
    return {first, first + elements(stored.shape)};
  }

  template <class Integer>
  std::vector<Integer> integers(const std::string& name) const {
    std::vector<Integer> whole;
    for (const double value : values(name)) whole.push_back(static_cast<Integer>(value));
    return whole;
  }

  Tensor tensor(const std::string& name) const {
    Tensor result(shape(name), Tag::data);
    std::ranges::transform(values(name), result.data(),
                           [](double value) { return static_cast<float>(value); });
    return result;
  }

  Var variable(const std::string& name) const {
    const Tensor value = tensor(name);
    return {value, std::make_shared<Gradient>(value.size())};
  }

 private:
  struct Stored {
    Shape shape;
    int64_t first;  // of its values among those of all
  };

  // The columns: name [run], shape [run, axis], and the values of all, one after the other.
  explicit Golden(const Table& table)
      : values_(std::get<Column::Numbers>(table.find("value")->values)) {
    const auto& names = std::get<Column::Texts>(table.find("name")->values);
    const auto& extents = std::get<Column::Integers>(table.find("shape")->values);
    const auto axes = static_cast<size_t>(table.dimensions.at("axis"));
    int64_t first = 0;
    for (size_t run = 0; run < names.size(); ++run) {
      Shape shape;
      for (size_t axis = 0; axis < axes && extents[run * axes + axis] > 0; ++axis) {
        shape.push_back(extents[run * axes + axis]);
      }
      arrays_[names[run]] = {shape, first};
      first += elements(shape);
    }
    check_equal(first, static_cast<int64_t>(values_.size()), "golden.h5: values");
  }

  const Stored& array(const std::string& name) const {
    const auto found = arrays_.find(name);
    check(found != arrays_.end(), fmt::format("golden.h5 has no array '{}'", name));
    return found->second;
  }

  std::map<std::string, Stored> arrays_;
  std::vector<double> values_;
};

inline void expect_golden(std::span<const float> found, const std::string& name, double tolerance) {
  EXPECT_LE(relative_error(as_doubles(found), Golden::file().values(name)), tolerance) << name;
}

/// The backward pass for the slope that PyTorch was given.
inline void backward_golden(Tape& tape, const Var& output, const std::string& name) {
  backward_with(tape, output, Var(Golden::file().tensor(name + ".slope")));
}

}  // namespace lengthwise
