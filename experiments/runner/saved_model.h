// A trained model, ready to run.
#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "experiments/runner/run_config.h"
#include "experiments/runner/stored_model.h"

namespace lengthwise {

struct SavedModel {
  RunConfig config;
  int64_t vocabulary = 0, steps = 0;  // steps: how long it trained
  std::string run_id, commit;
  TokenText text;  // how its tokens are written; the data that it trained on is not read
  std::unique_ptr<Transformer> model;
};

/// From a run's `<id>.last.h5` or `<id>.best.h5`, from what `lengthwise export` made of one, or
/// from the folder of a GPT-2. UserError names the path where it is missing, damaged, none of
/// these, or of a model that this program does not know.
SavedModel load_model(const std::filesystem::path& path);

/// UserError names the key where the model's scheme does not serve so many tokens.
void check_has_positions(const SavedModel& saved, const std::string& key, int64_t tokens);

}  // namespace lengthwise
