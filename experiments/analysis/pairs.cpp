#include "experiments/analysis/pairs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace lengthwise {
namespace {

std::string_view quantity_words(Quantity quantity) {
  static constexpr std::string_view kWords[kQuantities] = {
      "attention's training time",
      "training time",
      "attention's forward time",
      "forward time",
      "attention's training FLOPs",
      "training FLOPs",
      "memory that attention keeps for the backward pass",
      "peak training memory",
      "attention's decoding time",
      "decoding time",
      "attention's decoding FLOPs",
      "memory of decoding",
      "attention's time for the prompt",
      "time for the prompt",
  };
  return kWords[static_cast<size_t>(quantity)];
}

/// 1234567 -> "1,234,567"
std::string grouped(double number) {
  std::string digits = fmt::format("{:.0f}", number);
  for (int64_t at = static_cast<int64_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return digits;
}

/// Three significant digits, as a crossover is not known to a token.
std::string tokens(double length) {
  if (!std::isfinite(length)) return "open";
  const double unit = std::pow(10, std::floor(std::log10(length)) - 2);
  return grouped(unit > 1 ? std::round(length / unit) * unit : length);
}

std::string sentence(const Crossover& found, const std::string& later, const std::string& earlier,
                     Quantity quantity) {
  const std::string_view what = quantity_words(quantity);
  const std::string range = fmt::format("{} to {}", grouped(static_cast<double>(found.from)),
                                        grouped(static_cast<double>(found.to)));
  const std::string where = fmt::format("{} tokens [{}, {}]", tokens(found.length),
                                        tokens(found.interval.low), tokens(found.interval.high));
  switch (found.status) {
    case CrossoverStatus::crosses:
      return fmt::format("{} overtakes {} in {} at {}", later, earlier, what, where);
    case CrossoverStatus::always:
      return fmt::format("{} is {} {} in {} at every length, {}", later,
                         found.touches ? "below or equal to" : "below", earlier, what, range);
    case CrossoverStatus::not_reached:
      return fmt::format("{} does not overtake {} in {}: not reached in {}", later, earlier, what,
                         range);
    case CrossoverStatus::equal:
      return fmt::format("{} and {} are equal in {} at every length, {}", later, earlier, what,
                         range);
    case CrossoverStatus::undecided:
      if (found.told_from > 0) {
        return fmt::format(
            "{} is below {} in {} from {} tokens on; where it overtakes cannot be told", later,
            earlier, what, grouped(static_cast<double>(found.told_from)));
      }
      return fmt::format("no crossover of {} and {} in {} can be told in {}", later, earlier, what,
                         range);
    case CrossoverStatus::several:
      return fmt::format("{} and {} cross several times in {}, last at {}; beyond it {} is below",
                         later, earlier, what, where, later);
  }
  return "";
}

bool may_be_compared(const Group& a, const Group& b) {
  if (a.batching != b.batching || a.task != b.task || a.norm != b.norm) return false;
  const bool sized_alike = a.model == b.model || a.model.empty() || b.model.empty();
  if (!sized_alike || (a.position != b.position && a.attention != b.attention)) return false;
  for (const auto& [first, second] : {std::pair(&a, &b), std::pair(&b, &a)}) {
    for (const auto& [key, value] : first->settings) {
      if (key.starts_with("attention.") || key.starts_with("position.") || key == "batch") continue;
      const auto other = second->settings.find(key);
      if (other != second->settings.end() && other->second != value) return false;
    }
  }
  return true;
}

int reference_rank(const Group& a, const Group& b) {
  if (a.attention == "flash" || b.attention == "flash") return 0;
  if (a.attention == "full" || b.attention == "full") return 1;
  return 2;
}

}  // namespace

std::vector<PairCrossover> pair_crossovers(const std::vector<Group>& groups) {
  std::vector<PairCrossover> result;
  for (size_t i = 0; i < groups.size(); ++i) {
    for (size_t j = i + 1; j < groups.size(); ++j) {
      if (!may_be_compared(groups[i], groups[j])) continue;
      for (size_t q = 0; q < kQuantities; ++q) {
        const Quantity quantity = static_cast<Quantity>(q);
        PairCrossover pair{quantity, i, j, {}, groups[i].batching, false, ""};
        pair.crossover = crossover(groups[i].laws[q], groups[j].laws[q]);
        if (pair.crossover.to == 0) continue;
        if (pair.crossover.swapped) std::swap(pair.later, pair.earlier);
        pair.reference = reference_rank(groups[i], groups[j]) < 2;
        pair.sentence = sentence(pair.crossover, groups[pair.later].label,
                                 groups[pair.earlier].label, quantity);
        result.push_back(std::move(pair));
      }
    }
  }
  const auto rank = [&](const PairCrossover& pair) {
    return reference_rank(groups[pair.later], groups[pair.earlier]);
  };
  std::stable_sort(result.begin(), result.end(),
                   [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return result;
}

std::vector<std::string> summary_sentences(const Comparison& comparison) {
  std::vector<std::string> sentences;
  for (const Group& group : comparison.groups) {
    const Quantity quantity = Quantity::training_step_attention_seconds;
    const GrowthLaw& law = group.laws[static_cast<size_t>(quantity)];
    if (!std::isfinite(law.exponent.value)) continue;
    const Interval& interval = law.exponent.interval;
    const std::string within = std::isfinite(interval.low)
                                   ? fmt::format(" [{:.2f}, {:.2f}]", interval.low, interval.high)
                                   : "";
    sentences.push_back(fmt::format("{}: {} grows as n^{:.2f}{} at {} tokens{}", group.label,
                                    quantity_words(quantity), law.exponent.value, within,
                                    grouped(static_cast<double>(law.exponent.to)),
                                    law.exponent.settled ? "" : ", not yet asymptotic"));
  }
  for (const PairCrossover& pair : comparison.crossovers) {
    const bool shown = pair.quantity == Quantity::training_step_seconds ||
                       pair.quantity == Quantity::peak_total_bytes;
    if (pair.reference && shown) sentences.push_back(pair.sentence);
  }
  return sentences;
}

}  // namespace lengthwise
