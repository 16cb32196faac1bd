// `lengthwise generate --checkpoint FILE --prompt TEXT`: what a trained model writes next.
#pragma once
#include <string>
#include <vector>

namespace lengthwise {

/// Writes one prompt's answer as it comes, those of several when they are there, in the prompts'
/// order: the exit code. UserError names the option or file.
int generate_command(const std::vector<std::string>& arguments);

}  // namespace lengthwise
