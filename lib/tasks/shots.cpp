// Learning in context: a row shows what a map does, `x1 y1 x2 y2 ...`, and every y is asked for
// before it is shown. Garg et al. 2022 (arXiv:2208.01066) do it with functions of numbers. A model
// that has met the maps in training may recognise one of them from few examples; of a fresh map it
// can only copy what was shown. To tell the two apart is from Pan et al. 2023 (arXiv:2305.09731),
// and that it hangs on how many maps training has from Raventos et al. 2023 (arXiv:2306.15063).
#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "tasks/octaves.h"
#include "tasks/task.h"

namespace lengthwise {
namespace {

/// As many maps from symbols to symbols, each value drawn by itself; the same in every run.
class Maps {
 public:
  Maps(int64_t maps, int64_t symbols) : symbols_(symbols) {
    RandomStream random(0, Purpose::probe, 1);
    for (int64_t i = 0; i < maps * symbols; ++i) {
      values_.push_back(static_cast<int32_t>(random.below(symbols)));
    }
  }
  int64_t size() const { return std::ssize(values_) / symbols_; }
  int32_t at(int64_t map, int64_t symbol) const {
    return values_[static_cast<size_t>(map * symbols_ + symbol)];
  }

 private:
  int64_t symbols_;
  DataVector<int32_t> values_;
};

/// [n]: how often the best guess after n examples of a known map is right. It is what most of the
/// maps say that agree with the examples; sampled to a standard error under 0.003.
std::vector<double> known_ceiling(const Maps& maps, int64_t symbols, int64_t pairs) {
  constexpr uint64_t kRows = 20'000;
  std::vector<double> right(static_cast<size_t>(pairs));
  std::vector<int64_t> votes(static_cast<size_t>(symbols));
  std::vector<int64_t> agree;
  for (uint64_t row = 0; row < kRows; ++row) {
    RandomStream random(0, Purpose::probe, 2, row);
    const int64_t shown = random.below(maps.size());
    agree.clear();
    for (int64_t map = 0; map < maps.size(); ++map) agree.push_back(map);
    for (double& share : right) {
      const int64_t x = random.below(symbols);
      std::fill(votes.begin(), votes.end(), 0);
      for (const int64_t map : agree) ++votes[static_cast<size_t>(maps.at(map, x))];
      share += static_cast<double>(*std::max_element(votes.begin(), votes.end())) /
               static_cast<double>(agree.size());
      std::erase_if(agree, [&](int64_t map) { return maps.at(map, x) != maps.at(shown, x); });
    }
  }
  for (double& share : right) share /= kRows;
  return right;
}

/// [n]: the same of a fresh map. The answer was shown before, or any symbol is as good.
std::vector<double> fresh_ceiling(int64_t symbols, int64_t pairs) {
  std::vector<double> right;
  const double guess = 1 / static_cast<double>(symbols);
  double unseen = 1;
  for (int64_t n = 0; n < pairs; ++n, unseen *= 1 - guess) {
    right.push_back(1 - unseen + unseen * guess);
  }
  return right;
}

class Shots final : public Task {
 public:
  struct Options {
    int64_t symbols = 16, maps = 16;
    bool fresh_test = false;
    void visit(OptionVisitor& visitor) {
      visitor.integer("symbols", symbols, {2, 256}, "that a map takes, and as many that it gives");
      visitor.integer("maps", maps, {0, 65536},
                      "random maps, the same in every run, of which a row shows one; 0: every row "
                      "shows a fresh one");
      visitor.flag("fresh_test", fresh_test,
                   "as many rows again are scored of fresh maps, in parts of their own");
    }
  };

  static TaskInfo info() {
    return {.name = "shots",
            .summary = "learning in context: what does the map that the examples show give?",
            .source = "Garg et al. 2022, arXiv:2208.01066; Pan et al. 2023, arXiv:2305.09731",
            .chance = "1 in the symbols",
            .labels_next = true};
  }

  /// `aFcBaF`: small letters are what a map takes, capitals what it gives.
  static TokenText token_text(const Options& options, TaskForm) {
    const int64_t symbols = options.symbols;
    if (symbols > kLetters) return token_ids_text(2 * symbols);
    return {.read = [symbols](std::string_view key,
                              std::string_view text) { return read_pairs(key, text, symbols); },
            .write =
                [symbols](int32_t token) {
                  if (token >= 2 * symbols) return token_without_text(token);
                  const int64_t letter = token < symbols ? 'a' + token : 'A' + token - symbols;
                  return std::string(1, static_cast<char>(letter));
                }};
  }

  explicit Shots(const Options& options)
      : options_(options), maps_(options.maps, options.symbols) {}

  int64_t vocabulary() const override { return 2 * options_.symbols; }

  void check_length(int64_t length) const override {
    if (length < 2 || length % 2 != 0) {
      user_error("length: found {}, expected an even number of at least 2 for task shots", length);
    }
  }

  Batch training_batch(uint64_t seed, int64_t step, int64_t batch, int64_t length) const override {
    check_length(length);
    Batch result = empty_batch(batch, length, batch * length / 2);
    for (int64_t row = 0; row < batch; ++row) {
      RandomStream random(seed, Purpose::training, static_cast<uint64_t>(step),
                          static_cast<uint64_t>(row));
      append_row(random, options_.maps == 0, length, result);
    }
    return result;
  }

