#include "experiments/runner/check.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "base/nearest.h"
#include "base/text_table.h"
#include "experiments/runner/progress_line.h"
#include "laws/law.h"

namespace lengthwise {
namespace {

using nlohmann::json;

struct Chosen {
  std::set<std::string, std::less<>> attention, position;
};

template <class Entries>
std::vector<std::string> names_of(const Entries& entries) {
  std::vector<std::string> names;
  for (const auto& entry : entries) names.emplace_back(entry.info.name);
  return names;
}

Chosen choose(const std::vector<std::string>& names, bool all) {
  const std::vector<std::string> variants = names_of(attention_variants());
  const std::vector<std::string> schemes = names_of(position_schemes());
  Chosen chosen;
  if (all) {
    chosen.attention.insert(variants.begin(), variants.end());
    chosen.position.insert(schemes.begin(), schemes.end());
  }
  for (const std::string& name : names) {
    const bool variant = std::find(variants.begin(), variants.end(), name) != variants.end();
    const bool scheme = std::find(schemes.begin(), schemes.end(), name) != schemes.end();
    if (variant) chosen.attention.insert(name);
    if (scheme) chosen.position.insert(name);
    if (variant || scheme) continue;
    std::vector<std::string> known = variants;
    known.insert(known.end(), schemes.begin(), schemes.end());
    user_error("check: unknown variant or scheme '{}'{}; known: {}", name,
               did_you_mean(name, known), fmt::join(known, ", "));
  }
  return chosen;
}

template <class Law, class... Subject>
void try_one(const Law& law, const std::string& names, std::vector<LawResult>& results,
             const ProgressLine& line, const Subject&... subject) {
  line.update(fmt::format("{}: {}", law.name, names));
  results.push_back(try_law(law, subject...));
}

std::vector<LawResult> try_all(const Chosen& chosen) {
  std::vector<LawResult> results;
  const ProgressLine line;
  for (const AttentionVariant& variant : attention_variants()) {
    const std::string name(variant.info.name);
    if (!chosen.attention.contains(name)) continue;
    for (const AttentionLaw& law : attention_laws()) try_one(law, name, results, line, variant);
  }
  for (const PositionScheme& scheme : position_schemes()) {
    const std::string name(scheme.info.name);
    if (!chosen.position.contains(name)) continue;
    for (const PositionLaw& law : position_laws()) try_one(law, name, results, line, scheme);
  }
  for (const AttentionVariant& variant : attention_variants()) {
    for (const AttentionPattern& pattern : law_patterns(variant)) {
      const bool has_chosen = std::any_of(pattern.begin(), pattern.end(), [&](const auto& part) {
        return chosen.attention.contains(part.variant->info.name);
      });
      for (const PositionScheme& scheme : position_schemes()) {
        if (!has_chosen && !chosen.position.contains(scheme.info.name)) continue;
        const std::string names = fmt::format("{} {}", pattern_text(pattern), scheme.info.name);
        for (const ModelLaw& law : model_laws())
          try_one(law, names, results, line, pattern, scheme);
      }
    }
  }
  line.update("");
  return results;
}

std::string statement_of(const std::string& law) {
  const auto look = [&](const auto& laws) {
    const auto found =
        std::find_if(laws.begin(), laws.end(), [&](const auto& one) { return one.name == law; });
    return found == laws.end() ? std::string() : std::string(found->statement);
  };
  return look(attention_laws()) + look(position_laws()) + look(model_laws());
}

// One line of the table: a law on one subject, or on the models of one pattern with each scheme.
struct Line {
  std::string subject, law;
  double tolerance = 0, worst_error = 0;
  int64_t cases = 0, pairs = 0;
  std::set<int64_t> lengths;
  bool holds = true;
  std::string not_tried;
};

std::vector<Line> lines_of(const std::vector<LawResult>& results) {
  std::vector<Line> lines;
  for (const LawResult& result : results) {
    const size_t with = result.subject.find(" with ");
    const std::string subject = result.subject.substr(0, with);
    const bool pair = with != std::string::npos;
    auto line = std::find_if(lines.begin(), lines.end(), [&](const Line& other) {
      return other.subject == subject && other.law == result.law;
    });
    if (line == lines.end()) {
      lines.push_back({subject, result.law, result.tolerance, 0, 0, 0, {}, true, result.not_tried});
      line = lines.end() - 1;
    }
    line->cases += result.cases;
    line->pairs += pair && result.not_tried.empty() ? 1 : 0;
    line->worst_error = std::max(line->worst_error, result.worst_error);
    line->lengths.insert(result.lengths.begin(), result.lengths.end());
    line->holds = line->holds && result.holds();
    if (result.not_tried.empty()) line->not_tried.clear();
  }
  return lines;
}

std::string text_of(const std::vector<LawResult>& results) {
  std::vector<std::vector<std::string>> rows = {
      {"", "law", "", "cases", "worst error", "allowed", "lengths"}, {"-"}};
  std::string before;
  for (const Line& line : lines_of(results)) {
    const std::string of =
        line.pairs == 0 ? line.subject : fmt::format("{}, {} models", line.subject, line.pairs);
    const std::string subject = of == before ? "" : of;
    before = of;
    if (!line.not_tried.empty()) {
      rows.push_back({subject, line.law, line.not_tried, "-", "-", "-", "-"});
      continue;
    }
    const bool exact = line.tolerance == 0;
    rows.push_back({subject, line.law, line.holds ? "holds" : "BROKEN", std::to_string(line.cases),
                    exact ? "exact" : fmt::format("{:.1e}", line.worst_error),
                    exact ? "0" : fmt::format("{:.0e}", line.tolerance),
                    fmt::format("{}", fmt::join(line.lengths, ","))});
  }
  std::string text = aligned(rows);
  int64_t cases = 0, broken = 0, tried = 0;
  std::set<std::string> laws;
  for (const LawResult& result : results) {
    if (!result.not_tried.empty()) continue;
    ++tried;
    laws.insert(result.law);
    cases += result.cases;
    if (result.holds()) continue;
    ++broken;
    text += fmt::format("\n{} breaks {} ({})\n  first at {}\n", result.subject, result.law,
                        statement_of(result.law), result.failure);
  }
  text += fmt::format("\n{} laws tried {} times in {} cases: {} broken\n", laws.size(), tried,
                      cases, broken);
  return text;
}

json json_of(const std::vector<LawResult>& results) {
  json all = json::array();
  for (const LawResult& r : results) {
    all.push_back({{"law", r.law},
                   {"statement", statement_of(r.law)},
                   {"subject", r.subject},
                   {"cases", r.cases},
                   {"failed_cases", r.failed_cases},
                   {"lengths", r.lengths},
                   {"worst_error", r.worst_error},
                   {"tolerance", r.tolerance},
                   {"holds", r.not_tried.empty() ? json(r.holds()) : json(nullptr)},
                   {"failure", r.failure},
                   {"not_tried", r.not_tried}});
  }
  return all;
}

}  // namespace

CheckReport check_laws(const std::vector<std::string>& names, bool all, bool json_wanted) {
  const std::vector<LawResult> results = try_all(choose(names, all));
  const bool broken = std::any_of(results.begin(), results.end(),
                                  [](const LawResult& result) { return !result.holds(); });
  return {json_wanted ? json_of(results).dump(2) + "\n" : text_of(results), broken};
}

}  // namespace lengthwise
