// Multi-query associative recall: `k v k v ...`, then zeros among which every key is asked for
// once. The generator is that of HazyResearch/zoology, zoology/data/multiquery_ar.py, in law: other
// random numbers, same distribution.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "tasks/recall.h"
#include "tasks/task.h"

namespace lengthwise {
namespace {

/// `count` different numbers in [least, end), every ordered choice equally likely. Draws again what
/// was drawn before: quick while count is at most about half of what there is.
std::vector<int64_t> draw_distinct(RandomStream& random, int64_t least, int64_t end,
                                   int64_t count) {
  check_in_range(count, 0, end - least + 1, "distinct numbers");
  std::vector<int64_t> drawn;
  std::unordered_set<int64_t> seen;
  while (std::ssize(drawn) < count) {
    const int64_t number = least + random.below(end - least);
    if (seen.insert(number).second) drawn.push_back(number);
  }
  return drawn;
}

class Mqar final : public Task {
 public:
  struct Options {
    int64_t vocabulary = 8192, pairs = 4;
    double power = 0.01;
    bool random_non_queries = false;
    std::string train_cells, test_cells;
    void visit(OptionVisitor& visitor) {
      visitor.integer("vocabulary", vocabulary, {4, std::numeric_limits<int32_t>::max()},
                      "number of different tokens: 0, keys under the half, values from there on");
      visitor.integer("pairs", pairs, {1, kLargestSize},
                      "key-value pairs in a sequence, where no cells are named");
      visitor.number("power", power, {0, 10},
                     "a of the gap between pairs and query: P(g) ~ (g+1)^(a-1); 1 is uniform");
      visitor.flag("random_non_queries", random_non_queries,
                   "random tokens between the queries instead of zeros");
      visitor.text("train_cells", train_cells,
                   "sizes that training steps take by lot, T x pairs * weight joined by '+', as "
                   "64x4*5+128x8; the longest T is the length");
      visitor.text("test_cells", test_cells,
                   "sizes that are scored, each by itself, as 64x4+64x8; empty: those of training");
    }
  };

  static TaskInfo info() {
    return {.name = "mqar",
            .summary = "multi-query associative recall: which value stood after this key?",
            .source = "Arora et al. 2023, arXiv:2312.04927",
            .chance = "1 in the values, half the vocabulary"};
  }

  explicit Mqar(const Options& options)
      : options_(options),
        train_cells_(
            parse_recall_cells("task.mqar.train_cells", options.train_cells, options.vocabulary)),
        test_cells_(
            parse_recall_cells("task.mqar.test_cells", options.test_cells, options.vocabulary)) {
    if (options.test_cells.find('*') != std::string::npos) {
      user_error(
          "task.mqar.test_cells: found {}, expected cells without a weight, as 64x8+128x16: "
          "each is scored by itself",
          options.test_cells);
    }
  }

  int64_t vocabulary() const override { return options_.vocabulary; }

  void check_length(int64_t length) const override {
    check_recall_cell("length", "task.mqar.pairs", measured_cell(length), options_.vocabulary);
  }

  void check_training(int64_t length) const override {
    if (train_cells_.empty()) return check_length(length);
    const auto longest = std::max_element(
        train_cells_.begin(), train_cells_.end(),
        [](const RecallCell& a, const RecallCell& b) { return a.length < b.length; });
    if (length != longest->length) {
      user_error("length: found {}, expected {}, the longest of task.mqar.train_cells", length,
                 longest->length);
    }
  }

  void check_scoring(int64_t length) const override {
    if (cells_of(length).empty()) {
      user_error("eval.lengths: found {}, expected the length of a cell in task.mqar.{}_cells",
                 length, test_cells_.empty() ? "train" : "test");
    }
    check_length(length);
  }

  Batch training_batch(uint64_t seed, int64_t step, int64_t batch, int64_t length) const override {
    const std::vector<RecallCell> cells = {cell_of_step(seed, step, length)};
    return make_batch(seed, Purpose::training, step, 0, batch, cells);
  }

  std::vector<BatchShape> training_shapes(int64_t batch, int64_t length) const override {
    if (train_cells_.empty()) return {{length, batch * options_.pairs}};
    std::vector<BatchShape> shapes;
    for (const RecallCell& cell : train_cells_) {
      shapes.push_back({cell.length, batch * cell.pairs,
                        static_cast<double>(cell.weight) / static_cast<double>(total_weight())});
    }
    return shapes;
  }

  Batch measured_batch(uint64_t seed, int64_t batch, int64_t length) const override {
    const std::vector<RecallCell> cells = {measured_cell(length)};
    return make_batch(seed, Purpose::training, 0, 0, batch, cells);
  }

  int64_t evaluation_examples(int64_t length, int64_t wanted) const override {
    return wanted * std::ssize(cells_of(length));
  }

  // Cells take turns.
  Batch evaluation_batch(uint64_t seed, int64_t length, int64_t first,
                         int64_t count) const override {
    const std::vector<RecallCell> cells = cells_of(length);
    Batch batch = make_batch(seed, Purpose::validation, 0, first, count, cells);
    for (int64_t row = 0; has_cells() && row < count; ++row) {
      const size_t cell = place_of(first + row, cells);
      batch.parts.insert(batch.parts.end(), static_cast<size_t>(cells[cell].pairs),
                         static_cast<int32_t>(cell));
    }
    return batch;
  }