  int64_t evaluation_examples(int64_t /*length*/, int64_t wanted) const override {
    return wanted * std::ssize(kinds());
  }

  // Kinds take turns.
  Batch evaluation_batch(uint64_t seed, int64_t length, int64_t first,
                         int64_t count) const override {
    check_length(length);
    Batch result = empty_batch(count, length, count * length / 2);
    const int64_t parts_of_kind = part_of(length / 2 - 1) + 1;
    for (int64_t example = first; example < first + count; ++example) {
      RandomStream random(seed, Purpose::validation, 0, static_cast<uint64_t>(example));
      const int64_t kind = example % std::ssize(kinds());
      append_row(random, kinds()[static_cast<size_t>(kind)] == Kind::fresh, length, result);
      for (int64_t n = 0; n < length / 2; ++n) {
        result.parts.push_back(static_cast<int32_t>(kind * parts_of_kind + part_of(n)));
      }
    }
    return result;
  }

  std::vector<std::string> parts(int64_t length) const override {
    std::vector<std::string> names;
    for (const Kind kind : kinds()) {
      const std::string_view what = kind == Kind::fresh ? "fresh shots" : "known shots";
      names.push_back(fmt::format("{}=0", what));
      if (length < 4) continue;
      for (std::string& name : octave_names(what, 1, length / 2 - 1)) {
        names.push_back(std::move(name));
      }
    }
    return names;
  }

  double chance(int64_t /*length*/) const override {
    return 1 / static_cast<double>(options_.symbols);
  }

  /// Of a model that sees the whole row: how much of it a window would do with is not known.
  Ceiling ceiling(int64_t length, int64_t receptive_field) const override {
    if (receptive_field >= 0 && receptive_field < length - 1) return {};
    const std::lock_guard lock(mutex_);
    const auto [entry, is_new] = ceilings_.try_emplace(length);
    if (is_new) entry->second = compute_ceiling(length / 2);
    return entry->second;
  }

 private:
  enum class Kind : uint8_t { known, fresh };
  std::vector<Kind> kinds() const {
    if (options_.maps == 0) return {Kind::fresh};
    if (options_.fresh_test) return {Kind::known, Kind::fresh};
    return {Kind::known};
  }

  // Of the score's, within a kind: no example before, 1, 2 and 3, 4 to 7.
  static int64_t part_of(int64_t shots) { return shots == 0 ? 0 : 1 + octave_of(shots); }

  static std::vector<int32_t> read_pairs(std::string_view key, std::string_view text,
                                         int64_t symbols) {
    std::vector<int32_t> tokens;
    for (size_t i = 0; i < text.size(); ++i) {
      const bool gives = text[i] >= 'A' && text[i] <= 'Z';
      const int32_t letter = text[i] - (gives ? 'A' : 'a');
      if (letter < 0 || letter >= symbols) {
        refuse_character(key, text, i,
                         fmt::format("letters from a to {0} and, for what a map gives, from A to "
                                     "{1}",
                                     static_cast<char>('a' + symbols - 1),
                                     static_cast<char>('A' + symbols - 1)));
      }
      tokens.push_back(letter + (gives ? static_cast<int32_t>(symbols) : 0));
    }
    return tokens;
  }

  void append_row(RandomStream& random, bool fresh, int64_t length, Batch& batch) const {
    const int64_t map = fresh ? 0 : random.below(maps_.size());
    std::vector<int32_t> values;
    for (int64_t x = 0; x < options_.symbols; ++x) {
      values.push_back(fresh ? static_cast<int32_t>(random.below(options_.symbols))
                             : maps_.at(map, x));
    }
    for (int64_t n = 0; n < length / 2; ++n) {
      const auto x = static_cast<int32_t>(random.below(options_.symbols));
      const auto y = static_cast<int32_t>(options_.symbols) + values[static_cast<size_t>(x)];
      batch.labelled.push_back(std::ssize(batch.tokens));
      batch.targets.push_back(y);
      batch.tokens.insert(batch.tokens.end(), {x, y});
    }
  }

  Ceiling compute_ceiling(int64_t pairs) const {
    Ceiling ceiling{0.0};
    for (const Kind kind : kinds()) {
      const std::vector<double> right = kind == Kind::fresh
                                            ? fresh_ceiling(options_.symbols, pairs)
                                            : known_ceiling(maps_, options_.symbols, pairs);
      std::vector<double> sums(static_cast<size_t>(part_of(pairs - 1)) + 1), counts(sums.size());
      for (int64_t n = 0; n < pairs; ++n) {
        const auto part = static_cast<size_t>(part_of(n));
        sums[part] += right[static_cast<size_t>(n)];
        counts[part] += 1;
      }
      for (size_t part = 0; part < sums.size(); ++part) {
        ceiling.parts.push_back(sums[part] / counts[part]);
        ceiling.all += sums[part] / static_cast<double>(pairs * std::ssize(kinds()));
      }
    }
    return ceiling;
  }

  Options options_;
  Maps maps_;
  mutable std::mutex mutex_;
  mutable std::map<int64_t, Ceiling> ceilings_;  // a cache: by length
};

const bool registered = register_task<Shots>();

}  // namespace
}  // namespace lengthwise
