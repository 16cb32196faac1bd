#include "base/text_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace lengthwise {

size_t display_width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;  // not inside a character
  }));
}

std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    if (row.size() == 1) continue;
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(row[i]));
    }
  }
  size_t total = 0;
  for (const size_t width : widths) total += width + 2;
  std::string text;
  for (const auto& row : rows) {
    if (row.size() == 1) {
      for (size_t i = 2; i < total; ++i) text += row[0];
      text += '\n';
      continue;
    }
    for (size_t i = 0; i < widths.size(); ++i) {
      const std::string cell = i < row.size() ? row[i] : "";
      const std::string blanks(widths[i] - display_width(cell), ' ');
      text += i == 0 ? cell + blanks : "  " + blanks + cell;
    }
    text += '\n';
  }
  return text;
}

std::string short_number(double value) {
  if (!std::isfinite(value)) return "-";
  const double size = std::abs(value);
  if (size == 0) return "0";
  const int decimals = 2 - static_cast<int>(std::floor(std::log10(size)));
  return fmt::format("{:.{}f}", value, std::clamp(decimals, 0, 9));
}

Scale common_scale(const std::vector<double>& values, const std::vector<Scale>& scales) {
  double least = 0, most = 0;
  for (const double value : values) {
    if (!std::isfinite(value) || value <= 0) continue;
    least = least == 0 ? value : std::min(least, value);
    most = std::max(most, value);
  }
  Scale best = scales.front();
  for (const Scale& scale : scales) {
    if (scale.divisor <= std::sqrt(least * most)) best = scale;
  }
  return best;
}

}  // namespace lengthwise
