// The one parallel loop; the only place that knows threads. Work is cut by size and never by the
// number of threads, so that any number of threads gives the same bits.
#pragma once
#include <cstdint>

namespace lengthwise {

/// Threads that parallel loops use, the caller's included; at first the cores of this process's
/// affinity mask.
int thread_count();
/// 0: the cores of the affinity mask. Not inside a parallel loop.
void set_thread_count(int threads);
/// Cores that this process may run on.
int available_cores();

namespace internal {
void parallel_run(int64_t tasks, void (*call)(const void* body, int64_t task, int worker),
                  const void* body);
}

/// Calls body(task, worker) once for every task in [0, tasks), in any order; worker in
/// [0, thread_count()) names the slab of scratch memory that this call may use. A loop inside a
/// loop runs on the calling thread with its worker. The first exception thrown is rethrown here.
template <class Body>
void parallel_for(int64_t tasks, const Body& body) {
  internal::parallel_run(
      tasks,
      [](const void* erased, int64_t task, int worker) {
        (*static_cast<const Body*>(erased))(task, worker);
      },
      &body);
}

/// How many pieces of `grain` cover `size`, and where piece `i` ends.
constexpr int64_t pieces(int64_t size, int64_t grain) { return (size + grain - 1) / grain; }
constexpr int64_t piece_end(int64_t piece, int64_t grain, int64_t size) {
  return (piece + 1) * grain < size ? (piece + 1) * grain : size;
}

/// Calls body(begin, end) for consecutive ranges of at most `grain` that cover [0, size).
template <class Body>
void parallel_ranges(int64_t size, int64_t grain, const Body& body) {
  parallel_for(pieces(size, grain),
               [&](int64_t piece, int) { body(piece * grain, piece_end(piece, grain, size)); });
}

}  // namespace lengthwise