  std::vector<std::string> parts(int64_t length) const override {
    std::vector<std::string> names;
    if (!has_cells()) return names;
    for (const RecallCell& cell : cells_of(length)) {
      names.push_back(fmt::format("pairs={}", cell.pairs));
    }
    return names;
  }

  double chance(int64_t /*length*/) const override {
    return 1.0 / static_cast<double>(options_.vocabulary - first_value());
  }

  // The key, right before the value, must be in the field: what stands further back reaches none.
  Ceiling ceiling(int64_t length, int64_t receptive_field) const override {
    Ceiling ceiling;
    double reached = 0, labels = 0;
    for (const RecallCell& cell : cells_of(length)) {
      const double share =
          receptive_field < 0 ? 1 : recall_ceiling(cell, options_.power, receptive_field - 1);
      if (has_cells()) ceiling.parts.push_back(share);
      reached += share * static_cast<double>(cell.pairs);
      labels += static_cast<double>(cell.pairs);
    }
    ceiling.all = reached / labels;
    return ceiling;
  }

 private:
  int64_t first_value() const { return options_.vocabulary / 2; }
  bool has_cells() const { return !train_cells_.empty() || !test_cells_.empty(); }

  int64_t total_weight() const {
    return std::accumulate(train_cells_.begin(), train_cells_.end(), int64_t{0},
                           [](int64_t sum, const RecallCell& cell) { return sum + cell.weight; });
  }

  // Those that are scored at this length.
  std::vector<RecallCell> cells_of(int64_t length) const {
    if (!has_cells()) return {{length, options_.pairs}};
    std::vector<RecallCell> cells = test_cells_.empty() ? train_cells_ : test_cells_;
    std::erase_if(cells, [&](const RecallCell& cell) { return cell.length != length; });
    return cells;
  }

  RecallCell cell_of_step(uint64_t seed, int64_t step, int64_t length) const {
    if (train_cells_.empty()) return {length, options_.pairs};
    // A stream that no example has.
    RandomStream random(seed, Purpose::training, static_cast<uint64_t>(step), UINT64_MAX);
    int64_t left = random.below(total_weight());
    auto cell = train_cells_.begin();
    for (; left >= cell->weight; ++cell) left -= cell->weight;
    return *cell;
  }

  // The fullest that trains, or that is scored, at this length.
  RecallCell measured_cell(int64_t length) const {
    RecallCell fullest{length, 0};
    for (const auto* cells : {&train_cells_, &test_cells_}) {
      for (const RecallCell& cell : *cells) {
        if (cell.length == length && cell.pairs > fullest.pairs) fullest = cell;
      }
      if (fullest.pairs > 0) return fullest;
    }
    return {length, options_.pairs};
  }

  // Which cell an example is of.
  static size_t place_of(int64_t example, const std::vector<RecallCell>& cells) {
    return static_cast<size_t>(example % std::ssize(cells));
  }

  // All cells are of one length.
  Batch make_batch(uint64_t seed, Purpose purpose, int64_t step, int64_t first, int64_t count,
                   const std::vector<RecallCell>& cells) const {
    std::vector<RecallGaps> gaps;
    for (const RecallCell& cell : cells) {
      check_recall_cell("length", "task.mqar.pairs", cell, options_.vocabulary);
      gaps.emplace_back(cell, options_.power);
    }
    const int64_t length = cells.at(0).length;
    int64_t labels = 0;
    for (int64_t i = first; i < first + count; ++i) labels += cells[place_of(i, cells)].pairs;
    Batch batch = empty_batch(count, length, labels);
    batch.tokens.assign(static_cast<size_t>(count * length), 0);
    for (int64_t row = 0; row < count; ++row) {
      RandomStream random(seed, purpose, static_cast<uint64_t>(step),
                          static_cast<uint64_t>(first + row));
      const size_t cell = place_of(first + row, cells);
      write_example(random, gaps[cell], cells[cell].pairs, row, batch);
    }
    return batch;
  }

  void write_example(RandomStream& random, const RecallGaps& law, int64_t pairs, int64_t row,
                     Batch& batch) const {
    const auto keys = draw_distinct(random, 1, first_value(), pairs);
    const auto values = draw_distinct(random, first_value(), options_.vocabulary, pairs);
    const auto gaps = law.draw(random);

    const auto tokens =
        std::span(batch.tokens)
            .subspan(static_cast<size_t>(row * batch.length), static_cast<size_t>(batch.length));
    std::vector<std::pair<int64_t, int32_t>> answers;  // flat position of the query, value
    for (size_t i = 0; i < keys.size(); ++i) {
      const auto key = static_cast<int32_t>(keys[i]);
      const auto value = static_cast<int32_t>(values[i]);
      const int64_t query = 2 * pairs + 2 * gaps[i];
      tokens[2 * i] = key;
      tokens[2 * i + 1] = value;
      tokens[static_cast<size_t>(query)] = key;
      answers.emplace_back(row * batch.length + query, value);
    }
    std::sort(answers.begin(), answers.end());
    for (const auto& [position, value] : answers) {
      batch.labelled.push_back(position);
      batch.targets.push_back(value);
    }
    if (!options_.random_non_queries) return;
    // The whole vocabulary, as in the source: keys and values of this very example may come up.
    for (int32_t& token : tokens) {
      if (token == 0) token = static_cast<int32_t>(random.below(options_.vocabulary));
    }
  }

  Options options_;
  std::vector<RecallCell> train_cells_, test_cells_;
};

const bool registered = register_task<Mqar>();

}  // namespace
}  // namespace lengthwise
