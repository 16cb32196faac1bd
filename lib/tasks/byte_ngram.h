// Byte n-gram models: what counting alone predicts, as a line to hold a trained model against.
#pragma once
#include <array>
#include <cstdint>
#include <span>

#include "base/memory.h"

namespace lengthwise {

/// Adds counts by key. Open addressing with linear probing, at most half full.
class CountTable {
 public:
  struct Entry {
    uint64_t key_plus_one = 0;  // 0: free
    int64_t count = 0, additions = 0;
  };

  void add(uint64_t key, int64_t count);
  /// A free entry where the key was never added.
  const Entry& find(uint64_t key) const { return entries_[slot_of(key)]; }
  /// Free ones included.
  const DataVector<Entry>& entries() const { return entries_; }

 private:
  size_t slot_of(uint64_t key) const;
  void grow();

  DataVector<Entry> entries_ = DataVector<Entry>(2);
  size_t used_ = 0;
  int shift_ = 63;  // 64 - log2 of the number of slots
};

/// Interpolated Witten-Bell (Witten and Bell 1991) with 0 to 4 bytes of context:
///   P_k(c | context) = (count(context c) + distinct(context) P_{k-1}(c | shorter context))
///                      / (count(context) + distinct(context)),    P_{-1} = 1/256,
/// and P_{k-1} where the context never occurred.
class ByteNgram {
 public:
  static constexpr int64_t kMostContext = 4;

  /// Counts within each run, never across two.
  explicit ByteNgram(std::span<const std::span<const uint8_t>> runs);

  /// P_0 .. P_4 of `next` after `context`, the oldest byte first.
  std::array<double, kMostContext + 1> probabilities(std::span<const uint8_t, kMostContext> context,
                                                     uint8_t next) const;

 private:
  std::array<CountTable, kMostContext + 1> grams_;     // k bytes of context and the next byte
  std::array<CountTable, kMostContext + 1> contexts_;  // k bytes; additions: distinct next bytes
};

}  // namespace lengthwise
