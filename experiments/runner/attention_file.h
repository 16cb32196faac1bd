// What `lengthwise attend` found, as a table: a row an input.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/runner/attend_options.h"
#include "insight/attention_maps.h"
#include "io/table.h"

namespace lengthwise {

/// Of one role, the layers below and this one in one [T,T].
struct Rollout {
  std::string role;
  int64_t layer = 0, tokens = 0;
  std::vector<double> weights;
};

/// What a model looked at while it read.
struct AttentionOf {
  Reading reading;
  std::vector<AttentionMap> maps;  // of one row each
  std::vector<Rollout> rollouts;   // up to the first layer of a role that has no weights
};

/// The rollouts of these maps, of every role within one sequence.
std::vector<Rollout> rollouts_of(const std::vector<AttentionMap>& maps);

/// The numbers that a summary has, by the names of columns and keys.
struct SummaryNumber {
  const char *name, *units, *long_name;
  double HeadSummary::*member;
};
std::span<const SummaryNumber> summary_numbers();

/// Columns over run (an input), role, layer, head, query and key; `head` alone where it is chosen.
/// Places that an input has not are NaN or ''.
Table attention_table(const SavedModel& saved, const std::string& checkpoint,
                      const std::vector<AttentionOf>& all, std::optional<int64_t> head);

/// UserError where something is there that is no such file: it would be lost.
void check_replaceable(const std::filesystem::path& path);

}  // namespace lengthwise
