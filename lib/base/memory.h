// The memory ledger: every numeric buffer comes from one tracked, 64-byte aligned, pooled
// allocator and bears a tag (what it is for) and a scope (which part of the model asked for it).
// Live bytes are requested sizes rounded up to 64; free blocks of the pool are counted apart.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "base/scope.h"

namespace lengthwise {

enum class Tag : uint8_t {
  parameters,
  gradients,  // of parameters, and of activations while the backward pass needs them
  optimizer,
  activations,  // kept for the backward pass
  workspace,    // gone when the operation returns; in inference, an operation's result too
  state,        // what decoding remembers
  data,         // tokens and labels
};
inline constexpr size_t kTags = 7;
std::string_view tag_name(Tag tag);

/// The ledger's limit would be passed. A result to record, not a crash.
class OutOfMemory : public std::runtime_error {
 public:
  OutOfMemory(int64_t wanted, int64_t live, int64_t limit);
  int64_t wanted_bytes, live_bytes, limit_bytes;
};

/// Bytes per scope and tag.
using ByteTable = std::array<std::array<int64_t, kTags>, kScopes>;

struct MemoryUse {
  int64_t live_bytes = 0, peak_bytes = 0;  // in total
  std::array<int64_t, kTags> live_by_tag{}, peak_by_tag{};
  ByteTable live{}, peak{};  // every peak is its own: they need not fall at the same moment
  int64_t pooled_bytes = 0;
};

class MemoryLedger {
 public:
  static MemoryLedger& instance();

  /// At least `bytes`, 64-byte aligned, contents undefined (NaN when poisoned). Thread-safe.
  /// Throws OutOfMemory past the limit.
  void* allocate(int64_t bytes, Tag tag, Scope scope);
  void release(void* block, int64_t bytes, Tag tag, Scope scope) noexcept;

  MemoryUse use() const;
  /// Every peak falls to what is live now.
  void reset_peaks();
  /// Gives the pool's free blocks back to the system.
  void release_pool();
  /// 0: no limit.
  void set_limit_bytes(int64_t limit);
  /// Fresh buffers are filled with NaN, so that reading before writing shows.
  void set_poison(bool poison);

  ~MemoryLedger();

 private:
  mutable std::mutex mutex_;
  MemoryUse use_;
  int64_t limit_bytes_ = 0;
  bool poison_ = false;
  std::multimap<int64_t, void*> pool_;  // by size
};

/// What an allocation of this many bytes adds to the live bytes.
constexpr int64_t ledger_bytes(int64_t bytes) { return (bytes + 63) / 64 * 64; }

/// For std::vector: tokens and labels under the tag `data`.
template <class T>
struct DataAllocator {
  using value_type = T;
  DataAllocator() = default;
  template <class U>
  DataAllocator(const DataAllocator<U>&) {}  // NOLINT(google-explicit-constructor)
  T* allocate(size_t n) {
    return static_cast<T*>(MemoryLedger::instance().allocate(static_cast<int64_t>(n * sizeof(T)),
                                                             Tag::data, Scope::rest));
  }
  void deallocate(T* block, size_t n) noexcept {
    MemoryLedger::instance().release(block, static_cast<int64_t>(n * sizeof(T)), Tag::data,
                                     Scope::rest);
  }
  bool operator==(const DataAllocator&) const { return true; }
};

template <class T>
using DataVector = std::vector<T, DataAllocator<T>>;

}  // namespace lengthwise
