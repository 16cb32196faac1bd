#pragma once
#include <string>

namespace lengthwise {

/// Progress on stderr: on a terminal one line that rewrites itself, cut to the terminal's width;
/// elsewhere nothing but the lines that stay.
class ProgressLine {
 public:
  ProgressLine();
  /// Takes the place of the last one; "" takes it away.
  void update(const std::string& text) const;
  /// Stays.
  void finish(const std::string& text) const;

  /// `text` in a colour, where there is a terminal and NO_COLOR is not set. A colour says nothing
  /// that the text does not say.
  enum class Tone { caution, failure };
  std::string toned(const std::string& text, Tone tone) const;

 private:
  bool terminal_, colours_;
};

}  // namespace lengthwise
