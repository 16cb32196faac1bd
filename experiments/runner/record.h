// The results file's columns: one run as a table of one row.
#pragma once
#include <string>

#include "experiments/runner/measure.h"
#include "io/table.h"

namespace lengthwise {

enum class RunStatus : uint8_t { ok, out_of_memory, timed_out, crashed, diverged, refused };

/// `id` and `data_hash` as planned; absent numbers are NaN.
Table record_table(const RunConfig& config, const std::string& id, uint64_t data_hash,
                   RunStatus status, const RunResult& result);

}  // namespace lengthwise
