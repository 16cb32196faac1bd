// Counter-based random numbers: a number is a function of (seed, purpose, step, index) and of its
// place in that stream, never of what was drawn elsewhere, by how many threads or in which order.
#pragma once
#include <cstdint>

namespace lengthwise {

enum class Purpose : uint64_t {
  parameters,
  dropout,
  training,
  validation,
  variant,
  probe,
  generation,
  order
};

/// A stream of its own for each (seed, purpose, step, index). Philox 4x64-10 (Salmon et al. 2011).
class RandomStream {
 public:
  RandomStream(uint64_t seed, Purpose purpose, uint64_t step = 0, uint64_t index = 0)
      : seed_(seed), purpose_(static_cast<uint64_t>(purpose)), step_(step), index_(index) {}

  uint64_t bits();
  /// In [0, 1), 53 bits.
  double uniform();
  /// In [0, bound), unbiased; bound >= 1.
  int64_t below(int64_t bound);
  /// Mean 0, variance 1 (Box-Muller).
  double normal();

 private:
  uint64_t seed_, purpose_, step_, index_;
  uint64_t block_ = 0;
  uint64_t drawn_[4] = {};
  int left_ = 0;
  bool has_spare_ = false;
  double spare_ = 0;
};

/// Four 32-bit draws for elements 4*group .. 4*group+3 under `key`: what dropout keeps and drops.
struct RandomQuad {
  uint32_t word[4];
};
RandomQuad random_quad(uint64_t key, uint64_t group);

}  // namespace lengthwise
