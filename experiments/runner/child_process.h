#pragma once
#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace lengthwise {

/// How a child ended: by its exit code, or by a signal.
struct ChildEnd {
  int exit_code = 0;
  int signal = 0;
};

/// This program, started anew with other arguments (a bare fork after a parallel region would
/// hang). Killed when it goes out of scope before its end.
class Child {
 public:
  /// `inherited`, where not -1, stays open in the child.
  Child(const std::vector<std::string>& arguments, int inherited);
  Child(Child&& other) noexcept;
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Readable when there is something to read, or when the child has ended.
  int output() const { return output_; }
  /// Reads what is there, calls on_line for each whole line of it; the end, once there is no more.
  std::optional<ChildEnd> read(const std::function<void(const std::string&)>& on_line);
  void signal(int number) const;

 private:
  pid_t pid_ = 0;
  int output_ = -1;
  std::string pending_;
};

/// Starts this program with these arguments and waits for its end.
ChildEnd run_child(const std::vector<std::string>& arguments,
                   const std::function<void(const std::string&)>& on_line);

/// The calling process is killed when `parent` dies; false where it is dead already.
bool die_with_parent(int64_t parent);

/// As in "SIGSEGV".
std::string signal_name(int number);

}  // namespace lengthwise
