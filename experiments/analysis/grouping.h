// Which runs belong together: those that differ in length and seed alone.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "experiments/analysis/records.h"

namespace lengthwise {

using Records = std::vector<const RunRecord*>;

/// "" where the row has none, or it says nothing about this row's model.
std::string setting_of(const RunRecord& record, const std::string& key);

/// Settings that differ between runs of one length. One that the length decides, such as a batch of
/// a fixed number of tokens, belongs to the law and must not tear a group into single lengths.
std::set<std::string> dividing_keys(const Records& records);

/// By what each has of these settings; of rows of one attention, position and task.
std::map<Settings, Records> by_settings(const Records& records, const std::set<std::string>& keys);

struct GroupKey {
  std::string attention, position, task, norm, divided;
  bool operator<(const GroupKey& other) const;  // numbers in settings compare as numbers
};

struct GroupRuns {
  Settings settings;
  Records records;
};

/// By what a step costs: how runs were trained divides none.
std::map<GroupKey, GroupRuns> group_runs(const RunRecords& records);

/// " window=64 width=128": the last part of each key where that is enough; "" for "".
std::string settings_label(const Settings& settings);

}  // namespace lengthwise
