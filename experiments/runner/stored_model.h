// A model as a file keeps it: a training's checkpoint, a safetensors file that `lengthwise export`
// wrote, or the folder of a GPT-2 as Hugging Face's transformers save it.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/options.h"
#include "nn/transformer.h"

namespace lengthwise {

struct StoredModel {
  std::filesystem::path path;
  OptionValues values;                  // the keys of its config
  int64_t vocabulary = 0, steps = 0;    // steps: how long it trained
  std::string run_id, commit;           // empty where others trained it
  std::map<std::string, Shape> shapes;  // of its weights, by the names that a Transformer gives
  /// The values of one of them, row-major. UserError names the path.
  std::function<std::vector<float>(const std::string& name)> read;
};

/// Weights are read when asked for, of a checkpoint at once. UserError names the path where it is
/// missing, damaged, or none of the three.
StoredModel open_stored_model(const std::filesystem::path& path);

/// A hash of all its bytes. UserError as above.
uint64_t hash_of_stored(const std::filesystem::path& path);

/// Metadata of a safetensors file that this program wrote.
struct StoredNames {
  static constexpr const char *kVersion = "lengthwise", *kConfig = "config",
                              *kVocabulary = "vocabulary", *kSteps = "steps", *kRunId = "run_id",
                              *kCommit = "commit";
};
inline constexpr const char* kStoredVersion = "1";

/// UserError where a weight of either is missing in the other or has another shape. With
/// `variants_may_differ` what belongs to an attention variant may be missing.
void check_weights(const Transformer& model, const StoredModel& stored, bool variants_may_differ);
/// Sets the weights that are there.
void set_weights(Transformer& model, const StoredModel& stored);

}  // namespace lengthwise
