// A GPT-2 as Hugging Face's transformers save it: config.json and model.safetensors.
#pragma once
#include "experiments/runner/stored_model.h"

namespace lengthwise {

inline constexpr const char *kGpt2Config = "config.json", *kGpt2Weights = "model.safetensors";

/// Its weights under our names, and the config of the model that they are of. UserError names the
/// file: another architecture, a setting that our models lack, a tensor that GPT-2 does not have.
StoredModel open_gpt2(const std::filesystem::path& folder);

}  // namespace lengthwise
