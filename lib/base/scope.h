// Which part of the model is at work. Bytes, FLOPs, exponentials and seconds are kept per scope.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lengthwise {

enum class Scope : uint8_t {
  attention,    // scores, weights and mixing: what the variant itself does
  projections,  // queries, keys, values and the output projection, rotation included
  feed_forward,
  head,  // projection to the vocabulary and the loss
  rest,  // embedding, norms, residuals, optimizer
};
inline constexpr size_t kScopes = 5;
std::string_view scope_name(Scope scope);

/// Process-wide; changed only outside parallel loops, whose bodies inherit it.
Scope current_scope();

/// Enters a scope until the end of the block.
class ScopeGuard {
 public:
  explicit ScopeGuard(Scope scope);
  ~ScopeGuard();
  ScopeGuard(const ScopeGuard&) = delete;
  ScopeGuard& operator=(const ScopeGuard&) = delete;

 private:
  Scope before_;
};

}  // namespace lengthwise
