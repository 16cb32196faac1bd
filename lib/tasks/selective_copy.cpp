// Selective copying: a few data tokens somewhere among noise, to be written in their order once
// markers ask for them. That their distances vary is what sets it apart from copying.
#include "base/check.h"
#include "base/random.h"
#include "tasks/task.h"

namespace lengthwise {
namespace {

class SelectiveCopy final : public Task {
 public:
  struct Options {
    int64_t values = 14, tokens = 16;
    void visit(OptionVisitor& visitor) {
      visitor.integer("values", values, {1, 1 << 20},
                      "different data tokens; noise and marker are two more");
      visitor.integer("tokens", tokens, {1, kLargestSize}, "data tokens in a sequence");
    }
  };

  static TaskInfo info() {
    return {.name = "selective_copy",
            .summary = "the data tokens among the noise, in their order",
            .source = "Jing et al. 2017, arXiv:1706.02761; Gu, Dao 2023, arXiv:2312.00752",
            .chance = "1 in the values"};
  }

  explicit SelectiveCopy(const Options& options) : options_(options) {}

  int64_t vocabulary() const override { return options_.values + 2; }

  void check_length(int64_t length) const override {
    if (length < 2 * options_.tokens) {
      user_error("task.selective_copy.tokens: found {}, expected at most {}, half of length {}",
                 options_.tokens, length / 2, length);
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
    return 1.0 / static_cast<double>(options_.values);
  }

 private:
  Batch make_batch(uint64_t seed, Purpose purpose, int64_t step, int64_t first, int64_t count,
                   int64_t length) const {
    check_length(length);
    const auto noise = static_cast<int32_t>(options_.values);
    const int32_t marker = noise + 1;
    const int64_t places = length - options_.tokens;
    Batch batch = empty_batch(count, length, count * options_.tokens);
    for (int64_t row = 0; row < count; ++row) {
      RandomStream random(seed, purpose, static_cast<uint64_t>(step),
                          static_cast<uint64_t>(first + row));
      // Every choice of places is equally likely: each takes what is left by lot.
      int64_t left = options_.tokens;
      for (int64_t place = 0; place < places; ++place) {
        const bool holds = random.below(places - place) < left;
        const auto value = static_cast<int32_t>(holds ? random.below(options_.values) : noise);
        batch.tokens.push_back(value);
        if (!holds) continue;
        batch.labelled.push_back(row * length + places + options_.tokens - left);
        batch.targets.push_back(value);
        --left;
      }
      batch.tokens.insert(batch.tokens.end(), static_cast<size_t>(options_.tokens), marker);
    }
    return batch;
  }

  Options options_;
};

const bool registered = register_task<SelectiveCopy>();

}  // namespace
}  // namespace lengthwise
