#pragma once
#include <functional>
#include <string>
#include <vector>

namespace lengthwise {

/// How a child ended: by its exit code, or by a signal.
struct ChildEnd {
  int exit_code = 0;
  int signal = 0;
};

/// Starts this program anew with these arguments (a bare fork after a parallel region would hang),
/// calls on_line for each line of its standard output as it comes, and waits for its end.
ChildEnd run_child(const std::vector<std::string>& arguments,
                   const std::function<void(const std::string&)>& on_line);

/// The calling process is killed when its parent dies.
void die_with_parent();

}  // namespace lengthwise
