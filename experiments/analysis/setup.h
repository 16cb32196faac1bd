// How the runs of a file were set up. Most differ in length and seed alone and share one of these.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace lengthwise {

/// By key of the resolved config.
using Settings = std::map<std::string, std::string>;

/// "batch", "layers" ... and how many.
using Size = std::pair<std::string, int64_t>;

struct Setup {
  std::map<std::string, int64_t> sizes;
  Settings settings;  // but for length and seed; the sizes where a row has no config
};

class Setups {
 public:
  /// The same object for runs that differ in the length and seed of their configs alone; `match` is
  /// the budget that a model was sized for, "none" or "" without one.
  std::shared_ptr<const Setup> of(std::string_view config, std::span<const Size> sizes,
                                  const std::string& match);

 private:
  std::unordered_map<std::string, std::shared_ptr<const Setup>> known_;
  std::string key_;
};

}  // namespace lengthwise
