#include "experiments/runner/progress_line.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace lengthwise {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

size_t terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// A line that wraps cannot be rewritten.
std::string_view cut(std::string_view text, size_t columns) {
  if (text.size() < columns) return text;
  size_t end = columns - 1;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;  // UTF-8
  return text.substr(0, end);
}

}  // namespace

ProgressLine::ProgressLine()
    : terminal_(isatty(STDERR_FILENO) != 0 && environment("TERM") != "dumb"),
      colours_(terminal_ && environment("NO_COLOR").empty()) {}

void ProgressLine::update(const std::string& text) const {
  if (terminal_) fmt::print(stderr, "\r\033[K{}", cut(text, terminal_columns()));
}

void ProgressLine::finish(const std::string& text) const {
  fmt::print(stderr, "{}{}\n", terminal_ ? "\r\033[K" : "", text);
}

std::string ProgressLine::toned(const std::string& text, Tone tone) const {
  const int colour = tone == Tone::failure ? 31 : 33;
  return colours_ ? fmt::format("\033[{}m{}\033[0m", colour, text) : text;
}

}  // namespace lengthwise
