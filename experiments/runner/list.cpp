#include "experiments/runner/list.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/nearest.h"
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
    all.push_back({{"name", info.name},
                   {"summary", info.summary},
                   {"source", info.paper},
                   {"projections", info.projection == Projection::query_key_value},
                   {"score_bias", info.score_bias},
                   {"options", options_json(variant.options)}});
  }
  return all;
}

json position_json() {
  json all = json::array();
  for (const PositionScheme& scheme : position_schemes()) {
    const PositionInfo& info = scheme.info;
    json refused = json::array();
    for (const AttentionVariant& variant : attention_variants()) {
      if (!why_refused(variant.info, info).empty()) refused.push_back(variant.info.name);
    }
    all.push_back({{"name", info.name},
                   {"summary", info.summary},
                   {"source", info.paper},
                   {"embeds", info.embeds},
                   {"rotates", info.rotates},
                   {"biases", info.biases},
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
  text += "\n";
  if (entry.contains("command")) {
    text += fmt::format("  {:<20}{}\n", "", entry["command"].get<std::string>());
  }
  if (entry.contains("not_with") && !entry["not_with"].empty()) {
    std::vector<std::string> names = entry["not_with"];
    text += fmt::format("  {:<20}not with {}: it forms no scores\n", "", fmt::join(names, ", "));
  }
  if (!entry.contains("options")) return text;
  for (const json& option : entry["options"]) {
    text += fmt::format("  {:<20}--{}.{}.{} {}: {}\n", "", kind, name,
                        option["name"].get<std::string>(), option["default"].get<std::string>(),
                        option["help"].get<std::string>());
  }
  return text;
}

}  // namespace

std::string list_text(const std::string& what) {
  check_kind(what);
  std::string text;
  for (const std::string& kind : kKinds) {
    if (!what.empty() && kind != what) continue;
    text += kind + "\n";
    for (const json& entry : all_of(kind)) text += entry_text(kind, entry);
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
