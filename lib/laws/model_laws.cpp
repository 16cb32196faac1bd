// Laws over whole models: decoding and padding reach the logits, and a model costs what is planned.
#include "base/parallel.h"
#include "laws/model_case.h"
#include "laws/probe.h"

namespace lengthwise {
namespace {

constexpr int64_t kBatch = kModelBatch;
constexpr int64_t kLengths[] = {1, 2, 7, 65};
constexpr double kDifferenceTolerance = 2e-3;  // of quotients of differences in float

std::string works_together(const AttentionPattern& pattern, const PositionScheme& scheme) {
  return why_refused(pattern, scheme.info);
}

std::string needs_decode(const AttentionPattern& pattern, const PositionScheme& scheme) {
  if (!decodes(pattern)) return fmt::format("{} does not decode", pattern_text(pattern));
  return works_together(pattern, scheme);
}

void check_model_decode(const AttentionPattern& pattern, const PositionScheme& scheme,
                        Findings& findings) {
  const PoisonedBuffers poisoned;
  for (const ModelSetup& setup : law_models(pattern, scheme)) {
    const Transformer model(setup, pattern, scheme, ParameterSet(setup.seed));
    for (const int64_t length : kLengths) {
      const std::vector<int32_t> tokens = tokens_for(kBatch * length);
      const std::vector<double> expected =
          as_doubles(model.logits(tokens, kBatch, length, every_position(kBatch * length), {})
                         .value()
                         .values());
      for (const DecodePieces& pieces : decode_pieces()) {
        findings.begin(fmt::format("{}, {}", model_text(setup.model, length), pieces.name), length);
        const std::vector<double> found =
            logits_in_pieces(model, model.begin_decode(kBatch, length), tokens, length, pieces);
        findings.error("the logits", relative_error(found, expected));
      }
    }
  }
}

void check_model_padding(const AttentionPattern& pattern, const PositionScheme& scheme,
                         Findings& findings) {
  constexpr int64_t kPadding = 3;
  for (ModelSetup setup : law_models(pattern, scheme)) {
    for (const bool causal : {true, false}) {
      if (!why_refused(pattern, causal).empty()) continue;
      setup.model.kind = causal ? "decoder" : "encoder";
      const Transformer model(setup, pattern, scheme, ParameterSet(setup.seed));
      for (const int64_t length : kLengths) {
        findings.begin(model_text(setup.model, length), length);
        const std::vector<int32_t> tokens = tokens_for(kBatch * length);
        const int64_t padded_length = length + kPadding;
        std::vector<int32_t> padded(static_cast<size_t>(kBatch * padded_length), 3);
        std::vector<int64_t> real;
        for (int64_t b = 0; b < kBatch; ++b) {
          std::copy_n(tokens.begin() + b * length, length, padded.begin() + b * padded_length);
          for (int64_t t = 0; t < length; ++t) real.push_back(b * padded_length + t);
        }
        const std::vector<int64_t> row_lengths(kBatch, length);
        ForwardPass pass;
        pass.row_lengths = row_lengths;
        const Var bare = model.logits(tokens, kBatch, length, every_position(kBatch * length), {});
        const Var with_padding = model.logits(padded, kBatch, padded_length, real, pass);
        findings.error("the logits of padded rows",
                       relative_error(as_doubles(with_padding.value().values()),
                                      as_doubles(bare.value().values())));
      }
    }
  }
}

void check_model_cost(const AttentionPattern& pattern, const PositionScheme& scheme,
                      Findings& findings) {
  std::vector<ModelSetup> setups = law_models(pattern, scheme);
  setups.push_back(setups[0]);
  setups.back().model.feed_forward = 0;
  setups.back().model.kind = why_refused(pattern, false).empty() ? "encoder" : "decoder";
  setups.back().model.dropout = 0.1;
  setups.push_back(setups[1]);
  setups.back().model.dropout = 0.1;
  for (const ModelSetup& setup : setups) {
    for (const int64_t length : {1, 7, 65, 130}) {
      for (const int threads : {1, 2, 3}) {
        const bool checkpoints = threads == 2;
        set_thread_count(threads);
        const int64_t tokens = kBatch * length;
        findings.begin(fmt::format("{} feed_forward={} dropout={} threads={} checkpoint={}",
                                   model_text(setup.model, length), setup.model.feed_forward,
                                   setup.model.dropout, threads, checkpoints),
                       length);
        compare_model_cost(setup, pattern, scheme, {kBatch, length, (tokens + 1) / 2, checkpoints},
                           threads, findings);
      }
    }
  }
}

void check_model_checkpoint(const AttentionPattern& pattern, const PositionScheme& scheme,
                            Findings& findings) {
  for (ModelSetup setup : law_models(pattern, scheme)) {
    setup.model.kind = why_refused(pattern, true).empty() ? "decoder" : "encoder";
    setup.model.dropout = 0.1;
    setup.model.attention_dropout = 0.1;  // of the layers that form weights
    Transformer model(setup, pattern, scheme, ParameterSet(setup.seed));
    for (const int64_t length : kLengths) {
      findings.begin(model_text(setup.model, length), length);
      ForwardPass pass{.training = true, .seed = setup.seed, .step = 3};
      const std::vector<double> expected = model_gradients(model, length, pass);
      pass.checkpoint_layers = true;
      findings.error("gradients of layers that run again",
                     relative_error(model_gradients(model, length, pass), expected));
    }
  }
}

std::string needs_cost(const AttentionPattern& pattern, const PositionScheme& scheme) {
  const std::string reason = why_no_cost(pattern);
  return reason.empty() ? works_together(pattern, scheme) : reason;
}

constexpr ModelLaw kLaws[] = {
    {"model_decode", "logits token by token, or in any pieces, equal those of one pass",
     kForwardTolerance, needs_decode, check_model_decode},
    {"model_padding", "padded rows give the logits they give without padding, encoder and decoder",
     kForwardTolerance, works_together, check_model_padding},
    {"model_checkpoint", "layers that run again give the gradients of layers that are kept", 0,
     works_together, check_model_checkpoint},
    {"model_cost", "planned FLOPs, exponentials, bytes and peaks of a training step are counted", 0,
     needs_cost, check_model_cost},
    {"encoder_decoder_decode", "a decoder after a source gives in any pieces what one pass gives",
     kForwardTolerance, needs_encoder_decoder_decode, check_encoder_decoder_decode},
    {"encoder_decoder_padding", "padded sources give the logits they give without padding",
     kForwardTolerance, needs_encoder_decoder, check_encoder_decoder_padding},
    {"encoder_decoder_slope", "gradients are slopes of the logits, to 1 in 500",
     kDifferenceTolerance, needs_encoder_decoder, check_encoder_decoder_slope},
    {"encoder_decoder_checkpoint", "layers that run again give the gradients of those kept", 0,
     needs_encoder_decoder, check_encoder_decoder_checkpoint},
    {"encoder_decoder_cost", "what is planned of a step with a source is what is counted", 0,
     needs_encoder_decoder_cost, check_encoder_decoder_cost},
};

}  // namespace

std::span<const ModelLaw> model_laws() { return kLaws; }

}  // namespace lengthwise
