// Small models on made-up tokens: how laws look at whole models.
#pragma once
#include <string>
#include <vector>

#include "laws/decode_pieces.h"
#include "laws/law.h"
#include "nn/model_cost.h"

namespace lengthwise {

inline constexpr int64_t kModelBatch = 2, kModelVocabulary = 11;

/// Two shapes that reach every part of the core: pre-norm and tied, post-norm with a head of its
/// own, grouped heads, GELU by tanh and embeddings that are not scaled.
std::vector<ModelSetup> law_models(const AttentionPattern& pattern, const PositionScheme& scheme);
std::string model_text(const ModelOptions& model, int64_t length);

std::vector<int32_t> tokens_for(int64_t count);
/// 0 .. count - 1
std::vector<int64_t> every_position(int64_t count);

/// The logits of every position of tokens [B,T], taken in these pieces from this state on.
std::vector<double> logits_in_pieces(const Transformer& model, ModelState state,
                                     const std::vector<int32_t>& tokens, int64_t length,
                                     const DecodePieces& pieces);

/// Gradients of all parameters, in one row, of the mean loss of every position of tokens [B,T].
std::vector<double> model_gradients(Transformer& model, int64_t length, const ForwardPass& pass);

/// Planned against counted, to the unit, on models of these patterns. Bytes are those above what
/// was live before the model was made; the optimizer is the trainer's.
void compare_model_cost(const ModelSetup& setup, const ModelPatterns& patterns,
                        const PositionScheme& scheme, const BatchSizes& sizes, int threads,
                        Findings& findings);

/// "" where every part of this says what it costs.
std::string why_no_cost(const AttentionPattern& pattern);

using ModelCheck = void(const AttentionPattern&, const PositionScheme&, Findings&);
using ModelCondition = std::string(const AttentionPattern&, const PositionScheme&);

// Models that read a source, encoder_decoder_laws.cpp.
ModelCondition needs_encoder_decoder, needs_encoder_decoder_decode, needs_encoder_decoder_cost;
ModelCheck check_encoder_decoder_decode, check_encoder_decoder_padding, check_encoder_decoder_slope,
    check_encoder_decoder_checkpoint, check_encoder_decoder_cost;

}  // namespace lengthwise
