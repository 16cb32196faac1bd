#include "base/memory.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/check.h"

namespace lengthwise {
namespace {

constexpr int64_t kAlignment = 64;

// A free block serves a request that fills at least 4/5 of it; a worse fit would hide memory.
bool fits(int64_t block_bytes, int64_t wanted_bytes) {
  return block_bytes - wanted_bytes <= block_bytes / 5;
}

// Where a pool block's true size is kept: in a line of its own before the block.
int64_t& block_size(void* block) {
  return *reinterpret_cast<int64_t*>(static_cast<std::byte*>(block) - kAlignment);
}

void* system_allocate(int64_t bytes) {
  // Rows of a head stand far apart, each on a page of its own: large blocks ask for large pages, if
  // the system has them, so that finding a page does not cost more than reading the row.
  constexpr int64_t kLargePage = int64_t{1} << 21;
  const bool large = bytes >= 2 * kLargePage;
  const auto size = static_cast<size_t>(bytes + kAlignment);
  void* line = nullptr;
  if (posix_memalign(&line, static_cast<size_t>(large ? kLargePage : kAlignment), size) != 0) {
    throw std::bad_alloc();
  }
  if (large) madvise(line, size, MADV_HUGEPAGE);
  void* block = static_cast<std::byte*>(line) + kAlignment;
  block_size(block) = bytes;
  return block;
}

void system_free(void* block) { std::free(static_cast<std::byte*>(block) - kAlignment); }

}  // namespace

std::string_view tag_name(Tag tag) {
  constexpr std::array<std::string_view, kTags> kNames = {
      "parameters", "gradients", "optimizer", "activations", "workspace", "state", "data"};
  return kNames.at(static_cast<size_t>(tag));
}

OutOfMemory::OutOfMemory(int64_t wanted, int64_t live, int64_t limit)
    : std::runtime_error(
          fmt::format("out of memory: {} bytes wanted, {} in use, limit {}", wanted, live, limit)),
      wanted_bytes(wanted),
      live_bytes(live),
      limit_bytes(limit) {}

MemoryLedger& MemoryLedger::instance() {
  static MemoryLedger ledger;
  return ledger;
}

MemoryLedger::~MemoryLedger() {
  for (const auto& [size, block] : pool_) system_free(block);
}

void* MemoryLedger::allocate(int64_t bytes, Tag tag, Scope scope) {
  check(bytes >= 0, fmt::format("allocation of {} bytes", bytes));
  const int64_t size = ledger_bytes(bytes);
  const std::lock_guard lock(mutex_);
  if (limit_bytes_ > 0 && use_.live_bytes + size > limit_bytes_) {
    throw OutOfMemory(size, use_.live_bytes, limit_bytes_);
  }
  void* block = nullptr;
  const auto free = pool_.lower_bound(size);
  if (free != pool_.end() && fits(free->first, size)) {
    block = free->second;
    use_.pooled_bytes -= free->first;
    pool_.erase(free);
  } else {
    block = system_allocate(size);
  }
  const auto raise = [&](int64_t& live, int64_t& peak) {
    live += size;
    peak = std::max(peak, live);
  };
  const auto t = static_cast<size_t>(tag);
  const auto s = static_cast<size_t>(scope);
  raise(use_.live_bytes, use_.peak_bytes);
  raise(use_.live_by_tag[t], use_.peak_by_tag[t]);
  raise(use_.live[s][t], use_.peak[s][t]);
  if (poison_) std::memset(block, 0xff, static_cast<size_t>(size));  // all ones is a NaN
  return block;
}

void MemoryLedger::release(void* block, int64_t bytes, Tag tag, Scope scope) noexcept {
  if (block == nullptr) return;
  const int64_t size = ledger_bytes(bytes);
  const std::lock_guard lock(mutex_);
  use_.live_bytes -= size;
  use_.live_by_tag[static_cast<size_t>(tag)] -= size;
  use_.live[static_cast<size_t>(scope)][static_cast<size_t>(tag)] -= size;
  use_.pooled_bytes += block_size(block);
  pool_.emplace(block_size(block), block);
}

MemoryUse MemoryLedger::use() const {
  const std::lock_guard lock(mutex_);
  return use_;
}

void MemoryLedger::reset_peaks() {
  const std::lock_guard lock(mutex_);
  use_.peak_bytes = use_.live_bytes;
  use_.peak_by_tag = use_.live_by_tag;
  use_.peak = use_.live;
}

void MemoryLedger::release_pool() {
  const std::lock_guard lock(mutex_);
  for (const auto& [size, block] : pool_) system_free(block);
  pool_.clear();
  use_.pooled_bytes = 0;
}

void MemoryLedger::set_limit_bytes(int64_t limit) {
  const std::lock_guard lock(mutex_);
  limit_bytes_ = limit;
}

void MemoryLedger::set_poison(bool poison) {
  const std::lock_guard lock(mutex_);
  poison_ = poison;
}

}  // namespace lengthwise
