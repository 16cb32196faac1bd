#include "experiments/runner/export_model.h"

#include "base/check.h"
#include "experiments/runner/saved_model.h"
#include "io/safetensors.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;

// An earlier export of the same training may go; what else has the name may be the only one.
bool is_of_training(const fs::path& file, const std::string& run_id) {
  try {
    const SafetensorsFile there(file);
    const auto& metadata = there.header().metadata;
    const auto found = metadata.find(StoredNames::kRunId);
    return found != metadata.end() && !run_id.empty() && found->second == run_id;
  } catch (const UserError&) {
    return false;
  }
}

void check_replaceable(const fs::path& file, const std::string& run_id) {
  if (file.extension() != ".safetensors") {
    user_error("export: found '{}', expected a name that ends in .safetensors", file.string());
  }
  fs::path unfinished = file;  // what is written before it takes its name
  unfinished += ".tmp";
  if (fs::exists(unfinished)) {
    user_error("{}: found a file, expected none there: the export is written under this name first",
               unfinished.string());
  }
  if (fs::exists(file) && !is_of_training(file, run_id)) {
    user_error("{}: found a file that is no export of this training, expected none there",
               file.string());
  }
}

}  // namespace

void export_model(const fs::path& model, const fs::path& file) {
  const SavedModel saved = load_model(model);
  check_replaceable(file, saved.run_id);
  std::map<std::string, SafetensorsArray> arrays;
  for (const Parameter& parameter : saved.model->parameters()) {
    arrays[parameter.name] = {parameter.shape, parameter.variable.value().values()};
  }
  write_safetensors(file, arrays,
                    {{StoredNames::kVersion, kStoredVersion},
                     // The weights are for others, to whom this machine's paths say nothing.
                     {StoredNames::kConfig, saved.config.text_without_paths()},
                     {StoredNames::kVocabulary, std::to_string(saved.vocabulary)},
                     {StoredNames::kSteps, std::to_string(saved.steps)},
                     {StoredNames::kRunId, saved.run_id},
                     {StoredNames::kCommit, saved.commit}});
}

}  // namespace lengthwise
