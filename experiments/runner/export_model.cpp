#include "experiments/runner/export_model.h"

#include "base/check.h"
#include "experiments/runner/saved_model.h"
#include "io/safetensors.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;

// One of ours may go, as a results file does; what else has the name was somebody's work.
void check_replaceable(const fs::path& file) {
  if (file.extension() != ".safetensors") {
    user_error("export: found '{}', expected a name that ends in .safetensors", file.string());
  }
  if (!fs::exists(file)) return;
  bool is_ours = false;
  try {
    is_ours = SafetensorsFile(file).header().metadata.contains(StoredNames::kVersion);
  } catch (const UserError&) {
    is_ours = false;
  }
  if (!is_ours) {
    user_error("{}: found a file that lengthwise did not write, expected none there",
               file.string());
  }
}

}  // namespace

void export_model(const fs::path& model, const fs::path& file) {
  check_replaceable(file);
  const SavedModel saved = load_model(model);
  std::map<std::string, SafetensorsArray> arrays;
  for (const Parameter& parameter : saved.model->parameters()) {
    arrays[parameter.name] = {parameter.shape, parameter.variable.value().values()};
  }
  write_safetensors(file, arrays,
                    {{StoredNames::kVersion, kStoredVersion},
                     {StoredNames::kConfig, saved.config.text()},
                     {StoredNames::kVocabulary, std::to_string(saved.vocabulary)},
                     {StoredNames::kSteps, std::to_string(saved.steps)},
                     {StoredNames::kRunId, saved.run_id},
                     {StoredNames::kCommit, saved.commit}});
}

}  // namespace lengthwise
