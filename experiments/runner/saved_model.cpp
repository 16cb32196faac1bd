#include "experiments/runner/saved_model.h"

#include <utility>

#include "base/check.h"

namespace lengthwise {
namespace {

SavedModel model_of(const StoredModel& stored) {
  SavedModel saved;
  saved.config = resolve_run(stored.values);
  saved.vocabulary = stored.vocabulary;
  saved.steps = stored.steps;
  saved.run_id = stored.run_id;
  saved.commit = stored.commit;
  const RunConfig& config = saved.config;
  saved.text = token_text_of(task_entry(config.run.task), config.task_options, config.task_form(),
                             saved.vocabulary);
  const ModelSetup setup = config.model_setup(saved.vocabulary);
  check_model(setup);
  return saved;
}

}  // namespace

void check_has_positions(const SavedModel& saved, const std::string& key, int64_t tokens) {
  const int64_t longest = saved.model->longest();
  if (longest == 0 || tokens <= longest) return;
  const std::string& position = saved.config.run.position;
  user_error(
      "{}: found {} tokens, expected at most the {} positions of position.{} "
      "(position.{}.longest)",
      key, tokens, longest, position, position);
}

SavedModel load_model(const std::filesystem::path& path) {
  const StoredModel stored = open_stored_model(path);
  SavedModel saved;
  try {
    saved = model_of(stored);
  } catch (const UserError& error) {
    user_error("{}: {}", path.string(), error.what());
  }
  const ModelSetup setup = saved.config.model_setup(saved.vocabulary);
  check_weights(Transformer(setup, ParameterSet::counting()), stored,
                /*variants_may_differ=*/false);
  saved.model = std::make_unique<Transformer>(setup, ParameterSet(setup.seed));
  set_weights(*saved.model, stored);
  return saved;
}

}  // namespace lengthwise
