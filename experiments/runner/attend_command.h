// `lengthwise attend --checkpoint FILE --input TEXT`: what a trained model's attention looks at.
#pragma once
#include <string>
#include <vector>

namespace lengthwise {

/// Prints each head's summary, and writes the weights where a file is asked for: the exit code.
/// UserError names the option or file.
int attend_command(const std::vector<std::string>& arguments);

}  // namespace lengthwise
