// Multi-query associative recall: `k v k v ...`, then zeros among which every key is asked for
// once. The generator is that of HazyResearch/zoology, zoology/data/multiquery_ar.py, in law: other
// random numbers, same distribution.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/random.h"
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

/// `count` different gaps in the order drawn, each draw with probability proportional to
/// 1 / mean_arrivals[gap] among the gaps left: the order of independent exponential arrival times.
std::vector<int64_t> draw_gaps(RandomStream& random, const DataVector<double>& mean_arrivals,
                               int64_t count) {
  DataVector<std::pair<double, int64_t>> arrivals;
  arrivals.reserve(mean_arrivals.size());
  for (const double mean : mean_arrivals) {
    arrivals.emplace_back(-std::log(1.0 - random.uniform()) * mean, std::ssize(arrivals));
  }
  check_in_range(count, 0, std::ssize(arrivals) + 1, "gaps");
  std::partial_sort(arrivals.begin(), arrivals.begin() + count, arrivals.end());
  std::vector<int64_t> gaps;
  for (int64_t i = 0; i < count; ++i) gaps.push_back(arrivals[static_cast<size_t>(i)].second);
  return gaps;
}

class Mqar final : public Task {
 public:
  struct Options {
    int64_t vocabulary = 8192, pairs = 4;
    double power = 0.01;
    bool random_non_queries = false;
    void visit(OptionVisitor& visitor) {
      visitor.integer("vocabulary", vocabulary, {4, std::numeric_limits<int32_t>::max()},
                      "number of different tokens: 0, keys under the half, values from there on");
      visitor.integer("pairs", pairs, {1, kLargestSize}, "key-value pairs in a sequence");
      visitor.number("power", power, {0, 10},
                     "a of the gap between pairs and query: P(g) ~ (g+1)^(a-1); 1 is uniform");
      visitor.flag("random_non_queries", random_non_queries,
                   "random tokens between the queries instead of zeros");
    }
  };

  static TaskInfo info() {
    return {.name = "mqar",
            .summary = "multi-query associative recall: which value stood after this key?",
            .source = "Arora et al. 2023, arXiv:2312.04927",
            .chance = "1 in the values, half the vocabulary"};
  }

  explicit Mqar(const Options& options) : options_(options) {}

  int64_t vocabulary() const override { return options_.vocabulary; }

  // These leave room enough: V > T >= 4*pairs makes both keys and values at least 2*pairs - 1.
  void check_length(int64_t length) const override {
    if (length < 4 || length % 2 != 0) {
      user_error("length: found {}, expected an even number of at least 4 for task mqar", length);
    }
    if (4 * options_.pairs > length) {
      user_error("task.mqar.pairs: found {}, expected at most {}, a quarter of length {}",
                 options_.pairs, length / 4, length);
    }
    if (options_.vocabulary <= length) {
      user_error("task.mqar.vocabulary: found {}, expected more than length {}",
                 options_.vocabulary, length);
    }
  }

  Batch training_batch(uint64_t seed, int64_t step, int64_t batch, int64_t length) const override {
    return make_batch(seed, Purpose::training, step, 0, batch, length);
  }

  Batch evaluation_batch(uint64_t seed, int64_t length, int64_t first,
                         int64_t count) const override {
    return make_batch(seed, Purpose::validation, 0, first, count, length);
  }

  double chance(int64_t /*length*/) const override {
    return 1.0 / static_cast<double>(options_.vocabulary - first_value());
  }

 private:
  int64_t first_value() const { return options_.vocabulary / 2; }

  Batch make_batch(uint64_t seed, Purpose purpose, int64_t step, int64_t first, int64_t count,
                   int64_t length) const {
    check_length(length);
    DataVector<double> mean_arrivals;
    for (int64_t gap = 0; gap < (length - 2 * options_.pairs) / 2; ++gap) {
      mean_arrivals.push_back(std::pow(static_cast<double>(gap + 1), 1.0 - options_.power));
    }
    Batch batch{count, length, {}, {}, {}};
    batch.tokens.assign(static_cast<size_t>(count * length), 0);
    batch.labelled.reserve(static_cast<size_t>(count * options_.pairs));
    batch.targets.reserve(static_cast<size_t>(count * options_.pairs));
    for (int64_t row = 0; row < count; ++row) {
      RandomStream random(seed, purpose, static_cast<uint64_t>(step),
                          static_cast<uint64_t>(first + row));
      write_example(random, mean_arrivals, row, batch);
    }
    return batch;
  }

  void write_example(RandomStream& random, const DataVector<double>& mean_arrivals, int64_t row,
                     Batch& batch) const {
    const int64_t pairs = options_.pairs;
    const auto keys = draw_distinct(random, 1, first_value(), pairs);
    const auto values = draw_distinct(random, first_value(), options_.vocabulary, pairs);
    const auto gaps = draw_gaps(random, mean_arrivals, pairs);

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
};

const bool registered = register_task<Mqar>();

}  // namespace
}  // namespace lengthwise
