#include "experiments/runner/units.h"

#include <array>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/options.h"

namespace lengthwise {
namespace {

struct Suffix {
  std::string_view text;
  double factor;
};

// The number before one of these suffixes, times its factor.
template <size_t N>
double parse_amount(std::string_view key, std::string_view text,
                    const std::array<Suffix, N>& suffixes, double most, std::string_view expected) {
  const size_t digits = text.find_first_not_of("0123456789.");
  const std::string_view number = text.substr(0, digits);
  const std::string_view suffix =
      digits == std::string_view::npos ? std::string_view() : text.substr(digits);
  for (const Suffix& known : suffixes) {
    if (known.text != suffix || number.empty()) continue;
    double value = 0;
    try {
      value = parse_number(key, number, {0, most}) * known.factor;
    } catch (const UserError&) {
      break;
    }
    if (value > 0 && value <= most) return value;
  }
  user_error("{}: found '{}', expected {}", key, text, expected);
}

template <size_t N>
std::string scaled(double value, double step, const std::array<const char*, N>& units) {
  size_t unit = 0;
  while (unit + 1 < N && std::abs(value) >= step) {
    value /= step;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, unit == 0 || value >= 100 ? 0 : 1, units[unit]);
}

}  // namespace

int64_t parse_bytes(std::string_view key, std::string_view text) {
  constexpr std::array<Suffix, 5> kSuffixes = {
      {{"", 1}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}}};
  return static_cast<int64_t>(
      parse_amount(key, text, kSuffixes, 0x1p60, "an amount of memory, as in 500MiB or 2GiB"));
}

double parse_seconds(std::string_view key, std::string_view text) {
  constexpr std::array<Suffix, 4> kSuffixes = {{{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}}};
  return parse_amount(key, text, kSuffixes, 1e9, "a time above 0, as in 90s, 15m or 2h");
}

std::string bytes_text(int64_t bytes) {
  return scaled(static_cast<double>(bytes), 1024, std::array{"B", "KiB", "MiB", "GiB", "TiB"});
}

std::string memory_text(const OutOfMemory& error) {
  return fmt::format("{} wanted, {} in use, limit {}", bytes_text(error.wanted_bytes),
                     bytes_text(error.live_bytes), bytes_text(error.limit_bytes));
}

std::string flops_text(double flops) {
  return scaled(flops, 1000,
                std::array{"FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP", "EFLOP"});
}

std::string seconds_text(double seconds) {
  if (seconds < 0.1) return fmt::format("{:.0f} ms", seconds * 1e3);
  if (seconds < 100) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 6000) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

}  // namespace lengthwise
