// Cells in columns for the terminal.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lengthwise {

/// Columns that a terminal shows of this UTF-8 text (no wide or combining characters).
size_t display_width(std::string_view text);

/// Lines of one display width: the first cell to the left, the others to the right, two blanks
/// between. A row of one cell is a rule drawn with that cell. Missing cells are blank.
std::string aligned(const std::vector<std::vector<std::string>>& rows);

/// Three significant digits without an exponent; "-" for NaN.
std::string short_number(double value);

/// A factor and a name for all numbers of one table.
struct Scale {
  double divisor;
  std::string_view name;
};
/// The largest of the rising scales that is no larger than the middle of the numbers, in logarithm.
Scale common_scale(const std::vector<double>& values, const std::vector<Scale>& scales);

}  // namespace lengthwise
