// Errors of two kinds: UserError is for the person at the keyboard (one line, exit code 2);
// CheckFailure is a broken promise inside the program and prints both values.
#pragma once
#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace lengthwise {

/// One line that names the key or file, what was found and what was expected.
class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A broken internal promise.
class CheckFailure : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

template <class... Args>
[[noreturn]] void user_error(fmt::format_string<Args...> format, Args&&... args) {
  throw UserError(fmt::format(format, std::forward<Args>(args)...));
}

/// Where a check stands. (std::source_location needs a newer clang than Debian 12's.)
struct CodePlace {
  const char* file;
  int line;
  static constexpr CodePlace here(const char* file = __builtin_FILE(),
                                  int line = __builtin_LINE()) {
    return {file, line};
  }
};

[[noreturn]] void check_failed(std::string_view what, CodePlace where);

inline void check(bool holds, std::string_view what, CodePlace where = CodePlace::here()) {
  if (!holds) check_failed(what, where);
}

template <class A, class B>
void check_equal(const A& found, const B& expected, std::string_view what,
                 CodePlace where = CodePlace::here()) {
  if (!(found == expected)) {
    check_failed(fmt::format("{}: found {}, expected {}", what, found, expected), where);
  }
}

template <class A, class B, class C>
void check_in_range(const A& found, const B& least, const C& below, std::string_view what,
                    CodePlace where = CodePlace::here()) {
  if (!(least <= found && found < below)) {
    check_failed(
        fmt::format("{}: found {}, expected {} or more and under {}", what, found, least, below),
        where);
  }
}

}  // namespace lengthwise
