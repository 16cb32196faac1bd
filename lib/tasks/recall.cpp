#include "tasks/recall.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/options.h"

namespace lengthwise {
namespace {

constexpr IntegerRange kSizes{1, kLargestSize};

RecallCell parse_cell(std::string_view key, std::string_view text) {
  const size_t cross = text.find('x'), star = text.find('*');
  if (cross == 0 || cross == std::string_view::npos || text.ends_with('x')) {
    user_error("{}: found the cell '{}', expected T x pairs and a weight, as 64x4*5", key, text);
  }
  RecallCell cell;
  cell.length = parse_integer(key, text.substr(0, cross), kSizes);
  cell.pairs = parse_integer(key, text.substr(cross + 1, star - cross - 1), kSizes);
  if (star != std::string_view::npos) {
    cell.weight = parse_integer(key, text.substr(star + 1), {1, 1'000'000});
  }
  return cell;
}

}  // namespace

// These leave room enough: V > T >= 4*pairs makes both keys and values at least 2*pairs - 1.
void check_recall_cell(std::string_view length_key, std::string_view pairs_key,
                       const RecallCell& cell, int64_t vocabulary) {
  if (cell.length < 4 || cell.length % 2 != 0) {
    user_error("{}: found {}, expected an even number of at least 4 for task mqar", length_key,
               cell.length);
  }
  if (cell.pairs > cell.length / 4) {
    user_error("{}: found {}, expected at most {}, a quarter of length {}", pairs_key, cell.pairs,
               cell.length / 4, cell.length);
  }
  if (vocabulary <= cell.length) {
    user_error("task.mqar.vocabulary: found {}, expected more than length {}", vocabulary,
               cell.length);
  }
}

std::vector<RecallCell> parse_recall_cells(std::string_view key, std::string_view text,
                                           int64_t vocabulary) {
  std::vector<RecallCell> cells;
  if (text.empty()) return cells;
  for (const std::string_view part : split_text(text, '+')) {
    cells.push_back(parse_cell(key, part));
    const RecallCell& cell = cells.back();
    check_recall_cell(key, key, cell, vocabulary);
    const auto same = [&](const RecallCell& other) {
      return other.length == cell.length && other.pairs == cell.pairs;
    };
    if (std::any_of(cells.begin(), cells.end() - 1, same)) {
      user_error("{}: found {}x{} twice, expected every cell once", key, cell.length, cell.pairs);
    }
  }
  return cells;
}

RecallGaps::RecallGaps(const RecallCell& cell, double power) : pairs_(cell.pairs) {
  const int64_t gaps = (cell.length - 2 * cell.pairs) / 2;
  check_in_range(pairs_, 0, gaps + 1, "gaps of a recall cell");
  for (int64_t gap = 0; gap < gaps; ++gap) {
    mean_arrivals_.push_back(std::pow(static_cast<double>(gap + 1), 1.0 - power));
  }
}

// Each draw with probability proportional to 1 / mean_arrival among the gaps left: the order of
// independent exponential arrival times.
std::vector<int64_t> RecallGaps::draw(RandomStream& random) const {
  DataVector<std::pair<double, int64_t>> arrivals;
  arrivals.reserve(mean_arrivals_.size());
  for (const double mean : mean_arrivals_) {
    arrivals.emplace_back(-std::log(1.0 - random.uniform()) * mean, std::ssize(arrivals));
  }
  std::partial_sort(arrivals.begin(), arrivals.begin() + pairs_, arrivals.end());
  std::vector<int64_t> gaps;
  for (int64_t i = 0; i < pairs_; ++i) gaps.push_back(arrivals[static_cast<size_t>(i)].second);
  return gaps;
}

double recall_ceiling(const RecallCell& cell, double power, int64_t reach) {
  constexpr int64_t kLabels = 400'000;
  if (reach >= cell.length) return 1;
  const RecallGaps gaps(cell, power);
  const int64_t examples = (kLabels + cell.pairs - 1) / cell.pairs;
  int64_t reached = 0;
  for (int64_t example = 0; example < examples; ++example) {
    RandomStream random(0, Purpose::probe, 0, static_cast<uint64_t>(example));
    const std::vector<int64_t> drawn = gaps.draw(random);
    for (int64_t i = 0; i < cell.pairs; ++i) {
      const int64_t query = 2 * cell.pairs + 2 * drawn[static_cast<size_t>(i)];
      reached += query - (2 * i + 1) <= reach;
    }
  }
  return static_cast<double>(reached) / static_cast<double>(examples * cell.pairs);
}

}  // namespace lengthwise
