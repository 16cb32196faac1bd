#include "experiments/runner/list.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/nearest.h"
#include "base/text_table.h"
#include "experiments/runner/capability.h"
#include "nn/position.h"
#include "tasks/task.h"

namespace lengthwise {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const std::vector<std::string> kKinds = {"attention", "position", "task", "studies"};

json options_json(const std::function<void(OptionVisitor&)>& visit) {
  OptionDescriber describer;
  visit(describer);
  json options = json::array();
  for (const OptionDescription& option : describer.descriptions) {
    options.push_back({{"name", option.name},
                       {"default", option.default_value},
                       {"expected", option.expected},
                       {"help", option.help}});
  }
  return options;
}

json attention_json() {
  json all = json::array();
  for (const AttentionVariant& variant : attention_variants()) {
    const AttentionInfo& info = variant.info;
    const GrowthExponents exponents = growth_exponents(variant);
    json refused = json::object();
    for (const PositionScheme& scheme : position_schemes()) {
      const std::string reason = why_refused(info, scheme.info);
      if (!reason.empty()) refused[std::string(scheme.info.name)] = reason;
    }
    all.push_back(
        {{"name", info.name},
         {"summary", info.summary},
         {"source", info.paper},
         {"projections", info.projection == Projection::query_key_value},
         {"causal", info.causal},
         {"bidirectional", info.bidirectional},
         {"cross", info.cross},
         {"not_across", why_not_across(info)},
         {"score_bias", info.score_bias},
         {"decodes", info.decodable},
         {"exact_softmax", is_exact_softmax(variant)},
         {"checked", static_cast<bool>(variant.define)},
         {"exponents",
          {{"flops", exponents.flops}, {"memory", exponents.memory}, {"state", exponents.state}}},
         {"not_with", refused},
         {"options", options_json(variant.options)}});
  }
  return all;
}

json position_json() {
  json all = json::array();
  for (const PositionScheme& scheme : position_schemes()) {
    const PositionInfo& info = scheme.info;
    json refused = json::object();
    for (const AttentionVariant& variant : attention_variants()) {
      const std::string reason = why_refused(variant.info, info);
      if (!reason.empty()) refused[std::string(variant.info.name)] = reason;
    }
    all.push_back({{"name", info.name},
                   {"summary", info.summary},
                   {"source", info.paper},
                   {"embeds", info.embeds},
                   {"rotates", info.rotates},
                   {"biases", info.biases},
                   {"relative", info.shift_invariant},
                   {"not_with", refused},
                   {"options", options_json(scheme.options)}});
  }
  return all;
}

json task_json() {
  json all = json::array();
  for (const TaskEntry& task : tasks()) {
    all.push_back({{"name", task.info.name},
                   {"summary", task.info.summary},
                   {"source", task.info.source},
                   {"chance", task.info.chance},
                   {"score", task_score_name(task.info.score)},
                   {"one_sequence", static_cast<bool>(task.make)},
                   {"source_and_target", static_cast<bool>(task.make_source_form)},
                   {"options", options_json(task.options)}});
  }
  return all;
}

// Folders under experiments/studies with a sweep.ini, seen from the repository's root.
json studies_json() {
  json all = json::array();
  const fs::path folder = "experiments/studies";
  std::error_code error;
  std::vector<fs::path> studies;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (fs::exists(entry.path() / "sweep.ini")) studies.push_back(entry.path());
  }
  std::sort(studies.begin(), studies.end());
  for (const fs::path& study : studies) {
    std::string title;
    std::ifstream readme(study / "README.md");
    std::getline(readme, title);
    title.erase(0, title.find_first_not_of("# "));
    all.push_back({{"name", study.filename().string()},
                   {"summary", title},
                   {"command", "lengthwise run " + (study / "sweep.ini").string()}});
  }
  return all;
}

json all_of(const std::string& kind) {
  if (kind == "attention") return attention_json();
  if (kind == "position") return position_json();
  return kind == "task" ? task_json() : studies_json();
}

void check_kind(const std::string& what) {
  if (what.empty() || std::find(kKinds.begin(), kKinds.end(), what) != kKinds.end()) return;
  user_error("list: found '{}', expected {}{}", what, fmt::join(kKinds, ", "),
             did_you_mean(what, kKinds));
}

