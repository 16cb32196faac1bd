// The options of a command that has a table of them: `--name VALUE`, `--name=VALUE`, flags.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/nearest.h"
#include "base/options.h"

namespace lengthwise {

/// An option with a value: what help says of it, and what it sets. UserErrors name the key.
template <class Options>
struct ValueOption {
  const char *value, *help;
  void (*set)(Options&, const std::string& key, const std::string& text);
};
template <class Options>
using ValueOptions = std::map<std::string, ValueOption<Options>>;

/// What every command on a trained model takes: `checkpoint` and `threads` of its options.
template <class Options>
ValueOptions<Options> with_model_options(ValueOptions<Options> own) {
  own["--checkpoint"] = {
      "FILE",
      "what a training kept (RESULTS/checkpoints/ID.last.h5 or ID.best.h5), a .safetensors file "
      "of `lengthwise export`, or the folder of a GPT-2",
      [](Options& o, const std::string&, const std::string& text) { o.checkpoint = text; }};
  own["--threads"] = {"N", "0, and if absent: every core this process may use",
                      [](Options& o, const std::string& key, const std::string& text) {
                        o.threads = parse_integer(key, text, {0, 4096});
                      }};
  return own;
}

/// For `--help`, a line each.
template <class Options>
std::string describe_value_options(const ValueOptions<Options>& known, const char* json_help) {
  std::string text;
  for (const auto& [name, option] : known) {
    text += fmt::format("  {:<22} {}\n", fmt::format("{} {}", name, option.value), option.help);
  }
  return text + fmt::format("  {:<22} {}\n", "--json", json_help);
}

/// Sets what the arguments say, and `json` and `help`, which every command has; the names of the
/// options with a value that were given. UserError names the option and what was expected.
template <class Options>
std::vector<std::string> set_value_options(const std::string& command,
                                           const std::vector<std::string>& arguments,
                                           const ValueOptions<Options>& known, Options& options) {
  std::vector<std::string> given;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    options.json |= argument == "--json";
    options.help |= argument == "--help";
    if (argument == "--json" || argument == "--help") continue;
    const size_t equals = argument.starts_with("--") ? argument.find('=') : std::string::npos;
    const std::string name = argument.substr(0, equals);
    const auto found = known.find(name);
    if (found == known.end()) {
      std::vector<std::string> names = {"--json", "--help"};
      for (const auto& option : known) names.push_back(option.first);
      user_error("{}: unknown option '{}'{}", command, name, did_you_mean(name, names));
    }
    given.push_back(name);
    if (equals == std::string::npos && i + 1 == arguments.size()) {
      user_error("{}: found nothing after it, expected {}", name, found->second.value);
    }
    found->second.set(options, name,
                      equals == std::string::npos ? arguments[++i] : argument.substr(equals + 1));
  }
  return given;
}

}  // namespace lengthwise
