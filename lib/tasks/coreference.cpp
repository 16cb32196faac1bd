// Whom does a pronoun mean? `the old king danced , met the cat , slept until noon , called the girl
// and found its tail .`: at `its` the answer is `cat`, the one noun of the sentence that agrees.
// Agreement decides, not knowledge of the world as in Winograd's schemas. That heads of BERT's
// attention go from a pronoun to its noun is what Clark et al. 2019 found (arXiv:1906.04341).
//
// A row is one sentence, and before it remarks on the weather, which name nobody. The distances of
// the nouns from the pronoun are drawn alike and independently, and the noun that was drawn first
// is meant: whatever the sentence says up to the pronoun, each noun is meant equally often.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/nearest.h"
#include "base/random.h"
#include "tasks/octaves.h"
#include "tasks/task.h"

namespace lengthwise {
namespace {

using Words = std::vector<int32_t>;

constexpr int64_t kClasses = 4;
// From noun to noun at least `, met the cat`, from the last to the pronoun `and found its`.
constexpr int64_t kLeastGap = 4, kLeastDistance = 3;
// `the` before the first noun, `tail .` after the pronoun.
constexpr int64_t kBefore = 1, kAfter = 2;

class Grammar {
 private:
  std::vector<std::string> words_;  // a token is a place here; filled by what follows

  Words tokens(std::string_view text) {
    Words found;
    for (const std::string_view word : split_text(text, ' ')) {
      const auto at = std::find(words_.begin(), words_.end(), word);
      found.push_back(static_cast<int32_t>(at - words_.begin()));
      if (at == words_.end()) words_.emplace_back(word);
    }
    return found;
  }

 public:
  const std::array<Words, kClasses> nouns = {tokens("cat dog horse fox bird mouse"),
                                             tokens("king boy man uncle monk prince"),
                                             tokens("queen girl woman aunt nun princess"),
                                             tokens("children wolves twins geese sailors thieves")};
  const Words pronouns = tokens("its his her their");
  const std::array<Words, kClasses> owned = {tokens("tail food bed"), tokens("hat food friend"),
                                             tokens("hat food friend"),
                                             tokens("food beds friends")};
  const Words adjectives = tokens("old young small tired quiet brave");
  const Words meet = tokens("met saw called followed greeted watched");
  const Words find = tokens("found lost chased forgot remembered wanted");
  const Words adverbs = tokens("again quietly happily twice alone");
  const int32_t the = tokens("the")[0], conjunction = tokens("and")[0], comma = tokens(",")[0],
                stop = tokens(".")[0];
  // [n]: of n + 1 tokens. They name nobody, so that no pronoun could mean anything in them.
  const std::vector<std::vector<Words>> phrases = {
      {tokens("danced"), tokens("laughed"), tokens("waited"), tokens("slept"), tokens("sang"),
       tokens("smiled")},
      {tokens("walked away"), tokens("fell asleep"), tokens("sat down"), tokens("ran home"),
       tokens("stood still"), tokens("looked around")},
      {tokens("slept until noon"), tokens("sang all day"), tokens("danced all night"),
       tokens("laughed out loud"), tokens("waited until dark")},
      {tokens("came back before noon"), tokens("ran away at night"), tokens("sat still until dark"),
       tokens("looked around all day")}};
  const std::vector<Words> openings = {tokens("once"), tokens("one day")};  // of n + 1 tokens
  const std::vector<std::vector<Words>> weather = {
      {tokens("it rained ."), tokens("it snowed .")},  // of n + 3 tokens
      {tokens("it was dark ."), tokens("it rained again .")},
      {tokens("it was very cold ."), tokens("it snowed all night .")}};

  const std::vector<std::string>& words() const { return words_; }
};

const Grammar& grammar() {
  static const Grammar kGrammar;
  return kGrammar;
}

template <class T>
const T& pick(RandomStream& random, const std::vector<T>& from) {
  return from[static_cast<size_t>(random.below(std::ssize(from)))];
}

/// A noun's distances from the pronoun: each octave as likely as the next, P(d) ~ log((d+1)/d).
struct Distances {
  int64_t least, most;

