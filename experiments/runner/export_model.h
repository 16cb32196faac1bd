// `lengthwise export MODEL --safetensors FILE`: a model's weights, for other tools.
#pragma once
#include <filesystem>

namespace lengthwise {

/// Any model that load_model reads, under our names, matrices [in,out], with its config in the
/// metadata, but for paths. UserError where `file` is not called .safetensors, or is there and no
/// export of the same training.
void export_model(const std::filesystem::path& model, const std::filesystem::path& file);

}  // namespace lengthwise
