// Uniform random tokens: nothing to learn. For measuring cost, and as a control.
#include <cstdint>
#include <limits>

#include "base/check.h"
#include "tasks/source_target.h"

namespace lengthwise {
namespace {

class Uniform final : public Task {
 public:
  struct Options {
    int64_t vocabulary = 256;
    void visit(OptionVisitor& visitor) {
      visitor.integer("vocabulary", vocabulary, {2, std::numeric_limits<int32_t>::max() - 2},
                      "number of different tokens");
    }
  };

  static TaskInfo info() {
    return {.name = "uniform",
            .summary = "next of uniformly random tokens: nothing to learn, a control",
            .source = "",
            .chance = "1 in the vocabulary",
            .labels_next = true};
  }

  explicit Uniform(const Options& options) : options_(options) {}

  int64_t vocabulary() const override { return options_.vocabulary; }

  void check_length(int64_t length) const override {
    if (length < 1) user_error("length: found {}, expected at least 1", length);
  }

  Batch training_batch(uint64_t seed, int64_t step, int64_t batch, int64_t length) const override {
    return make_batch(seed, Purpose::training, step, 0, batch, length);
  }

  Batch evaluation_batch(uint64_t seed, int64_t length, int64_t first,
                         int64_t count) const override {
    return make_batch(seed, Purpose::validation, 0, first, count, length);
  }

  double chance(int64_t /*length*/) const override {
    return 1.0 / static_cast<double>(options_.vocabulary);
  }

 private:
  Batch make_batch(uint64_t seed, Purpose purpose, int64_t step, int64_t first, int64_t count,
                   int64_t length) const {
    check_length(length);
    Batch batch = empty_batch(count, length, count * length);
    for (int64_t row = 0; row < count; ++row) {
      RandomStream random(seed, purpose, static_cast<uint64_t>(step),
                          static_cast<uint64_t>(first + row));
      auto token = static_cast<int32_t>(random.below(options_.vocabulary));
      for (int64_t t = 0; t < length; ++t) {
        const auto next = static_cast<int32_t>(random.below(options_.vocabulary));
        batch.tokens.push_back(token);
        batch.labelled.push_back(row * length + t);
        batch.targets.push_back(next);
        token = next;
      }
    }
    return batch;
  }

  Options options_;
};

// The same on both sides: as many tokens as there is room for.
class UniformPairs final : public SourceTargetTask {
 public:
  explicit UniformPairs(const Uniform::Options& options) : options_(options) {}

  void check_length(int64_t length) const override { check_rows(Uniform::info().name, length); }
  double chance(int64_t /*length*/) const override {
    return 1.0 / static_cast<double>(options_.vocabulary);
  }

 private:
  int64_t symbols() const override { return options_.vocabulary; }
  SourceTarget example(RandomStream& random, Split /*split*/, int64_t /*index*/,
                       int64_t length) const override {
    SourceTarget drawn;
    for (std::vector<int32_t>* side : {&drawn.source, &drawn.target}) {
      for (int64_t i = 1; i < length; ++i) {
        side->push_back(static_cast<int32_t>(random.below(options_.vocabulary)));
      }
    }
    return drawn;
  }

  Uniform::Options options_;
};

const bool registered = register_task<Uniform>(
    [](const Uniform::Options& options) { return std::make_unique<UniformPairs>(options); });

}  // namespace
}  // namespace lengthwise
