// The results file's columns: one run as a table of one row.
#pragma once
#include <string>

#include "experiments/runner/measure.h"
#include "experiments/runner/run_status.h"
#include "io/table.h"

namespace lengthwise {

/// How a run ended, beside what it measured.
struct RunEnd {
  RunStatus status = RunStatus::ok;
  std::string reason;           // in one line; "" for ok
  int64_t resumed_steps = 0;    // of its training, taken from a checkpoint
  bool shares_machine = false;  // other runs of the sweep went on beside it
};

/// `id` and `data_hash` as planned; absent numbers are NaN.
Table record_table(const RunConfig& config, uint64_t id, uint64_t data_hash, const RunEnd& end,
                   const RunResult& result);

/// Others took more than 5 % of the cores while cost was measured.
bool machine_was_loaded(const RunCost& cost);

/// `record` with the cost of `measured`, an earlier record of the same run.
Table with_cost_of(Table record, const Table& measured);
/// A record that another process left, with its true end.
Table with_end(Table record, const RunEnd& end);

/// What a record says of its run's end.
struct RecordedEnd {
  uint64_t id = 0;
  RunStatus status = RunStatus::ok;
  std::string reason, commit;
  bool machine_loaded = false;  // its timings were taken beside other work
};
/// The columns that tell it.
const std::vector<std::string>& recorded_end_columns();
/// UserError (without the file's name) where the table is not the record of one run.
RecordedEnd recorded_end(const Table& table);

}  // namespace lengthwise
