#include "base/random.h"

#include <Random123/philox.h>

#include <cmath>
#include <numbers>

namespace lengthwise {

uint64_t RandomStream::bits() {
  if (left_ == 0) {
    const r123::Philox4x64 philox;
    const auto drawn = philox({{block_++, purpose_, step_, index_}}, {{seed_, 0}});
    for (size_t i = 0; i < 4; ++i) drawn_[i] = drawn[i];
    left_ = 4;
  }
  return drawn_[4 - left_--];
}

double RandomStream::uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

int64_t RandomStream::below(int64_t bound) {
  const auto limit = static_cast<uint64_t>(bound);
  const uint64_t rejected = (~uint64_t{0} % limit + 1) % limit;
  uint64_t draw = bits();
  while (draw < rejected) draw = bits();
  return static_cast<int64_t>(draw % limit);
}

double RandomStream::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  const double angle = 2.0 * std::numbers::pi * uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

RandomQuad random_quad(uint64_t key, uint64_t group) {
  const r123::Philox4x32 philox;
  const auto low = [](uint64_t word) { return static_cast<uint32_t>(word); };
  const auto drawn = philox({{low(group), low(group >> 32), 0, 0}}, {{low(key), low(key >> 32)}});
  return {{drawn[0], drawn[1], drawn[2], drawn[3]}};
}

}  // namespace lengthwise
