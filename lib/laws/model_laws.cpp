// Laws over whole models: decoding and padding reach the logits, and a model costs what is planned.
#include "base/counters.h"
#include "base/parallel.h"
#include "laws/decode_pieces.h"
#include "laws/law.h"
#include "laws/probe.h"
#include "nn/model_cost.h"

namespace lengthwise {
namespace {

constexpr int64_t kBatch = 2, kVocabulary = 11;
constexpr int64_t kLengths[] = {1, 2, 7, 65};

std::string works_together(const AttentionPattern& pattern, const PositionScheme& scheme) {
  return why_refused(pattern, scheme.info);
}

std::string needs_decode(const AttentionPattern& pattern, const PositionScheme& scheme) {
  if (!decodes(pattern)) return fmt::format("{} does not decode", pattern_text(pattern));
  return works_together(pattern, scheme);
}

std::vector<int32_t> tokens_for(int64_t count) {
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < count; ++i) {
    tokens.push_back(static_cast<int32_t>((7 * i + i * i / 3) % kVocabulary));
  }
  return tokens;
}

std::vector<int64_t> every_position(int64_t count) {
  std::vector<int64_t> positions;
  for (int64_t i = 0; i < count; ++i) positions.push_back(i);
  return positions;
}

// Shapes that reach every part of the core.
std::vector<ModelSetup> models(const AttentionPattern& pattern, const PositionScheme& scheme) {
  ModelSetup plain;
  plain.model.layers = 2;
  plain.model.width = 16;
  plain.model.heads = 4;
  plain.model.feed_forward = 2;
  plain.model.initial_deviation = 0.3;
  plain.vocabulary = kVocabulary;
  plain.attention = pattern_text(pattern);
  plain.position = std::string(scheme.info.name);
  plain.seed = 5;
  ModelSetup other = plain;
  other.model.norm = "post";
  other.model.head = "free";
  other.model.key_value_heads = 2;
  return {plain, other};
}

std::string model_text(const ModelOptions& model, int64_t length) {
  return fmt::format("T={} B={} {} {} head={} G={}", length, kBatch, model.kind, model.norm,
                     model.head, model.key_value_heads);
}

void check_model_decode(const AttentionPattern& pattern, const PositionScheme& scheme,
                        Findings& findings) {
  const PoisonedBuffers poisoned;
  for (const ModelSetup& setup : models(pattern, scheme)) {
    const Transformer model(setup, pattern, scheme, ParameterSet(setup.seed));
    for (const int64_t length : kLengths) {
      const std::vector<int32_t> tokens = tokens_for(kBatch * length);
      const std::vector<double> expected =
          as_doubles(model.logits(tokens, kBatch, length, every_position(kBatch * length), {})
                         .value()
                         .values());
      for (const DecodePieces& pieces : decode_pieces()) {
        findings.begin(fmt::format("{}, {}", model_text(setup.model, length), pieces.name), length);
        std::vector<double> found = expected;
        ModelState state = model.begin_decode(kBatch, length);
        for (const DecodePiece& piece : pieces.of(kBatch, length)) {
          const std::vector<int64_t> first = state.tokens;
          std::vector<int32_t> next(static_cast<size_t>(kBatch * piece.tokens), 0);
          for (int64_t b = 0; b < kBatch; ++b) {
            const auto row = static_cast<size_t>(b);
            std::copy_n(tokens.begin() + b * length + first[row], piece.taken[row],
                        next.begin() + b * piece.tokens);
          }
          const Var logits = model.extend(state, next, piece.tokens,
                                          every_position(kBatch * piece.tokens), piece.taken);
          for (int64_t b = 0; b < kBatch; ++b) {
            const auto row = static_cast<size_t>(b);
            std::copy_n(logits.data() + b * piece.tokens * kVocabulary,
                        piece.taken[row] * kVocabulary,
                        found.begin() + (b * length + first[row]) * kVocabulary);
          }
        }
        findings.error("the logits", relative_error(found, expected));
      }
    }
  }
}

void check_model_padding(const AttentionPattern& pattern, const PositionScheme& scheme,
                         Findings& findings) {
  constexpr int64_t kPadding = 3;
  for (ModelSetup setup : models(pattern, scheme)) {
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

void compare_passes(const std::string& pass, const PassCost& predicted, const Counts& counted,
                    Findings& findings) {
  for (size_t scope = 0; scope < kScopes; ++scope) {
    const std::string_view name = scope_name(static_cast<Scope>(scope));
    findings.equal(fmt::format("{} FLOPs of {}", pass, name), predicted.flops[scope],
                   counted.flops[scope]);
    findings.equal(fmt::format("{} exponentials of {}", pass, name), predicted.exponentials[scope],
                   counted.exponentials[scope]);
  }
}

// Bytes above those that were live before the model was made. The optimizer is the trainer's.
void check_one_model_cost(const ModelSetup& setup, const AttentionPattern& pattern,
                          const PositionScheme& scheme, const BatchSizes& sizes, int threads,
                          Findings& findings) {
  const ModelCost predicted = model_cost(setup, pattern, scheme, sizes, threads);
  MemoryLedger& ledger = MemoryLedger::instance();
  const MemoryUse empty = ledger.use();
  const auto live = [&](Tag tag) {
    const auto t = static_cast<size_t>(tag);
    return ledger.use().live_by_tag[t] - empty.live_by_tag[t];
  };
  const Transformer model(setup, pattern, scheme, ParameterSet(setup.seed));
  const std::vector<int32_t> drawn = tokens_for(sizes.batch * sizes.length);
  const DataVector<int32_t> tokens(drawn.begin(), drawn.end());
  const std::vector<int64_t> positions = every_position(sizes.labelled);
  const DataVector<int64_t> labelled(positions.begin(), positions.end());
  const DataVector<int32_t> targets(static_cast<size_t>(sizes.labelled), 1);
  const auto loss_of = [&](const ForwardPass& pass) {
    const Var logits = model.logits(tokens, sizes.batch, sizes.length, labelled, pass);
    const ScopeGuard scope(Scope::head);
    return cross_entropy(logits, targets);
  };
  findings.equal("parameters", predicted.parameters, model.parameter_count());
  findings.equal("parameter bytes", predicted.parameter_bytes, live(Tag::parameters));
  ledger.reset_peaks();
  loss_of({});
  findings.equal("peak bytes of inference",
                 predicted.inference_peak_bytes - predicted.optimizer_bytes,
                 ledger.use().peak_bytes - empty.live_bytes);
  ledger.reset_peaks();
  reset_counters();
  Tape tape;
  const Recording recording(tape);
  const Var loss = loss_of(
      {.training = true, .seed = 1, .step = 1, .checkpoint_layers = sizes.checkpoint_layers});
  compare_passes("forward", predicted.forward, read_counters(), findings);
  findings.equal("activation bytes", predicted.activation_bytes, live(Tag::activations));
  findings.equal("data bytes", predicted.data_bytes, live(Tag::data));
  reset_counters();
  tape.backward(loss);
  compare_passes("backward", predicted.backward, read_counters(), findings);
  // The gradient of the loss itself is still there, in both.
  findings.equal("gradient bytes", predicted.gradient_bytes, live(Tag::gradients));
  findings.equal("peak bytes of a training step", predicted.peak_bytes - predicted.optimizer_bytes,
                 ledger.use().peak_bytes - empty.live_bytes);
}

void check_model_cost(const AttentionPattern& pattern, const PositionScheme& scheme,
                      Findings& findings) {
  std::vector<ModelSetup> setups = models(pattern, scheme);
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
        check_one_model_cost(setup, pattern, scheme,
                             {kBatch, length, (tokens + 1) / 2, checkpoints}, threads, findings);
      }
    }
  }
}

