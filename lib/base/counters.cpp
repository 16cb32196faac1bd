#include "base/counters.h"

#include <atomic>
#include <chrono>
#include <numeric>

#include "base/check.h"

namespace lengthwise {
namespace {

using Clock = std::chrono::steady_clock;

struct State {
  std::array<std::atomic<int64_t>, kScopes> flops{}, exponentials{};
  std::array<double, kScopes> seconds{};
  std::atomic<Scope> scope{Scope::rest};
  Clock::time_point entered = Clock::now();
};

State& state() {
  static State state;
  return state;
}

size_t index(Scope scope) { return static_cast<size_t>(scope); }

void charge_seconds() {
  State& s = state();
  const auto now = Clock::now();
  s.seconds[index(s.scope)] += std::chrono::duration<double>(now - s.entered).count();
  s.entered = now;
}

}  // namespace

std::string_view scope_name(Scope scope) {
  constexpr std::array<std::string_view, kScopes> kNames = {"attention", "projections",
                                                            "feed_forward", "head", "rest"};
  return kNames.at(index(scope));
}

Scope current_scope() { return state().scope; }

ScopeGuard::ScopeGuard(Scope scope) : before_(current_scope()) {
  charge_seconds();
  state().scope = scope;
}

ScopeGuard::~ScopeGuard() {
  charge_seconds();
  state().scope = before_;
}

void count_flops(int64_t flops) {
  state().flops[index(current_scope())].fetch_add(flops, std::memory_order_relaxed);
}

void count_exponentials(int64_t exponentials) {
  state().exponentials[index(current_scope())].fetch_add(exponentials, std::memory_order_relaxed);
}

Counts read_counters() {
  charge_seconds();
  Counts counts;
  for (size_t i = 0; i < kScopes; ++i) {
    counts.flops[i] = state().flops[i];
    counts.exponentials[i] = state().exponentials[i];
  }
  counts.seconds = state().seconds;
  return counts;
}

void reset_counters() {
  for (size_t i = 0; i < kScopes; ++i) {
    state().flops[i] = 0;
    state().exponentials[i] = 0;
  }
  state().seconds = {};
  state().entered = Clock::now();
}

int64_t Counts::total_flops() const {
  return std::accumulate(flops.begin(), flops.end(), int64_t{0});
}

int64_t Counts::total_exponentials() const {
  return std::accumulate(exponentials.begin(), exponentials.end(), int64_t{0});
}

double Counts::total_seconds() const {
  return std::accumulate(seconds.begin(), seconds.end(), 0.0);
}

}  // namespace lengthwise
