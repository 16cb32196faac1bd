// Work counted per kernel call from sizes, never from data, and seconds, per scope.
#pragma once
#include <array>
#include <cstdint>

#include "base/scope.h"

namespace lengthwise {

/// 2 FLOPs per multiply-add of every contraction, as executed (masked tiles included). Thread-safe.
void count_flops(int64_t flops);
/// Exponentials, counted apart. Thread-safe.
void count_exponentials(int64_t exponentials);

struct Counts {
  std::array<int64_t, kScopes> flops{}, exponentials{};
  std::array<double, kScopes> seconds{};  // exclusive: a nested scope's time is its own
  int64_t total_flops() const;
  int64_t total_exponentials() const;
  double total_seconds() const;
};

Counts read_counters();
void reset_counters();

}  // namespace lengthwise