  int64_t draw(RandomStream& random) const {
    const double span = static_cast<double>(most + 1) / static_cast<double>(least);
    const double drawn = static_cast<double>(least) * std::pow(span, random.uniform());
    return std::clamp(static_cast<int64_t>(drawn), least, most);
  }

  /// All drawn again until no two stand closer than words fit between: every order is as likely.
  std::vector<int64_t> draw_nouns(RandomStream& random, int64_t nouns) const {
    std::vector<int64_t> drawn;
    while (std::ssize(drawn) < nouns) {
      const int64_t distance = draw(random);
      const bool fits = std::all_of(drawn.begin(), drawn.end(), [&](int64_t other) {
        return std::abs(other - distance) >= kLeastGap;
      });
      if (!fits) drawn.clear();
      if (fits) drawn.push_back(distance);
    }
    return drawn;
  }

  /// [d - least]: the share of sentences whose pronoun means a noun at distance d. Sums, over all
  /// ways to place the others nearer and further, the products of their weights.
  std::vector<double> law(int64_t nouns) const {
    const auto size = static_cast<size_t>(most - least + 1);
    std::vector<double> weight(size), share(size);
    for (size_t i = 0; i < size; ++i) {
      weight[i] = std::log1p(1 / static_cast<double>(least + static_cast<int64_t>(i)));
    }
    const auto nearer = ways(weight, nouns);
    std::vector<double> reversed(weight.rbegin(), weight.rend());
    const auto further = ways(reversed, nouns);
    for (size_t i = 0; i < size; ++i) {
      for (size_t j = 0; j < static_cast<size_t>(nouns); ++j) {
        share[i] +=
            weight[i] * nearer[j][i] * further[static_cast<size_t>(nouns) - 1 - j][size - 1 - i];
      }
    }
    const double all = std::accumulate(share.begin(), share.end(), 0.0);
    for (double& each : share) each /= all;
    return share;
  }

 private:
  // [j][i]: over all j places, kLeastGap apart from each other and from i, that come before i.
  static std::vector<std::vector<double>> ways(const std::vector<double>& weight, int64_t nouns) {
    std::vector<std::vector<double>> sums = {std::vector<double>(weight.size(), 1.0)};
    for (int64_t j = 1; j < nouns; ++j) {
      const std::vector<double>& fewer = sums.back();
      std::vector<double> more(weight.size(), 0.0);
      for (size_t i = kLeastGap; i < weight.size(); ++i) {
        more[i] = more[i - 1] + weight[i - kLeastGap] * fewer[i - kLeastGap];
      }
      sums.push_back(std::move(more));
    }
    return sums;
  }
};

class Coreference final : public Task {
 public:
  struct Options {
    int64_t nouns = 3, least_distance = kLeastDistance, most_distance = 0;
    void visit(OptionVisitor& visitor) {
      visitor.integer("nouns", nouns, {2, kClasses},
                      "in a sentence, of different classes: one agrees with the pronoun");
      visitor.integer("least_distance", least_distance, {kLeastDistance, kLargestSize},
                      "tokens from a noun to the pronoun");
      visitor.integer("most_distance", most_distance, {0, kLargestSize},
                      "tokens from a noun to the pronoun; 0: as many as the length allows");
    }
  };

  static TaskInfo info() {
    return {
        .name = "coreference",
        .summary = "whom a pronoun means: the noun of its sentence that agrees, at any distance",
        .source = "Clark et al. 2019, arXiv:1906.04341",
        .chance = "1 in the sentence's nouns"};
  }

  static TokenText token_text(const Options&, TaskForm) {
    return {.read = read_words,
            .write =
                [](int32_t token) {
                  const std::vector<std::string>& words = grammar().words();
                  return token < std::ssize(words) ? words[static_cast<size_t>(token)]
                                                   : token_without_text(token);
                },
            .between = " "};
  }

  explicit Coreference(const Options& options) : options_(options) {}

  int64_t vocabulary() const override { return std::ssize(grammar().words()); }

