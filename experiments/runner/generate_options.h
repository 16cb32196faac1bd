// What `lengthwise generate` is asked for.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "experiments/runner/saved_model.h"
#include "generation/generate.h"

namespace lengthwise {

struct AskedPrompt {
  std::string key, text;  // key: "--prompt", or the line of a file, for messages
};

struct GenerateOptions {
  std::string checkpoint;
  std::vector<AskedPrompt> prompts;
  std::optional<int64_t> tokens;            // at most so many new ones
  std::optional<SamplingOptions> sampling;  // empty: the likeliest token, always
  int64_t seed = 0;
  int64_t beams = 0;  // 0: no beam search
  double length_exponent = 1;
  int64_t threads = 0;  // 0: every core this process may use
  bool json = false, help = false;
};

/// What the options are, for `--help`.
std::string describe_generate_options();

/// UserError names the option, what was found and what was expected; options that have nothing to
/// act on are refused too.
GenerateOptions parse_generate_options(const std::vector<std::string>& arguments);

/// Prompts as tokens, and how many new ones there may be: what was asked for, or else 128, or as
/// many as the positions of the model's scheme leave.
struct GenerationPlan {
  Prompts prompts;
  int64_t most_tokens = 0;
};

/// UserError names the option where this model cannot do what is asked for.
GenerationPlan plan_generation(const GenerateOptions& options, const SavedModel& saved);

}  // namespace lengthwise
