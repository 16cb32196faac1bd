// What the keys of a run's config are about: for the runner, and for whoever reads its records.
#pragma once
#include <algorithm>
#include <array>
#include <string_view>

namespace lengthwise {

/// A key that no run reads unless it trains: it changes what is learned, and nothing of what a step
/// costs. The measured step reads train.checkpoint.
constexpr bool is_of_training(std::string_view key) {
  return (key.starts_with("train.") && key != "train.checkpoint") || key.starts_with("eval.");
}

/// The variants of an encoder_decoder's decoder, over its own tokens and over the source;
/// `attention` is its encoder's.
inline constexpr std::array<const char*, 2> kDecoderVariants = {"decoder.attention",
                                                                "cross.attention"};
constexpr bool is_decoder_variant(std::string_view key) {
  return std::find(kDecoderVariants.begin(), kDecoderVariants.end(), key) != kDecoderVariants.end();
}

/// A path: it never splits, and no part of a run's id is it, but the bytes there.
constexpr bool is_path(std::string_view key) {
  return key.ends_with(".file") || key == "model.weights";
}

}  // namespace lengthwise
