#include "tasks/byte_ngram.h"

#include <utility>

namespace lengthwise {
namespace {

// The latest byte is the lowest, so that forgetting the oldest is a mask.
uint64_t latest_bytes(uint64_t key, size_t bytes) {
  return key & ((uint64_t{1} << (8 * bytes)) - 1);
}

uint64_t pack(std::span<const uint8_t> bytes) {
  uint64_t key = 0;
  for (const uint8_t byte : bytes) key = key << 8 | byte;
  return key;
}

}  // namespace

size_t CountTable::slot_of(uint64_t key) const {
  const size_t mask = entries_.size() - 1;
  auto slot = static_cast<size_t>((key + 1) * 0x9e3779b97f4a7c15 >> shift_);
  while (entries_[slot].key_plus_one != 0 && entries_[slot].key_plus_one != key + 1) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

void CountTable::add(uint64_t key, int64_t count) {
  size_t slot = slot_of(key);
  if (entries_[slot].key_plus_one == 0) {
    if (2 * (used_ + 1) > entries_.size()) {
      grow();
      slot = slot_of(key);
    }
    entries_[slot].key_plus_one = key + 1;
    ++used_;
  }
  entries_[slot].count += count;
  ++entries_[slot].additions;
}

void CountTable::grow() {
  DataVector<Entry> before = std::exchange(entries_, DataVector<Entry>(2 * entries_.size()));
  --shift_;
  for (const Entry& entry : before) {
    if (entry.key_plus_one != 0) entries_[slot_of(entry.key_plus_one - 1)] = entry;
  }
}

ByteNgram::ByteNgram(std::span<const std::span<const uint8_t>> runs) {
  constexpr size_t kMost = kMostContext;
  for (const auto run : runs) {
    uint64_t key = 0;
    for (size_t i = 0; i < run.size(); ++i) {
      key = latest_bytes(key << 8 | run[i], kMost + 1);
      if (i >= kMost) grams_[kMost].add(key, 1);
    }
  }
  // Fewer bytes of context: what more bytes counted, and the one place in each run that lacks them.
  for (size_t k = kMost; k-- > 0;) {
    for (const CountTable::Entry& entry : grams_[k + 1].entries()) {
      if (entry.key_plus_one == 0) continue;
      grams_[k].add(latest_bytes(entry.key_plus_one - 1, k + 1), entry.count);
    }
    for (const auto run : runs) {
      if (run.size() > k) grams_[k].add(pack(run.first(k + 1)), 1);
    }
  }
  for (size_t k = 0; k <= kMost; ++k) {
    for (const CountTable::Entry& entry : grams_[k].entries()) {
      if (entry.key_plus_one != 0) contexts_[k].add((entry.key_plus_one - 1) >> 8, entry.count);
    }
  }
}

std::array<double, ByteNgram::kMostContext + 1> ByteNgram::probabilities(
    std::span<const uint8_t, kMostContext> context, uint8_t next) const {
  std::array<double, kMostContext + 1> result{};
  const uint64_t key = pack(context) << 8 | next;
  double probability = 1.0 / 256.0;
  for (size_t k = 0; k < result.size(); ++k) {
    const uint64_t gram = latest_bytes(key, k + 1);
    const CountTable::Entry& seen = contexts_[k].find(gram >> 8);
    if (seen.count > 0) {
      const auto distinct = static_cast<double>(seen.additions);
      probability = (static_cast<double>(grams_[k].find(gram).count) + distinct * probability) /
                    (static_cast<double>(seen.count) + distinct);
    }
    result[k] = probability;
  }
  return result;
}

}  // namespace lengthwise
