#include "experiments/runner/attend_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/text_table.h"
#include "experiments/runner/attention_file.h"
#include "experiments/runner/model_command.h"
#include "experiments/runner/units.h"

namespace lengthwise {
namespace {

// Longer ones are not held to the definition, whose loops would take minutes.
constexpr int64_t kLongestHeldToDefinition = 256;

AttentionOf look(const SavedModel& saved, Reading reading) {
  ForwardPass pass;
  pass.source = {reading.source, std::ssize(reading.source)};
  AttentionOf found;
  const auto tokens = std::ssize(reading.tokens);
  const bool is_short = std::max(tokens, pass.source.length) <= kLongestHeldToDefinition;
  map_attention(*saved.model, reading.tokens, 1, tokens, pass, {.against_definition = is_short},
                [&](AttentionMap map) { found.maps.push_back(std::move(map)); });
  found.rollouts = rollouts_of(found.maps);
  found.reading = std::move(reading);
  return found;
}

std::string error_text(double error) {
  return std::isnan(error) ? "-" : fmt::format("{:.0e}", error);
}

// Columns that a terminal has room for.
constexpr std::pair<const char*, double HeadSummary::*> kShown[] = {
    {"entropy", &HeadSummary::entropy},   {"of ln n", &HeadSummary::entropy_share},
    {"distance", &HeadSummary::distance}, {"diagonal", &HeadSummary::diagonal},
    {"first", &HeadSummary::first},       {"top 1", &HeadSummary::top1},
    {"top 5", &HeadSummary::top5}};

std::string table_text(const AttentionOf& found, std::optional<int64_t> head) {
  std::vector<std::string> titles = {"attention", "role", "layer", "head"};
  for (const auto& [title, member] : kShown) titles.emplace_back(title);
  titles.emplace_back("probe error");
  std::vector<std::vector<std::string>> rows = {titles, {"-"}};
  std::string notes;
  for (const AttentionMap& map : found.maps) {
    if (!map.why_none.empty()) {
      notes += fmt::format("{} layer {}: no weights: {} {}\n", map.role, map.layer, map.variant,
                           map.why_none);
      continue;
    }
    for (int64_t h = 0; h < map.heads; ++h) {
      if (head && *head != h) continue;
      rows.push_back({map.variant, map.role, std::to_string(map.layer), std::to_string(h)});
      const HeadSummary summary = map.summary(h);
      for (const auto& [title, member] : kShown) {
        rows.back().push_back(short_number(summary.*member));
      }
      rows.back().push_back(error_text(map.exact_error));
    }
  }
  return (rows.size() > 2 ? aligned(rows) : "") + notes;
}

std::string text_of(const std::vector<AttentionOf>& all, std::optional<int64_t> head) {
  std::string text;
  for (const AttentionOf& found : all) {
    const Reading& reading = found.reading;
    text += text.empty() ? "" : "\n";
    text += fmt::format("input {}{}\n\n", reading.input,
                        reading.target.empty() ? "" : ", target " + reading.target);
    text += table_text(found, head);
  }
  return text +
         "\nentropy in nats, and as a share of ln n, n keys seen; distance in tokens; then shares "
         "of weight: on the\n"
         "diagonal, the first key, the 1 and 5 keys that get most. probe error: the largest "
         "difference of a\n"
         "weight from the definition's";
}

nlohmann::json map_json(const AttentionMap& map, std::optional<int64_t> head) {
  nlohmann::json json = {{"attention", map.variant},
                         {"role", map.role},
                         {"layer", map.layer},
                         {"why_none", map.why_none},
                         {"exact_error", map.exact_error},
                         {"heads", nlohmann::json::array()}};
  for (int64_t h = 0; h < map.heads && map.why_none.empty(); ++h) {
    if (head && *head != h) continue;
    const HeadSummary summary = map.summary(h);
    nlohmann::json of_head = {{"head", h}};
    for (const SummaryNumber& number : summary_numbers()) {
      of_head[number.name] = summary.*number.member;
    }
    json["heads"].push_back(std::move(of_head));
  }
  return json;
}

nlohmann::json json_of(const AttendOptions& options, const SavedModel& saved,
                       const std::vector<AttentionOf>& all) {
  nlohmann::json json = model_json(options.checkpoint, saved);
  json["inputs"] = nlohmann::json::array();
  for (const AttentionOf& found : all) {
    nlohmann::json input = {{"input", found.reading.input},
                            {"target", found.reading.target},
                            {"source", found.reading.source},
                            {"tokens", found.reading.tokens},
                            {"layers", nlohmann::json::array()}};
    for (const AttentionMap& map : found.maps) {
      input["layers"].push_back(map_json(map, options.head));
    }
    json["inputs"].push_back(std::move(input));
  }
  return json;
}

void keep_chosen(const AttendOptions& options, AttentionOf& found) {
  std::erase_if(found.maps, [&](const AttentionMap& map) {
    return options.layer && map.layer != *options.layer;
  });
  int64_t heads = 0;
  for (const AttentionMap& map : found.maps) heads = std::max(heads, map.heads);
  if (!options.head || *options.head < heads) return;
  user_error("--head: found {}, expected at most {}: the layers have {} heads", *options.head,
             heads - 1, heads);
}

void attend(const AttendOptions& options) {
  if (!options.output.empty()) check_replaceable(options.output);
  const SavedModel saved = load_model(options.checkpoint);
  std::vector<AttentionOf> all;
  for (Reading& reading : plan_readings(options, saved)) {
    all.push_back(look(saved, std::move(reading)));
    keep_chosen(options, all.back());
  }
  if (!options.output.empty()) {
    write_table(options.output, attention_table(saved, options.checkpoint, all, options.head));
  }
  if (options.json) return print_json(json_of(options, saved, all));
  fmt::print("{}\n", text_of(all, options.head));
}

}  // namespace

int attend_command(const std::vector<std::string>& arguments) {
  const AttendOptions options = parse_attend_options(arguments);
  if (options.help) {
    fmt::print(
        "lengthwise attend --checkpoint FILE --input TEXT [-o FILE] [--option value ...]\n\n{}",
        describe_attend_options());
    return 0;
  }
  run_on_model("attend", options.threads, "shorter inputs", [&] { attend(options); });
  return 0;
}

}  // namespace lengthwise
