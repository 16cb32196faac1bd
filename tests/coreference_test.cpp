#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "base/check.h"
#include "tasks/task.h"
#include "tests/chi_square.h"

namespace lengthwise {
namespace {

std::unique_ptr<Task> make_coreference(const OptionValues& options = {}) {
  return task_entry("coreference").make(options);
}

const std::map<std::string, std::string> kNounsOf = {
    {"its", "cat dog horse fox bird mouse"},
    {"his", "king boy man uncle monk prince"},
    {"her", "queen girl woman aunt nun princess"},
    {"their", "children wolves twins geese sailors thieves"}};

std::vector<std::string> split(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::string text_of(const Batch& batch, int64_t row) {
  const TokenText text = task_entry("coreference").token_text(OptionValues{}, TaskForm::sequence);
  return text.text({batch.tokens.data() + row * batch.length, static_cast<size_t>(batch.length)});
}

struct Mention {
  int64_t place;  // in the row
  std::string noun, pronoun;
};

// A row as somebody reads it who knows the nouns and their pronouns and nothing of how it was made.
struct Sentence {
  std::vector<Mention> mentions;
  std::string pronoun;
  int64_t place = -1;  // of the pronoun
  std::vector<size_t> agree;
};

Sentence read_sentence(const Batch& batch, int64_t row) {
  static const std::map<std::string, std::string> kPronounOf = [] {
    std::map<std::string, std::string> pronouns;
    for (const auto& [pronoun, nouns] : kNounsOf) {
      for (const std::string& noun : split(nouns)) pronouns[noun] = pronoun;
    }
    return pronouns;
  }();
  const std::vector<std::string> words = split(text_of(batch, row));
  EXPECT_EQ(std::ssize(words), batch.length);
  Sentence sentence;
  for (int64_t place = 0; place < std::ssize(words); ++place) {
    const std::string& word = words[static_cast<size_t>(place)];
    if (kPronounOf.contains(word)) {
      EXPECT_EQ(sentence.place, -1) << "a noun after the pronoun";
      sentence.mentions.push_back({place, word, kPronounOf.at(word)});
    }
    if (!kNounsOf.contains(word)) continue;
    EXPECT_EQ(sentence.place, -1) << "two pronouns";
    sentence.place = place;
    sentence.pronoun = word;
  }
  for (size_t i = 0; i < sentence.mentions.size(); ++i) {
    if (sentence.mentions[i].pronoun == sentence.pronoun) sentence.agree.push_back(i);
  }
  EXPECT_EQ(sentence.agree.size(), 1U);
  return sentence;
}

// The grammar, written down a second time.
std::regex sentence_pattern() {
  std::string noun, pronoun;
  for (const auto& [each, nouns] : kNounsOf) {
    pronoun += (pronoun.empty() ? "" : "|") + each;
    for (const std::string& one : split(nouns)) noun += (noun.empty() ? "" : "|") + one;
  }
  const std::string adverb = "(again|quietly|happily|twice|alone)";
  const std::string phrase =
      "(danced|laughed|waited|slept|sang|smiled|walked away|fell asleep|sat down|ran home|"
      "stood still|looked around|slept until noon|sang all day|danced all night|laughed out loud|"
      "waited until dark|came back before noon|ran away at night|sat still until dark|"
      "looked around all day)";
  const std::string mention = "the ((old|young|small|tired|quiet|brave) )?(" + noun + ")";
  const std::string more = "( " + adverb + ")?( , " + phrase + ")*";
  const std::string meet = "(met|saw|called|followed|greeted|watched) ";
  const std::string weather =
      "(it rained|it snowed|it was dark|it rained again|it was very cold|it snowed all night)";
  return std::regex("(" + weather + " \\. )*((once|one day) )?" + mention + " (" + adverb + " )?(" +
                    phrase + " , )*" + meet + mention + more + "( , " + meet + mention + more +
                    ")* and (found|lost|chased|forgot|remembered|wanted) (" + pronoun +
                    ") (tail|food|bed|hat|friend|beds|friends)" + more + " \\.");
}

TEST(Coreference, WritesSentences) {
  const std::regex pattern = sentence_pattern();
  for (const int64_t length : {15, 16, 17, 40, 150}) {
    const Batch batch = make_coreference()->training_batch(1, 0, 200, length);
    for (int64_t row = 0; row < 200; ++row) {
      EXPECT_TRUE(std::regex_match(text_of(batch, row), pattern)) << text_of(batch, row);
    }
    EXPECT_TRUE(batch.evidence.empty());
  }
}

TEST(Coreference, OneNounAgreesAndIsTheAnswer) {
  const TokenText text = task_entry("coreference").token_text(OptionValues{}, TaskForm::sequence);
  for (const int64_t nouns : {2, 3, 4}) {
    const auto task = make_coreference({{"nouns", std::to_string(nouns)}});
    for (const int64_t length : {19, 64, 301}) {
      const Batch batch = task->evaluation_batch(1, length, 5, 300);
      const std::vector<std::string> parts = task->parts(length);
      ASSERT_EQ(batch.labelled.size(), 300U);
      ASSERT_EQ(batch.targets.size(), 300U);
      ASSERT_EQ(batch.parts.size(), 300U);
      ASSERT_EQ(batch.evidence.size(), 300U);
      ASSERT_EQ(batch.distractors.size(), 300U);
      for (int64_t row = 0; row < 300; ++row) {
        const auto label = static_cast<size_t>(row);
        const int64_t start = row * length;
        const Sentence sentence = read_sentence(batch, row);
        ASSERT_EQ(std::ssize(sentence.mentions), nouns);
        const Mention& meant = sentence.mentions[sentence.agree.at(0)];
        EXPECT_EQ(batch.labelled[label], start + sentence.place);
        EXPECT_EQ(text.write(batch.targets[label]), meant.noun);
        EXPECT_EQ(batch.evidence[label], start + meant.place);
        const auto other = std::find_if(
            sentence.mentions.begin(), sentence.mentions.end(),
            [&](const Mention& m) { return start + m.place == batch.distractors[label]; });
        ASSERT_NE(other, sentence.mentions.end());
        EXPECT_NE(other->pronoun, sentence.pronoun);
        // The last part whose least distance is not beyond this one's.
        const int64_t distance = sentence.place - meant.place;
        size_t part = 0;
        while (part + 1 < parts.size() &&
               std::stoll(parts[part + 1].substr(parts[part + 1].find('=') + 1)) <= distance) {
          ++part;
        }
        EXPECT_EQ(static_cast<size_t>(batch.parts[label]), part) << distance;
      }
    }
  }
}

// Rules that read no pronoun: they are right as often as chance says.
TEST(Coreference, NoPlaceOfASentenceGivesTheAnswerAway) {
  constexpr int64_t kRows = 12'000;
  for (const int64_t nouns : {2, 3, 4}) {
    const auto task = make_coreference({{"nouns", std::to_string(nouns)}});
    const Batch batch = task->evaluation_batch(2, 48, 0, kRows);
    std::vector<double> meant(static_cast<size_t>(nouns)), drawn(meant.size());
    double room = 0, used = 0;  // for the sentence to stand further right, and how much it does
    double even_gap = 0;        // the noun behind the widest gap: where an uneven draw would show
    for (int64_t row = 0; row < kRows; ++row) {
      const Sentence sentence = read_sentence(batch, row);
      ASSERT_EQ(std::ssize(sentence.mentions), nouns);
      meant[sentence.agree.at(0)] += 1;
      const int64_t furthest = sentence.place - sentence.mentions[0].place;
      room += static_cast<double>(48 - 4 - furthest);
      used += static_cast<double>(sentence.place - furthest - 1);
      size_t widest = 0;
      int64_t gap = 0;
      for (size_t i = 0; i < meant.size(); ++i) {
        const int64_t next = i + 1 < meant.size() ? sentence.mentions[i + 1].place : sentence.place;
        if (next - sentence.mentions[i].place > gap) {
          gap = next - sentence.mentions[i].place;
          widest = i;
        }
        if (row * 48 + sentence.mentions[i].place == batch.distractors[static_cast<size_t>(row)]) {
          drawn[i] += 1;
        }
      }
      if (widest == sentence.agree.at(0)) even_gap += 1;
    }
    EXPECT_NEAR(used / room, 0.5, 0.02);
    EXPECT_LE(meant.front() / kRows, 0.55) << "the first noun";
    EXPECT_LE(meant.back() / kRows, 0.55) << "the nearest noun";
    EXPECT_LT(chi_square(meant), chi_square_limit(meant.size() - 1));
    EXPECT_LT(chi_square(drawn), chi_square_limit(drawn.size() - 1));
    EXPECT_NEAR(even_gap / kRows, task->chance(48), 0.015);
    EXPECT_DOUBLE_EQ(task->chance(48), 1 / static_cast<double>(nouns));
  }
}

TEST(Coreference, NounsAndClassesAreEquallyFrequent) {
  constexpr int64_t kRows = 24'000;
  const Batch batch = make_coreference()->training_batch(3, 0, kRows, 32);
  std::map<std::string, size_t> numbers, classes;
  for (const auto& [pronoun, nouns] : kNounsOf) {
    classes.emplace(pronoun, classes.size());
    for (const std::string& noun : split(nouns)) numbers.emplace(noun, numbers.size());
  }
  ASSERT_EQ(numbers.size(), 24U);
  // Who is meant and who is mentioned, and which class stands first where which is meant.
  std::vector<double> meant(24), mentioned(24), first(16);
  for (int64_t row = 0; row < kRows; ++row) {
    const Sentence sentence = read_sentence(batch, row);
    meant[numbers.at(sentence.mentions[sentence.agree.at(0)].noun)] += 1;
    for (const Mention& mention : sentence.mentions) mentioned[numbers.at(mention.noun)] += 1;
    first[4 * classes.at(sentence.pronoun) + classes.at(sentence.mentions[0].pronoun)] += 1;
  }
  EXPECT_LT(chi_square(meant), chi_square_limit(23));
  EXPECT_LT(chi_square(mentioned), chi_square_limit(23));
  std::vector<double> expected(16);
  for (size_t i = 0; i < 16; ++i) {
    // A third of the time it is the first noun that is meant; the others are as likely as another.
    expected[i] = kRows / 4.0 * (i % 5 == 0 ? 1.0 / 3 : 2.0 / 9);
  }
  EXPECT_LT(chi_square(first, expected), chi_square_limit(15));
}

// Shares of distances by listing where three nouns can stand, each with its probability.
std::vector<double> listed_law(int64_t least, int64_t most) {
  std::vector<double> law(static_cast<size_t>(most + 1));
  const auto weight = [](int64_t d) {
    return std::log((static_cast<double>(d) + 1) / static_cast<double>(d));
  };
  const auto apart = [](int64_t a, int64_t b) { return std::abs(a - b) >= 4; };
  double all = 0;
  for (int64_t a = least; a <= most; ++a) {
    for (int64_t b = least; b <= most; ++b) {
      for (int64_t c = least; c <= most; ++c) {
        if (!apart(a, b) || !apart(a, c) || !apart(b, c)) continue;
        law[static_cast<size_t>(a)] += weight(a) * weight(b) * weight(c);
        all += weight(a) * weight(b) * weight(c);
      }
    }
  }
  for (double& share : law) share /= all;
  return law;
}

TEST(Coreference, DistancesFollowTheirLaw) {
  constexpr int64_t kRows = 40'000;
  for (const auto& [least, most, length] :
       {std::tuple<int64_t, int64_t, int64_t>{3, 26, 30}, {5, 21, 40}}) {
    const auto task = make_coreference(
        {{"least_distance", std::to_string(least)}, {"most_distance", std::to_string(most)}});
    const Batch batch = task->evaluation_batch(4, length, 0, kRows);
    const std::vector<double> law = listed_law(least, most);
    std::vector<double> found(law.size());
    for (int64_t row = 0; row < kRows; ++row) {
      const auto label = static_cast<size_t>(row);
      found.at(static_cast<size_t>(batch.labelled[label] - batch.evidence[label])) += 1;
    }
    std::vector<double> expected(law);
    for (double& share : expected) share *= kRows;
    const auto from = static_cast<std::ptrdiff_t>(least);
    EXPECT_LT(
        chi_square({found.begin() + from, found.end()}, {expected.begin() + from, expected.end()}),
        chi_square_limit(static_cast<size_t>(most - least)));

    for (const int64_t reach : {1, 3, 7, 8, 19, 26}) {
      const Ceiling ceiling = task->ceiling(length, reach);
      std::map<int64_t, std::pair<double, double>> octaves;  // reached, there
      double all = 0;
      for (int64_t d = least; d <= most; ++d) {
        const double share = law[static_cast<size_t>(d)];
        auto& [reached, there] = octaves[static_cast<int64_t>(std::log2(d))];
        there += share;
        if (d <= reach) reached += share;
        if (d <= reach) all += share;
      }
      EXPECT_NEAR(ceiling.all, all, 1e-12);
      std::vector<double> parts;
      for (const auto& [octave, shares] : octaves) parts.push_back(shares.first / shares.second);
      EXPECT_THAT(ceiling.parts, testing::Pointwise(testing::DoubleNear(1e-12), parts));
    }
    EXPECT_NEAR(task->ceiling(length, -1).all, 1, 1e-12);
  }
}

TEST(Coreference, LongerRowsReachFurther) {
  const auto task = make_coreference();
  EXPECT_THAT(task->parts(64), testing::ElementsAre("distance=3", "distance=4", "distance=8",
                                                    "distance=16", "distance=32"));
  EXPECT_THAT(task->parts(68), testing::Contains("distance=64"));
  EXPECT_THAT(task->parts(67), testing::Not(testing::Contains("distance=64")));
  EXPECT_THAT(make_coreference({{"least_distance", "5"}, {"most_distance", "16"}})->parts(500),
              testing::ElementsAre("distance=5", "distance=8", "distance=16"));
  const Batch batch = task->evaluation_batch(1, 512, 0, 2000);
  int64_t longest = 0, last = 0;
  for (size_t label = 0; label < 2000; ++label) {
    longest = std::max(longest, batch.labelled[label] - batch.evidence[label]);
    last = std::max(last, batch.labelled[label] % 512);
  }
  EXPECT_GT(longest, 490);
  EXPECT_LE(longest, 508);
  EXPECT_EQ(last, 509);
}

TEST(Coreference, IsReadAndWrittenInWords) {
  const TokenText text = task_entry("coreference").token_text(OptionValues{}, TaskForm::sequence);
  const std::string said = "the old king met the cat and chased its tail .";
  EXPECT_EQ(text.text(text.prompt("--prompt", said)), said);
  EXPECT_EQ(text.write(1000), "<1000>");
  const int64_t vocabulary = make_coreference()->vocabulary();
  for (int32_t token = 0; token < vocabulary; ++token) {
    EXPECT_EQ(text.prompt("--prompt", text.write(token)), std::vector<int32_t>{token});
  }
  try {
    text.prompt("--prompt", "the old kin .");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "--prompt: found 'kin', expected words of task coreference separated by blanks "
                 "(did you mean 'king'?)");
  }
}

TEST(Coreference, RefusesWhatCannotBe) {
  const auto refusal = [](const OptionValues& options, int64_t length) -> std::string {
    try {
      make_coreference(options)->check_length(length);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refusal({}, 14),
            "length: found 14, expected at least 15 for task coreference with 3 nouns");
  EXPECT_EQ(refusal({}, 15), "");
  EXPECT_EQ(refusal({{"nouns", "4"}, {"most_distance", "14"}}, 64),
            "task.coreference.most_distance: found 14, expected at least 15 with 4 nouns");
  EXPECT_THAT(refusal({{"nouns", "5"}}, 64), testing::HasSubstr("task.coreference.nouns"));
}

}  // namespace
}  // namespace lengthwise
