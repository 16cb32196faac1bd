// ListOps: what do nested operations on digits come to? The grammar is that of
// google-research/long-range-arena, lra_benchmarks/data/listops.py.
#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <numeric>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "tasks/task.h"

namespace lengthwise {
namespace {

// 0 .. 9 are digits. An operator opens what kClose ends; kAsk asks for the value of all before it.
constexpr int32_t kMin = 10, kMax = 11, kMedian = 12, kSumModulo = 13, kClose = 14, kAsk = 15,
                  kBlank = 16;

int32_t value_of(int32_t op, std::vector<int32_t> arguments) {
  std::sort(arguments.begin(), arguments.end());
  const size_t half = arguments.size() / 2;
  switch (op) {
    case kMin:
      return arguments.front();
    case kMax:
      return arguments.back();
    case kMedian:  // of an even number the mean of the middle two, rounded down
      return arguments.size() % 2 == 1 ? arguments[half]
                                       : (arguments[half - 1] + arguments[half]) / 2;
    default:
      return std::accumulate(arguments.begin(), arguments.end(), 0) % 10;
  }
}

class ListOps final : public Task {
 public:
  struct Options {
    int64_t depth = 10, arguments = 10, least = 0;
    double operators = 0.25;
    void visit(OptionVisitor& visitor) {
      visitor.integer("depth", depth, {2, 64}, "levels, the digits' own included");
      visitor.integer("arguments", arguments, {2, 1000},
                      "most arguments of an operator, from 2 on");
      visitor.number("operators", operators, {0.01, 0.99},
                     "share of operators above the last level; the others are digits");
      visitor.integer("least", least, {0, kLargestSize},
                      "an expression has more tokens; 0: a quarter of the length");
    }
  };

  static TaskInfo info() {
    return {.name = "listops",
            .summary = "the value of nested MIN, MAX, MED and SM (sum modulo 10) of digits",
            .source = "Nangia, Bowman 2018, arXiv:1804.06028; Tay et al. 2020, arXiv:2011.04006",
            .chance = "share of the most frequent value, sampled"};
  }

  explicit ListOps(const Options& options) : options_(options) {}

  int64_t vocabulary() const override { return kBlank + 1; }

  void check_length(int64_t length) const override {
    if (length < 6) user_error("length: found {}, expected at least 6 for task listops", length);
    if (options_.least > length - 2) {
      user_error("task.listops.least: found {}, expected at most {} for length {}", options_.least,
                 length - 2, length);
    }
    RandomStream random(0, Purpose::probe);
    draw(random, length);
  }

  Batch training_batch(uint64_t seed, int64_t step, int64_t batch, int64_t length) const override {
    return make_batch(seed, Purpose::training, step, 0, batch, length);
  }

  Batch evaluation_batch(uint64_t seed, int64_t length, int64_t first,
                         int64_t count) const override {
    return make_batch(seed, Purpose::validation, 0, first, count, length);
  }

  double chance(int64_t length) const override {
    constexpr uint64_t kExamples = 4000;
    const std::lock_guard lock(mutex_);
    const auto [entry, is_new] = chances_.try_emplace(length, 0.0);
    if (is_new) {
      std::array<int64_t, 10> counts{};
      for (uint64_t example = 0; example < kExamples; ++example) {
        RandomStream random(0, Purpose::probe, 1, example);
        ++counts.at(static_cast<size_t>(draw(random, length).value));
      }
      entry->second =
          static_cast<double>(*std::max_element(counts.begin(), counts.end())) / kExamples;
    }
    return entry->second;
  }

 private:
  struct Expression {
    std::vector<int32_t> tokens;
    int32_t value = -1;
  };

  // Appends a tree whose root is at this level and returns its value; stops, with some value, once
  // there are more tokens than `most`.
  int32_t grow(RandomStream& random, int64_t level, int64_t most,
               std::vector<int32_t>& tokens) const {
    if (level >= options_.depth || random.uniform() > options_.operators) {
      tokens.push_back(static_cast<int32_t>(random.below(10)));
      return tokens.back();
    }
    const size_t opening = tokens.size();
    tokens.push_back(0);
    const int64_t count = 2 + random.below(options_.arguments - 1);
    std::vector<int32_t> arguments;
    for (int64_t i = 0; i < count && std::ssize(tokens) <= most; ++i) {
      arguments.push_back(grow(random, level + 1, most, tokens));
    }
    tokens[opening] = kMin + static_cast<int32_t>(random.below(4));
    tokens.push_back(kClose);
    if (std::ssize(tokens) > most) return 0;  // there may be no arguments
    return value_of(tokens[opening], std::move(arguments));
  }

  // Drawn again until it has more than `least` tokens and one place is left to ask.
  Expression draw(RandomStream& random, int64_t length) const {
    constexpr int64_t kAttempts = 1'000'000;
    const int64_t least = options_.least == 0 ? length / 4 : options_.least;
    Expression expression;
    for (int64_t attempt = 0; attempt < kAttempts; ++attempt) {
      expression.tokens.clear();
      expression.value = grow(random, 1, length, expression.tokens);
      const int64_t tokens = std::ssize(expression.tokens);
      if (least < tokens && tokens < length) return expression;
    }
    user_error(
        "task.listops: found depth {}, arguments {} and operators {}, expected some with which "
        "expressions of {} to {} tokens, as length {} wants, come up in a million draws",
        options_.depth, options_.arguments, options_.operators, least + 1, length - 1, length);
  }

  Batch make_batch(uint64_t seed, Purpose purpose, int64_t step, int64_t first, int64_t count,
                   int64_t length) const {
    Batch batch = empty_batch(count, length, count);
    for (int64_t row = 0; row < count; ++row) {
      RandomStream random(seed, purpose, static_cast<uint64_t>(step),
                          static_cast<uint64_t>(first + row));
      const Expression expression = draw(random, length);
      batch.tokens.insert(batch.tokens.end(), expression.tokens.begin(), expression.tokens.end());
      batch.labelled.push_back(std::ssize(batch.tokens));
      batch.targets.push_back(expression.value);
      batch.tokens.push_back(kAsk);
      batch.tokens.resize(static_cast<size_t>((row + 1) * length), kBlank);
    }
    return batch;
  }

  Options options_;
  mutable std::mutex mutex_;
  mutable std::map<int64_t, double> chances_;  // a cache: by length
};

const bool registered = register_task<ListOps>();

}  // namespace
}  // namespace lengthwise