  void check_length(int64_t length) const override {
    const int64_t least_most = options_.least_distance + kLeastGap * (options_.nouns - 1);
    if (options_.most_distance != 0 && options_.most_distance < least_most) {
      user_error("task.coreference.most_distance: found {}, expected at least {} with {} nouns",
                 options_.most_distance, least_most, options_.nouns);
    }
    if (length < kBefore + least_most + 1 + kAfter) {
      user_error("length: found {}, expected at least {} for task coreference with {} nouns",
                 length, kBefore + least_most + 1 + kAfter, options_.nouns);
    }
  }

  Batch training_batch(uint64_t seed, int64_t step, int64_t batch, int64_t length) const override {
    check_length(length);
    Batch result = empty_batch(batch, length, batch);
    for (int64_t row = 0; row < batch; ++row) {
      RandomStream random(seed, Purpose::training, static_cast<uint64_t>(step),
                          static_cast<uint64_t>(row));
      append_row(random, length, result);
    }
    return result;
  }

  Batch evaluation_batch(uint64_t seed, int64_t length, int64_t first,
                         int64_t count) const override {
    check_length(length);
    Batch result = empty_batch(count, length, count);
    for (int64_t example = first; example < first + count; ++example) {
      RandomStream random(seed, Purpose::validation, 0, static_cast<uint64_t>(example));
      const std::vector<int64_t> drawn = append_row(random, length, result);
      result.parts.push_back(static_cast<int32_t>(part_of(drawn[0])));
      result.evidence.push_back(result.labelled.back() - drawn[0]);
      result.distractors.push_back(result.labelled.back() - drawn[1]);
    }
    return result;
  }

  std::vector<std::string> parts(int64_t length) const override {
    const auto [least, most] = distances(length);
    return octave_names("distance", least, most);
  }

  double chance(int64_t /*length*/) const override {
    return 1 / static_cast<double>(options_.nouns);
  }

  Ceiling ceiling(int64_t length, int64_t receptive_field) const override {
    const Distances range = distances(length);
    const std::vector<double> law = range.law(options_.nouns);
    std::vector<double> reached(parts(length).size()), there(reached.size());
    for (int64_t distance = range.least; distance <= range.most; ++distance) {
      const double share = law[static_cast<size_t>(distance - range.least)];
      const auto part = static_cast<size_t>(part_of(distance));
      there[part] += share;
      if (receptive_field < 0 || distance <= receptive_field) reached[part] += share;
    }
    Ceiling ceiling{std::accumulate(reached.begin(), reached.end(), 0.0)};
    for (size_t part = 0; part < there.size(); ++part) {
      ceiling.parts.push_back(there[part] > 0 ? reached[part] / there[part] : 0);
    }
    return ceiling;
  }

 private:
  static Words read_words(std::string_view key, std::string_view text) {
    const std::vector<std::string>& words = grammar().words();
    Words tokens;
    for (const std::string_view word : split_text(text, ' ')) {
      if (word.empty()) continue;
      const auto at = std::find(words.begin(), words.end(), word);
      if (at == words.end()) {
        user_error("{}: found '{}', expected words of task coreference separated by blanks{}", key,
                   word, did_you_mean(word, words));
      }
      tokens.push_back(static_cast<int32_t>(at - words.begin()));
    }
    return tokens;
  }

  Distances distances(int64_t length) const {
    const int64_t longest = length - kBefore - 1 - kAfter;
    return {options_.least_distance,
            options_.most_distance == 0 ? longest : std::min(longest, options_.most_distance)};
  }

  int64_t part_of(int64_t distance) const {
    return octave_of(distance) - octave_of(options_.least_distance);
  }

  static void append(const Words& words, DataVector<int32_t>& tokens) {
    tokens.insert(tokens.end(), words.begin(), words.end());
  }

  // Never the same twice in a row.
  static const Words& pick_other(RandomStream& random, const std::vector<Words>& from,
                                 const Words* last) {
    const Words* picked = last;
    while (picked == last) picked = &pick(random, from);
    return *picked;
  }

