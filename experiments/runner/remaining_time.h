// How long a sweep still takes, by what its runs will cost and what those that ended took.
#pragma once
#include <string>
#include <vector>

namespace lengthwise {

class RemainingTime {
 public:
  /// `weights`: what each run will cost, in any unit; `jobs` go on at a time.
  RemainingTime(std::vector<double> weights, int jobs);
  /// It took so long, now and in this sweep.
  void ended(size_t run, double seconds);
  /// It need not be done.
  void skipped(size_t run);
  /// As in "about 3 min 20 s left"; "" before a run has ended, and when none is left.
  std::string text() const;

 private:
  double take(size_t run);

  std::vector<double> weights_;  // 0 for what is done
  double left_ = 0, ended_ = 0, seconds_ = 0;
  int jobs_;
};

}  // namespace lengthwise