std::string entry_text(const std::string& kind, const json& entry) {
  const std::string name = entry["name"], summary = entry["summary"];
  std::string text = fmt::format("  {:<20}{}", name, summary);
  if (entry.contains("source") && !entry["source"].get<std::string>().empty()) {
    text += fmt::format(" ({})", entry["source"].get<std::string>());
  }
  text += '\n';
  if (entry.contains("command")) {
    text += fmt::format("  {:<20}{}\n", "", entry["command"].get<std::string>());
  }
  if (entry.contains("chance")) {
    std::string score = entry["score"];
    std::replace(score.begin(), score.end(), '_', ' ');
    text += fmt::format("  {:<20}score: {}; chance: {}\n", "", score,
                        entry["chance"].get<std::string>());
  }
  if (entry.contains("checked") && !entry["checked"].get<bool>()) {
    text += fmt::format("  {:<20}not checked against a definition: it has none\n", "");
  }
  if (entry.contains("source_and_target") && entry["source_and_target"].get<bool>()) {
    text += fmt::format("  {:<20}for {}encoder_decoder, as source and target\n", "",
                        entry["one_sequence"].get<bool>() ? "decoder, and for " : "");
  }
  if (entry.contains("not_across") && !entry["not_across"].get<std::string>().empty()) {
    text +=
        fmt::format("  {:<20}not over a source: {}\n", "", entry["not_across"].get<std::string>());
  }
  if (entry.contains("not_with")) {
    for (const auto& [other, reason] : entry["not_with"].items()) {
      text += fmt::format("  {:<20}not with {}: {}\n", "", other, reason.get<std::string>());
    }
  }
  if (!entry.contains("options")) return text;
  for (const json& option : entry["options"]) {
    text += fmt::format("  {:<20}--{}.{}.{} {}: {}\n", "", kind, name,
                        option["name"].get<std::string>(), option["default"].get<std::string>(),
                        option["help"].get<std::string>());
  }
  return text;
}

std::string yes(const json& entry, const char* what) {
  return entry[what].get<bool>() ? "yes" : "no";
}

// "T^2", "T", "1" for what does not grow.
std::string power(const json& exponent) {
  if (!exponent.is_number() || std::isnan(exponent.get<double>())) return "-";
  const std::string digits = format_number(std::round(exponent.get<double>() * 100) / 100);
  return digits == "0" ? "1" : digits == "1" ? "T" : "T^" + digits;
}

// What can be done with what, at a glance.
std::string capability_table(const std::string& kind, const json& entries) {
  std::vector<std::vector<std::string>> rows;
  if (kind == "attention") {
    rows = {{"", "causal", "bidirectional", "cross", "score bias", "decodes", "exact softmax",
             "FLOPs", "memory", "state"},
            {"-"}};
    for (const json& entry : entries) {
      const json& exponents = entry["exponents"];
      rows.push_back({entry["name"], yes(entry, "causal"), yes(entry, "bidirectional"),
                      yes(entry, "cross"), yes(entry, "score_bias"), yes(entry, "decodes"),
                      yes(entry, "exact_softmax"), power(exponents["flops"]),
                      power(exponents["memory"]), power(exponents["state"])});
    }
  } else if (kind == "position") {
    rows = {{"", "embeds", "rotates", "biases", "relative"}, {"-"}};
    for (const json& entry : entries) {
      rows.push_back({entry["name"], yes(entry, "embeds"), yes(entry, "rotates"),
                      yes(entry, "biases"), yes(entry, "relative")});
    }
  }
  return rows.empty() ? "" : aligned(rows) + "\n";
}

}  // namespace

std::string list_text(const std::string& what) {
  check_kind(what);
  std::string text;
  for (const std::string& kind : kKinds) {
    if (!what.empty() && kind != what) continue;
    const json entries = all_of(kind);
    text += (text.empty() ? "" : "\n") + kind + "\n" + capability_table(kind, entries);
    for (const json& entry : entries) text += entry_text(kind, entry);
  }
  return text;
}

std::string list_json(const std::string& what) {
  check_kind(what);
  json all;
  for (const std::string& kind : kKinds) {
    if (what.empty() || kind == what) all[kind] = all_of(kind);
  }
  return all.dump(2) + "\n";
}

}  // namespace lengthwise
