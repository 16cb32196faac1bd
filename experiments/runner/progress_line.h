#pragma once
#include <fmt/format.h>
#include <unistd.h>

#include <string>

namespace lengthwise {

/// Progress on stderr: a line that rewrites itself on a terminal, one line a run elsewhere.
class ProgressLine {
 public:
  void update(const std::string& text) const {
    if (terminal_) fmt::print(stderr, "\r\033[K{}", text.substr(0, 120));
  }
  void finish(const std::string& text) const {
    fmt::print(stderr, "{}{}\n", terminal_ ? "\r\033[K" : "", text);
  }

 private:
  bool terminal_ = isatty(STDERR_FILENO) != 0;
};

}  // namespace lengthwise
