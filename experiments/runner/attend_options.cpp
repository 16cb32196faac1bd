#include "experiments/runner/attend_options.h"

#include <algorithm>

#include "base/check.h"
#include "experiments/runner/value_options.h"
#include "generation/generate.h"

namespace lengthwise {
namespace {

constexpr int64_t kMostWritten = 128;  // tokens that a model writes as its own target

using Options = AttendOptions;
using Text = const std::string&;

const ValueOptions<Options>& value_options() {
  static const ValueOptions<Options> kOptions = with_model_options<Options>(
      {{"--input",
        {"TEXT", "what the model reads, as its task writes it; may come several times",
         [](Options& o, Text, Text text) { o.inputs.push_back(text); }}},
       {"--target",
        {"TEXT",
         "what it reads after that, as `generate` writes it; one for each input; if absent an "
         "encoder_decoder writes its own",
         [](Options& o, Text, Text text) { o.targets.push_back(text); }}},
       {"-o",
        {"FILE", "the weights of every pair, with all that is known of them, in HDF5",
         [](Options& o, Text, Text text) { o.output = text; }}},
       {"--layer",
        {"N", "this layer alone, from 0",
         [](Options& o, Text key, Text text) {
           o.layer = parse_integer(key, text, {0, kLargestSize});
         }}},
       {"--head", {"N", "this head alone, from 0", [](Options& o, Text key, Text text) {
                     o.head = parse_integer(key, text, {0, kLargestSize});
                   }}}});
  return kOptions;
}

// The other way round than TokenText::write: the longest token that is written so comes next.
Tokens tokens_as_written(const TokenText& text, int64_t vocabulary, const std::string& written) {
  std::vector<std::string> all;
  for (int32_t token = 0; token < vocabulary; ++token) all.push_back(text.write(token));
  Tokens tokens;
  for (size_t at = 0; at < written.size();) {
    if (!tokens.empty() && written.compare(at, text.between.size(), text.between) != 0) {
      refuse_character("--target", written, at, fmt::format("'{}' between tokens", text.between));
    }
    if (!tokens.empty()) at += text.between.size();
    int32_t best = -1;
    size_t longest = 0;
    for (int32_t token = 0; token < vocabulary; ++token) {
      const std::string& one = all[static_cast<size_t>(token)];
      if (one.size() <= longest || written.compare(at, one.size(), one) != 0) continue;
      best = token;
      longest = one.size();
    }
    if (best < 0) {
      refuse_character("--target", written, at,
                       fmt::format("tokens as the model writes them, such as '{}'", all.front()));
    }
    tokens.push_back(best);
    at += longest;
  }
  return tokens;
}

Tokens written_by(const SavedModel& saved, const Tokens& source) {
  if (!saved.model->decodes()) {
    user_error(
        "--target: found none, expected one: {} does not go token by token, so that the model "
        "cannot write its own",
        saved.config.run.decoder_attention);
  }
  const int64_t longest = saved.model->longest();
  const Prompts prompts{{source}, saved.text.begin};
  const GenerationOptions options{
      .most_tokens = longest == 0 ? kMostWritten : std::min(kMostWritten, longest),
      .end = saved.text.end};
  return generate(*saved.model, prompts, options).front().tokens;
}

void check_length(const SavedModel& saved, const char* key, const Tokens& tokens) {
  check_has_positions(saved, key, std::ssize(tokens));
  if (std::ssize(tokens) <= kLongestAttention) return;
  user_error("{}: found {} tokens, expected at most {}: weights of every pair of them are taken",
             key, tokens.size(), kLongestAttention);
}

Reading plan_reading(const SavedModel& saved, const std::string& input, const std::string* target) {
  const bool has_source = saved.config.model.has_source();
  Reading reading{input, "", {}, {}};
  const Tokens read = saved.text.prompt("--input", input);
  check_length(saved, "--input", read);
  Tokens after;
  if (target != nullptr) after = tokens_as_written(saved.text, saved.vocabulary, *target);
  if (target == nullptr && has_source) {
    after = written_by(saved, read);
    if (saved.model->longest() > 0 && std::ssize(after) == saved.model->longest()) after.pop_back();
  }
  reading.target = saved.text.text(after);
  reading.tokens = has_source ? Tokens{saved.text.begin} : read;
  if (has_source) reading.source = read;
  reading.tokens.insert(reading.tokens.end(), after.begin(), after.end());
  check_length(saved, has_source ? "--target" : "--input and --target", reading.tokens);
  return reading;
}

}  // namespace

std::string describe_attend_options() {
  return describe_value_options(value_options(), "the summaries, and all that they are of");
}

AttendOptions parse_attend_options(const std::vector<std::string>& arguments) {
  AttendOptions options;
  (void)set_value_options("attend", arguments, value_options(), options);
  if (options.help) return options;
  if (options.checkpoint.empty()) {
    user_error("attend: found no --checkpoint, expected the file that a training kept");
  }
  if (options.inputs.empty()) user_error("attend: found no input, expected --input TEXT");
  if (!options.targets.empty() && options.targets.size() != options.inputs.size()) {
    user_error("--target: found {}, expected none or {}, one for each --input",
               options.targets.size(), options.inputs.size());
  }
  return options;
}

std::vector<Reading> plan_readings(const AttendOptions& options, const SavedModel& saved) {
  const ModelOptions& model = saved.config.model;
  if (options.layer && *options.layer >= model.layers) {
    user_error("--layer: found {}, expected at most {}: the model has {} layers", *options.layer,
               model.layers - 1, model.layers);
  }
  if (!options.targets.empty() && !model.causal()) {
    user_error("--target: found an encoder in '{}', expected none: it reads one sequence",
               options.checkpoint);
  }
  std::vector<Reading> readings;
  for (size_t i = 0; i < options.inputs.size(); ++i) {
    readings.push_back(plan_reading(saved, options.inputs[i],
                                    options.targets.empty() ? nullptr : &options.targets[i]));
  }
  return readings;
}

}  // namespace lengthwise
