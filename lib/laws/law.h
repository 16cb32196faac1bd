// What a law says of one variant or scheme: how often it was tried, how far off it was, and the
// first case that broke it.
#pragma once
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "nn/attention_pattern.h"

namespace lengthwise {

/// The outcome of one law on one subject.
struct LawResult {
  std::string law, subject;
  double tolerance = 0;  // 0: to the bit, or to the unit
  int64_t cases = 0, failed_cases = 0;
  double worst_error = 0;
  std::set<int64_t> lengths;  // tried
  std::string failure;        // the first case that broke it; "" where it holds
  std::string not_tried;      // why it was not; "" where it was

  bool holds() const { return failure.empty(); }
};

/// Where a law writes down what it finds.
class Findings {
 public:
  explicit Findings(LawResult& result) : result_(result) {}
  /// What is tried from here on, for messages, and its length.
  void begin(std::string what, int64_t length);
  /// A relative error, held to the law's tolerance.
  void error(std::string_view quantity, double error);
  /// Must be true.
  void holds(std::string_view quantity, bool holds);
  /// Must be equal to the unit.
  void equal(std::string_view quantity, int64_t predicted, int64_t counted);

 private:
  void fail(const std::string& how);
  LawResult& result_;
  std::string what_;
};

/// Runs `check`; an exception breaks the law too.
LawResult try_law(std::string_view law, std::string subject, double tolerance,
                  const std::function<void(Findings&)>& check);

/// Options to try: the defaults, each option's samples one at a time, and every combination of
/// choices and flags.
std::vector<OptionValues> option_samples(const std::function<void(OptionVisitor&)>& visit);
std::string options_text(const OptionValues& options);

/// A law over plug-ins of one kind. `why_not` is "" where it applies.
template <class Entry>
struct PlugInLaw {
  std::string_view name, statement;
  double tolerance;
  std::string (*why_not)(const Entry& entry);
  void (*check)(const Entry& entry, const OptionValues& options, Findings& findings);
};
using AttentionLaw = PlugInLaw<AttentionVariant>;
using PositionLaw = PlugInLaw<PositionScheme>;
std::span<const AttentionLaw> attention_laws();
std::span<const PositionLaw> position_laws();
/// Over all samples of the plug-in's options.
LawResult try_law(const AttentionLaw& law, const AttentionVariant& variant);
LawResult try_law(const PositionLaw& law, const PositionScheme& scheme);

/// A law over whole models of one pattern of layers and one scheme, with their default options.
struct ModelLaw {
  std::string_view name, statement;
  double tolerance;
  std::string (*why_not)(const AttentionPattern& pattern, const PositionScheme& scheme);
  void (*check)(const AttentionPattern& pattern, const PositionScheme& scheme, Findings& findings);
};
std::span<const ModelLaw> model_laws();
LawResult try_law(const ModelLaw& law, const AttentionPattern& pattern,
                  const PositionScheme& scheme);
/// The patterns that model laws try of a variant: in all layers, and in turns with the registered
/// variant whose name comes next.
std::vector<AttentionPattern> law_patterns(const AttentionVariant& variant);

}  // namespace lengthwise
