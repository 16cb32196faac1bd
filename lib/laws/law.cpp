#include "laws/law.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"

namespace lengthwise {
namespace {

// Collects, for each option, values worth trying; the default comes first.
class OptionSampler final : public OptionVisitor {
 public:
  struct Samples {
    std::string name;
    std::vector<std::string> values;
    bool combines;  // with the other choices and flags
  };
  std::vector<Samples> all;

  void integer(std::string_view name, int64_t& value, IntegerRange range,
               std::string_view) override {
    std::vector<std::string> values = {std::to_string(value)};
    for (const int64_t sample : {1, 3, 64, 200}) {
      const bool inside = range.least <= sample && sample <= range.most;
      if (inside && sample != value) values.push_back(std::to_string(sample));
    }
    all.push_back({std::string(name), values, false});
  }
  void number(std::string_view name, double& value, NumberRange range, std::string_view) override {
    const double sample = std::clamp(value / 4, range.least, range.most);
    all.push_back({std::string(name), {format_number(value), format_number(sample)}, false});
  }
  void choice(std::string_view name, std::string& value,
              std::initializer_list<std::string_view> allowed, std::string_view) override {
    std::vector<std::string> values = {value};
    for (const std::string_view one : allowed) {
      if (one != value) values.emplace_back(one);
    }
    all.push_back({std::string(name), values, true});
  }
  void flag(std::string_view name, bool& value, std::string_view) override {
    const auto text = [](bool on) { return std::string(on ? "true" : "false"); };
    all.push_back({std::string(name), {text(value), text(!value)}, true});
  }
  void text(std::string_view, std::string&, std::string_view) override {}
  void integers(std::string_view, std::vector<int64_t>&, IntegerRange, std::string_view) override {}
};

template <class Entry>
LawResult try_over_options(const PlugInLaw<Entry>& law, const Entry& entry) {
  const std::string why_not = law.why_not(entry);
  LawResult result =
      try_law(law.name, std::string(entry.info.name), law.tolerance, [&](Findings& findings) {
        if (!why_not.empty()) return;
        for (const OptionValues& options : option_samples(entry.options)) {
          law.check(entry, options, findings);
        }
      });
  result.not_tried = why_not;
  return result;
}

}  // namespace

void Findings::begin(std::string what, int64_t length) {
  what_ = std::move(what);
  result_.lengths.insert(length);
}

void Findings::fail(const std::string& how) {
  ++result_.failed_cases;
  if (result_.failure.empty()) result_.failure = what_ + ": " + how;
}

void Findings::error(std::string_view quantity, double error) {
  ++result_.cases;
  result_.worst_error = std::max(result_.worst_error, std::isnan(error) ? HUGE_VAL : error);
  if (!(error <= result_.tolerance)) {
    fail(fmt::format("{} is off by {:.2g}, expected at most {:.0e}", quantity, error,
                     result_.tolerance));
  }
}

void Findings::holds(std::string_view quantity, bool holds) {
  ++result_.cases;
  if (!holds) fail(std::string(quantity));
}

void Findings::equal(std::string_view quantity, int64_t predicted, int64_t counted) {
  ++result_.cases;
  if (predicted != counted) {
    fail(fmt::format("{}: predicted {}, counted {}", quantity, predicted, counted));
  }
}

LawResult try_law(std::string_view law, std::string subject, double tolerance,
                  const std::function<void(Findings&)>& check) {
  LawResult result;
  result.law = law;
  result.subject = std::move(subject);
  result.tolerance = tolerance;
  Findings findings(result);
  const int threads = thread_count();
  try {
    check(findings);
  } catch (const std::exception& error) {
    findings.holds(fmt::format("threw: {}", error.what()), false);
  }
  set_thread_count(threads);
  return result;
}

std::vector<OptionValues> option_samples(const std::function<void(OptionVisitor&)>& visit) {
  OptionSampler sampler;
  visit(sampler);
  std::vector<OptionValues> combinations = {{}};
  for (const auto& [name, values, combines] : sampler.all) {
    if (!combines) continue;
    const std::vector<OptionValues> before = combinations;
    for (size_t i = 1; i < values.size(); ++i) {
      for (OptionValues combination : before) {
        combination[name] = values[i];
        combinations.push_back(std::move(combination));
      }
    }
  }
  for (const auto& [name, values, combines] : sampler.all) {
    for (size_t i = 1; !combines && i < values.size(); ++i) {
      combinations.push_back({{name, values[i]}});
    }
  }
  return combinations;
}

std::string options_text(const OptionValues& options) {
  std::string text;
  for (const auto& [key, value] : options) text += fmt::format(" {}={}", key, value);
  return text;
}

LawResult try_law(const AttentionLaw& law, const AttentionVariant& variant) {
  return try_over_options(law, variant);
}

LawResult try_law(const PositionLaw& law, const PositionScheme& scheme) {
  return try_over_options(law, scheme);
}

LawResult try_law(const ModelLaw& law, const AttentionPattern& pattern,
                  const PositionScheme& scheme) {
  const std::string why_not = law.why_not(pattern, scheme);
  LawResult result =
      try_law(law.name, fmt::format("{} with {}", pattern_text(pattern), scheme.info.name),
              law.tolerance, [&](Findings& findings) {
                if (why_not.empty()) law.check(pattern, scheme, findings);
              });
  result.not_tried = why_not;
  return result;
}

std::vector<AttentionPattern> law_patterns(const AttentionVariant& variant) {
  const auto all = attention_variants();
  auto next = std::find_if(all.begin(), all.end(), [&](const AttentionVariant& other) {
    return other.info.name > variant.info.name;
  });
  if (next == all.end()) next = all.begin();
  return {{{&variant}}, {{&variant}, {&*next}}};
}

}  // namespace lengthwise
