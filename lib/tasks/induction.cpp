// Induction heads: one special token among random ones, and at the end once more. What stood after
// it the first time? After HazyResearch/safari, src/dataloaders/synthetics.py, with one trigger,
// but that of 16 tokens 15 are ordinary, there 14, and that rows are drawn anew instead of kept
// apart.
#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/random.h"
#include "tasks/task.h"

namespace lengthwise {
namespace {

class Induction final : public Task {
 public:
  struct Options {
    int64_t vocabulary = 16;
    std::string train_on = "answer";
    void visit(OptionVisitor& visitor) {
      visitor.integer("vocabulary", vocabulary, {2, std::numeric_limits<int32_t>::max()},
                      "number of different tokens, the last of them the special one");
      visitor.choice("train_on", train_on, {"answer", "all"},
                     "what is labelled in training: the answer alone, or each token with the next; "
                     "the answer alone is scored");
    }
  };

  static TaskInfo info() {
    return {.name = "induction",
            .summary = "which token stood after the special one?",
            .source = "Gu, Dao 2023, arXiv:2312.00752, table 11",
            .chance = "1 in the tokens that are not special"};
  }

  explicit Induction(const Options& options) : options_(options) {}

  int64_t vocabulary() const override { return options_.vocabulary; }

  void check_length(int64_t length) const override {
    if (length < 4) {
      user_error("length: found {}, expected at least 4 for task induction", length);
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
    return 1.0 / static_cast<double>(options_.vocabulary - 1);
  }

  // The special token stands T - 1 - p before the last, p one of 0 .. T - 4.
  Ceiling ceiling(int64_t length, int64_t receptive_field) const override {
    if (receptive_field < 0) return {1.0};
    const int64_t within = std::clamp<int64_t>(receptive_field - 2, 0, length - 3);
    return {static_cast<double>(within) / static_cast<double>(length - 3)};
  }

 private:
  Batch make_batch(uint64_t seed, Purpose purpose, int64_t step, int64_t first, int64_t count,
                   int64_t length) const {
    check_length(length);
    const auto special = static_cast<int32_t>(options_.vocabulary - 1);
    const bool labels_all = purpose == Purpose::training && options_.train_on == "all";
    Batch batch = empty_batch(count, length, labels_all ? count * length : count);
    for (int64_t row = 0; row < count; ++row) {
      RandomStream random(seed, purpose, static_cast<uint64_t>(step),
                          static_cast<uint64_t>(first + row));
      const int64_t place = random.below(length - 3);
      for (int64_t t = 0; t < length; ++t) {
        const bool is_special = t == place || t == length - 1;
        batch.tokens.push_back(is_special ? special : static_cast<int32_t>(random.below(special)));
      }
      const auto tokens = batch.tokens.end() - length;
      for (int64_t t = labels_all ? 0 : length - 1; t < length; ++t) {
        batch.labelled.push_back(row * length + t);
        batch.targets.push_back(tokens[t + 1 < length ? t + 1 : place + 1]);
      }
    }
    return batch;
  }

  Options options_;
};

const bool registered = register_task<Induction>();

}  // namespace
}  // namespace lengthwise
