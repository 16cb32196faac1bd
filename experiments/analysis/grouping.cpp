#include "experiments/analysis/grouping.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"
#include "base/config_keys.h"

namespace lengthwise {
namespace {

/// The variants of all roles, joined by '+'.
std::string variants_of(const RunRecord& record) {
  std::string names = record.attention;
  for (const char* role : kDecoderVariants) {
    const auto found = record.setup->settings.find(role);
    if (found != record.setup->settings.end()) names += "+" + found->second;
  }
  return names;
}

/// The length and the seed are what a group spans, and names have a place of their own.
bool is_setting(const std::string& key, const RunRecord& record) {
  const std::string_view bare =
      std::string_view(key).substr(key.starts_with("model.") ? sizeof "model." - 1 : 0);
  for (const std::string_view name : {"length", "seed", "attention", "position", "task", "norm"}) {
    if (bare == name) return false;
  }
  // attention.windowed.window says nothing about a model that has no windowed layer
  const auto foreign = [&](std::string_view kind, const std::string& used) {
    if (!key.starts_with(kind)) return false;
    const size_t end = key.find('.', kind.size());
    if (end == std::string::npos) return false;
    const std::string name = "+" + key.substr(kind.size(), end - kind.size()) + "+";
    return ("+" + used + "+").find(name) == std::string::npos;
  };
  return !foreign("attention.", variants_of(record)) && !foreign("position.", record.position) &&
         !foreign("task.", record.task);
}

/// One of each setup and length.
Records without_repeats(const Records& records) {
  std::set<std::pair<const Setup*, int64_t>> seen;
  Records result;
  for (const RunRecord* record : records) {
    if (seen.emplace(record->setup.get(), record->length).second) result.push_back(record);
  }
  return result;
}

std::set<std::string> setting_keys(const Records& records) {
  std::set<std::string> keys;
  for (const RunRecord* record : records) {
    for (const auto& [key, value] : record->setup->settings) {
      if (is_setting(key, *record)) keys.insert(key);
    }
  }
  return keys;
}

/// Numbers in text compare as numbers, so that window=64 stands before window=128.
bool natural_less(const std::string& a, const std::string& b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!digit(a[i]) || !digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
      continue;
    }
    const size_t end_i = std::find_if_not(a.begin() + static_cast<int64_t>(i), a.end(), digit) -
                         a.begin(),
                 end_j = std::find_if_not(b.begin() + static_cast<int64_t>(j), b.end(), digit) -
                         b.begin();
    const std::string x = a.substr(i, end_i - i), y = b.substr(j, end_j - j);
    if (x.size() != y.size()) return x.size() < y.size();
    if (x != y) return x < y;
    i = end_i, j = end_j;
  }
  return a.size() - i < b.size() - j;
}

// That of decoder.attention would be another key's.
std::string last_part(const std::string& key) {
  return key.ends_with(".attention") ? key : key.substr(key.rfind('.') + 1);
}

}  // namespace

std::string setting_of(const RunRecord& record, const std::string& key) {
  const Settings& settings = record.setup->settings;
  const auto found = settings.find(key);
  return found == settings.end() || !is_setting(key, record) ? "" : found->second;
}

std::set<std::string> dividing_keys(const Records& all) {
  const Records records = without_repeats(all);
  std::set<std::string> dividing;
  for (const std::string& key : setting_keys(records)) {
    std::map<int64_t, std::string> by_length;
    for (const RunRecord* record : records) {
      const std::string value = setting_of(*record, key);
      if (by_length.emplace(record->length, value).first->second != value) dividing.insert(key);
    }
  }
  return dividing;
}

std::map<Settings, Records> by_settings(const Records& records, const std::set<std::string>& keys) {
  std::map<Settings, Records> result;
  std::map<const Setup*, Records*> of_setup;
  for (const RunRecord* record : records) {
    Records*& found = of_setup[record->setup.get()];
    if (found == nullptr) {
      Settings settings;
      for (const std::string& key : keys) settings[key] = setting_of(*record, key);
      found = &result[settings];
    }
    found->push_back(record);
  }
  return result;
}

bool GroupKey::operator<(const GroupKey& other) const {
  const auto names = [](const GroupKey& key) {
    return std::tie(key.attention, key.position, key.task, key.norm);
  };
  if (names(*this) != names(other)) return names(*this) < names(other);
  return natural_less(divided, other.divided);
}

std::map<GroupKey, GroupRuns> group_runs(const RunRecords& records) {
  std::map<GroupKey, Records> variants;
  for (const RunRecord& record : records) {
    variants[{record.attention, record.position, record.task, record.norm, ""}].push_back(&record);
  }
  std::map<GroupKey, GroupRuns> groups;
  for (const auto& [variant, runs] : variants) {
    std::set<std::string> keys = dividing_keys(runs);
    std::erase_if(keys, is_of_training);
    // a size that `match` adjusted follows from the length and the budget, which tells groups
    // apart
    for (const RunRecord* record : runs) keys.erase(record->matched_key);
    for (auto& [settings, of_group] : by_settings(runs, keys)) {
      GroupKey key = variant;
      for (const auto& [name, value] : settings) key.divided += value + "\n";
      groups[key] = {settings, std::move(of_group)};
    }
  }
  return groups;
}

std::string settings_label(const Settings& settings) {
  std::map<std::string, int> uses;
  for (const auto& setting : settings) ++uses[last_part(setting.first)];
  std::string label;
  for (const auto& [key, value] : settings) {
    if (value.empty()) continue;
    label += fmt::format(" {}={}", uses[last_part(key)] > 1 ? key : last_part(key), value);
  }
  return label;
}
}  // namespace lengthwise
