// `lengthwise export MODEL --safetensors FILE`: a model's weights, for other tools.
#pragma once
#include <filesystem>

namespace lengthwise {

/// Any model that load_model reads, under our names, matrices [in,out], with its config in the
/// metadata. UserError where `file` is not called .safetensors, or is there and not such a file.
void export_model(const std::filesystem::path& model, const std::filesystem::path& file);

}  // namespace lengthwise
