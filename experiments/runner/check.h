#pragma once
#include <string>
#include <vector>

namespace lengthwise {

/// What `lengthwise check` found: what goes to stdout, and whether a law failed.
struct CheckReport {
  std::string text;
  bool broken = false;
};

/// The laws on the variants and schemes of these names, or on all. A variant is tried with every
/// scheme in whole models too, and a scheme with every variant. UserError for an unknown name.
/// Progress on stderr where that is a terminal.
CheckReport check_laws(const std::vector<std::string>& names, bool all, bool json);

}  // namespace lengthwise