  // `count` tokens about the weather, then what opens the sentence.
  static void append_weather(RandomStream& random, int64_t count, DataVector<int32_t>& tokens) {
    const Grammar& g = grammar();
    const Words* last = nullptr;
    while (count > std::ssize(g.openings)) {
      const int64_t size = 3 + random.below(std::min(count - 2, std::ssize(g.weather)));
      last = &pick_other(random, g.weather[static_cast<size_t>(size - 3)], last);
      append(*last, tokens);
      count -= size;
    }
    if (count > 0) append(g.openings[static_cast<size_t>(count - 1)], tokens);
  }

  // `count` tokens of `, danced , fell asleep`, with the commas before or after each.
  static void append_phrases(RandomStream& random, int64_t count, bool comma_before,
                             DataVector<int32_t>& tokens) {
    const Grammar& g = grammar();
    std::vector<const Words*> phrases;
    const Words* last = nullptr;
    while (count > 1) {
      const int64_t size = 1 + random.below(std::min(count - 1, std::ssize(g.phrases)));
      last = &pick_other(random, g.phrases[static_cast<size_t>(size - 1)], last);
      phrases.push_back(last);
      count -= size + 1;
    }
    if (count == 1) tokens.push_back(pick(random, g.adverbs));
    for (const Words* phrase : phrases) {
      if (comma_before) tokens.push_back(g.comma);
      append(*phrase, tokens);
      if (!comma_before) tokens.push_back(g.comma);
    }
  }

  // Each of the classes with the same chance at each place.
  static std::array<size_t, kClasses> draw_classes(RandomStream& random) {
    std::array<size_t, kClasses> classes{0, 1, 2, 3};
    for (size_t i = classes.size(); i > 1; --i) {
      std::swap(classes[i - 1],
                classes[static_cast<size_t>(random.below(static_cast<int64_t>(i)))]);
    }
    return classes;
  }

  // Returns the distances of the nouns, that of the one that is meant first.
  std::vector<int64_t> append_row(RandomStream& random, int64_t length, Batch& batch) const {
    const Grammar& g = grammar();
    DataVector<int32_t>& tokens = batch.tokens;
    const int64_t row = std::ssize(tokens);
    std::vector<int64_t> drawn = distances(length).draw_nouns(random, options_.nouns);
    const std::array<size_t, kClasses> classes = draw_classes(random);
    std::vector<size_t> order(drawn.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return drawn[a] > drawn[b]; });

    const int64_t furthest = drawn[order[0]];
    const int64_t last = length - kAfter - 1;
    const int64_t pronoun = row + furthest + kBefore + random.below(last - furthest - kBefore + 1);
    for (size_t i = 0; i < order.size(); ++i) {
      const int64_t place = pronoun - drawn[order[i]];
      Words words;  // right before the noun
      if (i > 1) words.push_back(g.comma);
      if (i > 0) words.push_back(pick(random, g.meet));
      words.push_back(g.the);
      const auto room = [&] { return place - std::ssize(tokens) - std::ssize(words); };
      if (room() > 0 && random.below(2) == 1) words.push_back(pick(random, g.adjectives));
      if (i == 0) append_weather(random, room(), tokens);
      if (i > 0) append_phrases(random, room(), i > 1, tokens);
      append(words, tokens);
      tokens.push_back(pick(random, g.nouns[classes[order[i]]]));
    }
    append_phrases(random, drawn[order.back()] - kLeastDistance, true, tokens);
    append({g.conjunction, pick(random, g.find), g.pronouns[classes[0]]}, tokens);
    batch.labelled.push_back(pronoun);
    batch.targets.push_back(tokens[static_cast<size_t>(pronoun - drawn[0])]);
    tokens.push_back(pick(random, g.owned[classes[0]]));
    append_phrases(random, row + last - pronoun, true, tokens);
    tokens.push_back(g.stop);
    return drawn;
  }

  Options options_;
};

const bool registered = register_task<Coreference>();

}  // namespace
}  // namespace lengthwise
