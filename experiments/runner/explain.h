// `lengthwise explain NAME@LENGTH [--key value ...]`: where one model's FLOPs, bytes and seconds
// go.
#pragma once
#include <string>
#include <vector>

namespace lengthwise {

/// Measures the model in this process, as a run would, and prints what each part took beside what
/// the cost model says: the exit code. UserError: no length, a pair that cannot work, or keys that
/// name more than one run.
int explain(const std::vector<std::string>& arguments);

}  // namespace lengthwise
