#include <algorithm>
#include <set>

#include "experiments/analysis/accuracy_report.h"
#include "experiments/analysis/length_table.h"

namespace lengthwise {
namespace {

// A column of the table: "64 pairs=8".
struct Cell {
  int64_t test_length = 0;
  std::string part;

  bool operator<(const Cell& other) const {
    if (test_length != other.test_length) return test_length < other.test_length;
    return PartOrder{}(part, other.part);
  }
};

using Cells = std::vector<Cell>;
using Lines = std::vector<const ScoreLine*>;

std::vector<std::string> part_row(const ScoreLine& line, Score score, const Cells& cells) {
  std::vector<std::string> row = {line.label};
  for (const Cell& cell : cells) {
    row.emplace_back("-");
    const auto part = line.parts.find(cell.part);
    if (part == line.parts.end()) continue;
    const ScoreSpread& spread = part->second.of(score);
    const auto mean = spread.mean.find(cell.test_length);
    if (mean == spread.mean.end()) continue;
    row.back() = with_reach(mean->second, spread.interval.at(cell.test_length), "{:.3f}");
  }
  return row;
}

std::vector<std::string> ceiling_row(const ScoreLine& line, const Cells& cells) {
  std::vector<std::string> row = {"  ceiling"};
  for (const Cell& cell : cells) {
    row.emplace_back("");
    const auto part = line.parts.find(cell.part);
    if (part == line.parts.end()) continue;
    const auto ceiling = part->second.ceiling.find(cell.test_length);
    if (ceiling != part->second.ceiling.end()) row.back() = fmt::format("{:.3f}", ceiling->second);
  }
  return row;
}

// What a guess scores in each cell where all lines agree, to the digits shown; "" without any.
std::vector<std::string> chance_row(const Lines& lines, Score score, const Cells& cells) {
  std::vector<std::string> row = {"chance"};
  for (const Cell& cell : cells) {
    std::set<std::string> said;
    for (const ScoreLine* line : lines) {
      const auto part = line->parts.find(cell.part);
      if (part == line->parts.end()) continue;
      const NumberByLength& chances = part->second.exact_match_chance;
      const auto chance = chances.find(cell.test_length);
      if (score == Score::exact_match && chance != chances.end()) {
        said.insert(baseline_text(chance->second));
      }
      if (score == Score::accuracy && std::isfinite(line->chance)) {
        said.insert(baseline_text(line->chance));
      }
    }
    row.push_back(said.size() == 1 ? *said.begin() : "");
  }
  return row;
}

bool has_low_ceiling_in_parts(const ScoreLine& line) {
  return std::any_of(line.parts.begin(), line.parts.end(),
                     [](const auto& part) { return has_low_ceiling(part.second); });
}

std::string block(const Lines& lines, Score score, const Cells& cells) {
  std::vector<std::string> lengths = {"test length"}, parts = {"part"};
  for (const Cell& cell : cells) {
    lengths.push_back(std::to_string(cell.test_length));
    parts.push_back(cell.part);
  }
  Rows rows = {lengths, parts, {"-"}};
  for (const ScoreLine* line : lines) {
    rows.push_back(part_row(*line, score, cells));
    if (has_low_ceiling_in_parts(*line)) rows.push_back(ceiling_row(*line, cells));
  }
  std::vector<std::string> chance = chance_row(lines, score, cells);
  if (std::any_of(chance.begin() + 1, chance.end(), [](const auto& said) { return said != ""; })) {
    rows.push_back(std::move(chance));
  }
  return aligned(rows);
}

/// The table in pieces that fit in 110 columns, one below the other; of many pieces the last, since
/// what is long tells most.
std::string blocks(const Lines& lines, Score score, const Cells& cells) {
  constexpr size_t kWidth = 110, kMostBlocks = 4;
  std::vector<Cells> pieces;
  for (const Cell& cell : cells) {
    if (!pieces.empty()) {
      Cells wider = pieces.back();
      wider.push_back(cell);
      if (widest_line(block(lines, score, wider)) <= kWidth) {
        pieces.back() = std::move(wider);
        continue;
      }
    }
    pieces.push_back({cell});
  }
  std::string text;
  size_t left_out = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (i + kMostBlocks < pieces.size()) {
      left_out += pieces[i].size();
    } else {
      text += (text.empty() ? "" : "\n") + block(lines, score, pieces[i]);
    }
  }
  if (left_out > 0) text += fmt::format("({} parts of shorter tests: --json)\n", left_out);
  return text;
}

std::string part_table(const Comparison& comparison, Score score) {
  Lines lines;
  std::set<Cell> cells;
  bool several_seeds = false;
  for (const ScoreLine& line : comparison.scores) {
    if (!line.chosen || line.primary != score || line.parts.empty()) continue;
    lines.push_back(&line);
    several_seeds = several_seeds || line.seeds.size() > 1;
    for (const auto& [part, summary] : line.parts) {
      for (const auto& [length, mean] : summary.of(score).mean) cells.insert({length, part});
    }
  }
  if (cells.empty()) return "";
  return fmt::format("\n{} by part of the test{}\n", score_title(score),
                     several_seeds ? ", mean over seeds ± half its 95 % interval" : "") +
         blocks(lines, score, {cells.begin(), cells.end()});
}

}  // namespace

std::string parts_text(const Comparison& comparison) {
  std::string text;
  for (size_t i = 0; i < kScoreKinds; ++i) text += part_table(comparison, static_cast<Score>(i));
  return text;
}

}  // namespace lengthwise
