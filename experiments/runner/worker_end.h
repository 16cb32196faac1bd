// What follows from how a worker ended.
#pragma once
#include <optional>

#include "experiments/runner/child_process.h"
#include "experiments/runner/record.h"

namespace lengthwise {

/// What its runner knows of it.
struct WorkerEnd {
  ChildEnd child;
  double killed_after_seconds = 0;  // its time limit, where the runner killed it for that
  bool kernel_killed = false;       // something, for want of memory, while it ran
  bool is_stopping = false;         // the sweep
  int ended_by_others_before = 0;   // earlier workers of this run
};

enum class NextStep {
  count,        // there is a record, once `in_its_place` is written
  start_again,  // somebody ended it, but not the run
  leave,        // to the next call of the sweep
  give_up,      // results cannot be written
};

struct Consequence {
  NextStep next = NextStep::count;
  std::optional<RunEnd> in_its_place;  // what the worker could not record itself
};

Consequence consequence_of(const WorkerEnd& end);

}  // namespace lengthwise
