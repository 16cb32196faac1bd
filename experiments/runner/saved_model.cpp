#include "experiments/runner/saved_model.h"

#include <limits>

#include "base/check.h"
#include "train/training.h"

namespace lengthwise {
namespace {

template <class Value>
const Value& find(const std::map<std::string, Value>& entries, const std::string& name) {
  const auto found = entries.find(name);
  if (found == entries.end()) user_error("found no '{}', expected a training's checkpoint", name);
  return found->second;
}

// `key = value` lines, as RunConfig::text writes them.
OptionValues values_of(const std::string& text) {
  constexpr std::string_view kBetween = " = ";
  OptionValues values;
  for (const std::string_view line : split_text(text, '\n')) {
    if (line.empty()) continue;
    const size_t at = line.find(kBetween);
    if (at == std::string_view::npos) {
      user_error("config: found '{}', expected lines of key = value", line);
    }
    values.emplace(line.substr(0, at), line.substr(at + kBetween.size()));
  }
  return values;
}

SavedModel model_of(const Archive& archive) {
  SavedModel saved;
  saved.config = resolve_run(values_of(find(archive.texts, "config")));
  saved.vocabulary = find(archive.integers, "vocabulary");
  if (saved.vocabulary < 1 || saved.vocabulary > std::numeric_limits<int32_t>::max()) {
    user_error("vocabulary: found {}, expected a number of tokens", saved.vocabulary);
  }
  saved.steps = find(archive.integers, "steps");
  saved.run_id = find(archive.texts, "run_id");
  saved.commit = find(archive.texts, "provenance/commit");
  const RunConfig& config = saved.config;
  saved.text = token_text_of(task_entry(config.run.task), config.task_options, config.task_form(),
                             saved.vocabulary);
  const ModelSetup setup = config.model_setup(saved.vocabulary);
  check_model(setup);
  saved.model = std::make_unique<Transformer>(setup, ParameterSet(setup.seed));
  restore_weights(*saved.model, archive);
  return saved;
}

}  // namespace

SavedModel load_model(const std::filesystem::path& path) {
  const Archive archive = read_archive(path);
  try {
    return model_of(archive);
  } catch (const UserError& error) {
    user_error("{}: {}", path.string(), error.what());
  }
}

}  // namespace lengthwise
