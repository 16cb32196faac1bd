// What `lengthwise attend` is asked for.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "experiments/runner/saved_model.h"
#include "generation/prompt_batch.h"

namespace lengthwise {

struct AttendOptions {
  std::string checkpoint, output;            // output: "" for no file
  std::vector<std::string> inputs, targets;  // no targets, or one for each input
  std::optional<int64_t> layer, head;        // empty: all
  int64_t threads = 0;                       // 0: every core this process may use
  bool json = false, help = false;
};

/// What the options are, for `--help`.
std::string describe_attend_options();

/// UserError names the option, what was found and what was expected.
AttendOptions parse_attend_options(const std::vector<std::string>& arguments);

/// One input as the model reads it.
struct Reading {
  std::string input, target;  // as asked for; target: of an encoder_decoder what it writes itself
  Tokens source;              // of an encoder_decoder
  Tokens tokens;              // of its target after the token that begins it, or the sequence
};

/// UserError names the option where this model cannot read that. Where an encoder_decoder is given
/// no target it writes its own: the likeliest token at each place.
std::vector<Reading> plan_readings(const AttendOptions& options, const SavedModel& saved);

}  // namespace lengthwise
