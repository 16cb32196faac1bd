// How long a sweep still takes, by what its runs will cost and what those that ended took.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "experiments/runner/shard.h"

namespace lengthwise {

class RemainingTime {
 public:
  /// `weights`: what each run will cost; `jobs` go on at a time.
  RemainingTime(std::vector<RunWeight> weights, int jobs);
  /// It did all that it was to do, now and in this sweep, and took so long.
  void ended(size_t run, double seconds);
  /// It need not be done, or ended before its time.
  void skipped(size_t run);
  /// As in "about 3 min 20 s left"; "" before a run has ended, and when none is left.
  std::string text() const;

 private:
  // Training and measuring take different times for the same work. Until a run of a kind has
  // ended, the other kind speaks for it.
  struct Kind {
    double left_flops = 0, ended_flops = 0, seconds = 0;
  };
  Kind& kind_of(size_t run) { return kinds_.at(weights_.at(run).trains ? 1 : 0); }
  double take(size_t run);

  std::vector<RunWeight> weights_;  // 0 for what is done
  std::array<Kind, 2> kinds_;
  int jobs_;
};

}  // namespace lengthwise
