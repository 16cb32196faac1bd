#include "base/parallel.h"

#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/check.h"

namespace lengthwise {
namespace {

// A worker looks this often for the next loop before it sleeps: loops come microseconds apart.
constexpr int kSpins = 4000;

void pause_core() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

struct Loop {
  int64_t tasks = 0;
  void (*call)(const void*, int64_t, int) = nullptr;
  const void* body = nullptr;
  std::atomic<int64_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;

  void work(int worker) {
    while (true) {
      const int64_t task = next.fetch_add(1, std::memory_order_relaxed);
      if (task >= tasks) return;
      try {
        call(body, task, worker);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
        next.store(tasks, std::memory_order_relaxed);
      }
    }
  }
};

thread_local int this_worker = -1;  // -1: outside any loop

class ThreadPool {
 public:
  explicit ThreadPool(int threads) {
    for (int worker = 1; worker < threads; ++worker) {
      threads_.emplace_back([this, worker] { serve(worker); });
    }
  }

  ~ThreadPool() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
      generation_.fetch_add(1);
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(threads_.size()) + 1; }

  void run(Loop& loop) {
    {
      const std::lock_guard lock(mutex_);
      loop_ = &loop;
      generation_.fetch_add(1);
    }
    wake_.notify_all();
    this_worker = 0;
    loop.work(0);
    this_worker = -1;
    // Only workers that came must leave before the loop goes: one that the system has not woken yet
    // finds nothing to do, and nobody waits for it.
    {
      const std::lock_guard lock(mutex_);
      loop_ = nullptr;
    }
    for (int spin = 0; inside_.load() > 0 && spin < kSpins; ++spin) pause_core();
    if (inside_.load() == 0) return;
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return inside_.load() == 0; });
  }

 private:
  void serve(int worker) {
    this_worker = worker;
    uint64_t seen = 0;
    while (true) {
      for (int spin = 0; generation_.load() == seen && spin < kSpins; ++spin) pause_core();
      Loop* loop = nullptr;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return generation_.load() != seen; });
        if (stop_) return;
        seen = generation_.load();
        loop = loop_;
        if (loop == nullptr) continue;
        inside_.fetch_add(1);
      }
      loop->work(worker);
      const std::lock_guard lock(mutex_);
      if (inside_.fetch_sub(1) == 1) done_.notify_one();
    }
  }

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::atomic<uint64_t> generation_{0};
  std::atomic<int> inside_{0};  // workers at work on the loop
  Loop* loop_ = nullptr;
  bool stop_ = false;
};

std::unique_ptr<ThreadPool>& pool() {
  static auto pool = std::make_unique<ThreadPool>(available_cores());
  return pool;
}

}  // namespace

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

int thread_count() { return pool()->size(); }

void set_thread_count(int threads) {
  check(this_worker < 0, "set_thread_count inside a parallel loop");
  const int wanted = threads > 0 ? threads : available_cores();
  if (wanted != thread_count()) pool() = std::make_unique<ThreadPool>(wanted);
}

void internal::parallel_run(int64_t tasks, void (*call)(const void*, int64_t, int),
                            const void* body) {
  const bool nested = this_worker >= 0;
  if (nested || tasks <= 1 || thread_count() == 1) {
    const int worker = nested ? this_worker : 0;
    for (int64_t task = 0; task < tasks; ++task) call(body, task, worker);
    return;
  }
  Loop loop;
  loop.tasks = tasks;
  loop.call = call;
  loop.body = body;
  pool()->run(loop);
  if (loop.error) std::rethrow_exception(loop.error);
}

}  // namespace lengthwise