// Gradients of all parameters, in one row.
std::vector<double> gradients(Transformer& model, const ModelSetup& setup, int64_t length,
                              bool checkpoints) {
  const int64_t tokens = kBatch * length;
  Tape tape;
  {
    const Recording recording(tape);
    const Var logits = model.logits(
        tokens_for(tokens), kBatch, length, every_position(tokens),
        {.training = true, .seed = setup.seed, .step = 3, .checkpoint_layers = checkpoints});
    const Var loss = cross_entropy(logits, std::vector<int32_t>(static_cast<size_t>(tokens), 1));
    tape.backward(loss);
  }
  std::vector<double> all;
  for (const Parameter& parameter : model.parameters()) {
    const std::vector<double> own = gradient_of(parameter.variable);
    all.insert(all.end(), own.begin(), own.end());
  }
  model.clear_gradients();
  return all;
}

void check_model_checkpoint(const AttentionPattern& pattern, const PositionScheme& scheme,
                            Findings& findings) {
  for (ModelSetup setup : models(pattern, scheme)) {
    setup.model.kind = why_refused(pattern, true).empty() ? "decoder" : "encoder";
    setup.model.dropout = 0.1;
    setup.model.attention_dropout = 0.1;  // of the layers that form weights
    Transformer model(setup, pattern, scheme, ParameterSet(setup.seed));
    for (const int64_t length : kLengths) {
      findings.begin(model_text(setup.model, length), length);
      const std::vector<double> expected = gradients(model, setup, length, false);
      findings.error("gradients of layers that run again",
                     relative_error(gradients(model, setup, length, true), expected));
    }
  }
}

std::string needs_cost(const AttentionPattern& pattern, const PositionScheme& scheme) {
  if (!predicts_cost(pattern)) {
    return fmt::format("{} predicts no cost", pattern_text(pattern));
  }
  return works_together(pattern, scheme);
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
};

}  // namespace

std::span<const ModelLaw> model_laws() { return kLaws; }

}  // namespace lengthwise
