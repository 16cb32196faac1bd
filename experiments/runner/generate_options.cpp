#include "experiments/runner/generate_options.h"

#include <algorithm>
#include <fstream>
#include <limits>

#include "base/check.h"
#include "experiments/runner/value_options.h"

namespace lengthwise {
namespace {

constexpr int64_t kDefaultTokens = 128;
constexpr int64_t kMostBeams = 1024;

std::vector<AskedPrompt> read_prompts(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<AskedPrompt> prompts;
  for (std::string line; std::getline(file, line);) {
    if (line.ends_with('\r')) line.pop_back();
    const std::string key = fmt::format("--prompts: line {} of '{}'", prompts.size() + 1, path);
    prompts.push_back({key, line});
  }
  if (prompts.empty()) {
    user_error("--prompts: found no line in '{}', expected a readable file of a prompt a line",
               path);
  }
  return prompts;
}

double parse_share(const std::string& key, const std::string& text) {
  const double share = parse_number(key, text, {-1e300, 1e300});
  if (share <= 0 || share > 1) {
    user_error("{}: found {}, expected a number above 0 and at most 1", key, text);
  }
  return share;
}

double parse_temperature(const std::string& key, const std::string& text) {
  const double temperature = parse_number(key, text, {-1e300, 1e300});
  if (temperature <= 0) {
    user_error("{}: found {}, expected a number above 0; without it the likeliest token is taken",
               key, text);
  }
  return temperature;
}

SamplingOptions& sampling_of(GenerateOptions& options) {
  if (!options.sampling) options.sampling.emplace();
  return *options.sampling;
}

using Options = GenerateOptions;
using Text = const std::string&;

const ValueOptions<Options>& value_options() {
  static const ValueOptions<Options> kOptions = with_model_options<Options>(
      {{"--prompt",
        {"TEXT", "what the model reads first, as its task writes it; may come several times",
         [](Options& o, Text key, Text text) {
           o.prompts.push_back({key, text});
         }}},
       {"--prompts",
        {"FILE", "a prompt a line",
         [](Options& o, Text, Text text) {
           for (AskedPrompt& prompt : read_prompts(text)) o.prompts.push_back(std::move(prompt));
         }}},
       {"--tokens",
        {"N", "at most so many new tokens; if absent 128, or what the positions leave room for",
         [](Options& o, Text key, Text text) {
           o.tokens = parse_integer(key, text, {1, 1 << 24});
         }}},
       {"--temperature",
        {"X", "draw each token, from logits divided by X; above 1 flatter, below 1 sharper",
         [](Options& o, Text key, Text text) {
           sampling_of(o).temperature = parse_temperature(key, text);
         }}},
       {"--top-k",
        {"K", "draw each token, from the K likeliest",
         [](Options& o, Text key, Text text) {
           sampling_of(o).top_k =
               parse_integer(key, text, {1, std::numeric_limits<int32_t>::max()});
         }}},
       {"--top-p",
        {"P", "draw each token, from the likeliest that together have this share",
         [](Options& o, Text key, Text text) { sampling_of(o).top_p = parse_share(key, text); }}},
       {"--seed",
        {"S", "of what is drawn; the same seed draws the same; 0 if absent",
         [](Options& o, Text key, Text text) {
           o.seed = parse_integer(key, text, {0, std::numeric_limits<int64_t>::max()});
         }}},
       {"--beams",
        {"W", "of an encoder_decoder: search the likeliest answer with W beginnings at a time",
         [](Options& o, Text key, Text text) {
           o.beams = parse_integer(key, text, {1, kMostBeams});
         }}},
       {"--length-exponent",
        {"A", "beams are ranked by log-probability / tokens^A; 1 if absent",
         [](Options& o, Text key, Text text) {
           o.length_exponent = parse_number(key, text, {0, 10});
         }}}});
  return kOptions;
}

void check_together(const GenerateOptions& options, const std::vector<std::string>& given) {
  const auto is_given = [&](const char* option) {
    return std::find(given.begin(), given.end(), option) != given.end();
  };
  const auto refuse = [](const char* option, const char* without) {
    user_error("{}: found no {}, expected it beside: there is nothing to act on", option, without);
  };
  if (options.checkpoint.empty()) {
    user_error("generate: found no --checkpoint, expected the file that a training kept");
  }
  if (options.prompts.empty()) {
    user_error("generate: found no prompt, expected --prompt TEXT or --prompts FILE");
  }
  if (is_given("--seed") && !options.sampling)
    refuse("--seed", "--temperature, --top-k or --top-p");
  if (is_given("--length-exponent") && options.beams == 0) refuse("--length-exponent", "--beams");
  if (options.beams > 0 && options.sampling) {
    user_error(
        "--beams: found --temperature, --top-k or --top-p beside it, expected one or the "
        "other: a search draws nothing");
  }
}

}  // namespace

std::string describe_generate_options() {
  return describe_value_options(value_options(), "all that is known of the answers");
}

GenerateOptions parse_generate_options(const std::vector<std::string>& arguments) {
  GenerateOptions options;
  const auto given = set_value_options("generate", arguments, value_options(), options);
  if (!options.help) check_together(options, given);
  return options;
}

namespace {

void check_model_generates(const GenerateOptions& options, const SavedModel& saved) {
  const RunConfig& config = saved.config;
  if (!config.model.causal()) {
    user_error(
        "--checkpoint: found an encoder in '{}', whose tokens see those after them, so that "
        "there is no next one; expected a decoder or an encoder_decoder",
        options.checkpoint);
  }
  if (!saved.model->decodes()) {
    user_error(
        "--checkpoint: found attention = {} in '{}', which does not go token by token; "
        "expected variants that decode",
        config.run.attention, options.checkpoint);
  }
  if (options.beams > 0 && !config.model.has_source()) {
    user_error(
        "--beams: found a {} in '{}', expected an encoder_decoder: a text that goes on has "
        "no likeliest end",
        config.model.kind, options.checkpoint);
  }
  if (options.sampling && options.sampling->top_k > saved.vocabulary) {
    user_error("--top-k: found {}, expected at most the {} tokens of the vocabulary",
               options.sampling->top_k, saved.vocabulary);
  }
}

}  // namespace

GenerationPlan plan_generation(const GenerateOptions& options, const SavedModel& saved) {
  check_model_generates(options, saved);
  const std::string& position = saved.config.run.position;
  const int64_t longest = saved.model->longest();
  const bool has_source = saved.config.model.has_source();
  GenerationPlan plan;
  if (has_source) plan.prompts.begin = saved.text.begin;
  int64_t room = std::numeric_limits<int64_t>::max();  // for new tokens
  std::string room_is = fmt::format("position.{} has {} positions", position, longest);
  for (const AskedPrompt& asked : options.prompts) {
    if (asked.text.empty()) user_error("{}: found an empty prompt, expected a token", asked.key);
    plan.prompts.rows.push_back(saved.text.prompt(asked.key, asked.text));
    const int64_t tokens = std::ssize(plan.prompts.rows.back());
    check_has_positions(saved, asked.key, tokens);
    if (longest == 0) continue;
    // The last new token is not read, and a target has positions of its own.
    const int64_t left = has_source ? longest : longest - tokens + 1;
    if (left >= room) continue;
    room = left;
    if (!has_source) room_is += fmt::format(", and {} has {} tokens", asked.key, tokens);
  }
  plan.most_tokens = options.tokens.value_or(std::min(kDefaultTokens, room));
  if (plan.most_tokens > room) {
    user_error("--tokens: found {}, expected at most {}: {}", plan.most_tokens, room, room_is);
  }
  return plan;
}

}  // namespace lengthwise
