#include "laws/model_case.h"

#include "base/counters.h"
#include "laws/probe.h"

namespace lengthwise {

std::vector<ModelSetup> law_models(const AttentionPattern& pattern, const PositionScheme& scheme) {
  ModelSetup plain;
  plain.model.layers = 2;
  plain.model.width = 16;
  plain.model.heads = 4;
  plain.model.feed_forward = 2;
  plain.model.initial_deviation = 0.3;
  plain.vocabulary = kModelVocabulary;
  plain.attention = pattern_text(pattern);
  plain.position = std::string(scheme.info.name);
  plain.seed = 5;
  ModelSetup other = plain;
  other.model.norm = "post";
  other.model.head = "free";
  other.model.key_value_heads = 2;
  other.model.gelu = "tanh";
  other.model.embedding_scale = "one";
  return {plain, other};
}

std::string model_text(const ModelOptions& model, int64_t length) {
  return fmt::format("T={} B={} {} {} head={} G={}", length, kModelBatch, model.kind, model.norm,
                     model.head, model.key_value_heads);
}

std::vector<int32_t> tokens_for(int64_t count) {
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < count; ++i) {
    tokens.push_back(static_cast<int32_t>((7 * i + i * i / 3) % kModelVocabulary));
  }
  return tokens;
}

std::vector<int64_t> every_position(int64_t count) {
  std::vector<int64_t> positions;
  for (int64_t i = 0; i < count; ++i) positions.push_back(i);
  return positions;
}

std::vector<double> logits_in_pieces(const Transformer& model, ModelState state,
                                     const std::vector<int32_t>& tokens, int64_t length,
                                     const DecodePieces& pieces) {
  std::vector<double> found(tokens.size() * kModelVocabulary);
  for (const DecodePiece& piece : pieces.of(kModelBatch, length)) {
    const std::vector<int64_t> first = state.tokens;
    std::vector<int32_t> next(static_cast<size_t>(kModelBatch * piece.tokens), 0);
    for (int64_t b = 0; b < kModelBatch; ++b) {
      const auto row = static_cast<size_t>(b);
      std::copy_n(tokens.begin() + b * length + first[row], piece.taken[row],
                  next.begin() + b * piece.tokens);
    }
    const Var logits = model.extend(state, next, piece.tokens,
                                    every_position(kModelBatch * piece.tokens), piece.taken);
    for (int64_t b = 0; b < kModelBatch; ++b) {
      const auto row = static_cast<size_t>(b);
      std::copy_n(logits.data() + b * piece.tokens * kModelVocabulary,
                  piece.taken[row] * kModelVocabulary,
                  found.begin() + (b * length + first[row]) * kModelVocabulary);
    }
  }
  return found;
}

std::vector<double> model_gradients(Transformer& model, int64_t length, const ForwardPass& pass) {
  const int64_t tokens = kModelBatch * length;
  Tape tape;
  {
    const Recording recording(tape);
    const Var logits =
        model.logits(tokens_for(tokens), kModelBatch, length, every_position(tokens), pass);
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

namespace {

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

}  // namespace

void compare_model_cost(const ModelSetup& setup, const ModelPatterns& patterns,
                        const PositionScheme& scheme, const BatchSizes& sizes, int threads,
                        Findings& findings) {
  const ModelCost predicted = model_cost(setup, patterns, scheme, sizes, threads);
  MemoryLedger& ledger = MemoryLedger::instance();
  const MemoryUse empty = ledger.use();
  const auto live = [&](Tag tag) {
    const auto t = static_cast<size_t>(tag);
    return ledger.use().live_by_tag[t] - empty.live_by_tag[t];
  };
  const Transformer model(setup, patterns, scheme, ParameterSet(setup.seed));
  const std::vector<int32_t> drawn = tokens_for(sizes.batch * sizes.length);
  const DataVector<int32_t> tokens(drawn.begin(), drawn.end());
  const std::vector<int64_t> positions = every_position(sizes.labelled);
  const DataVector<int64_t> labelled(positions.begin(), positions.end());
  const DataVector<int32_t> targets(static_cast<size_t>(sizes.labelled), 1);
  const DataVector<int32_t> source(static_cast<size_t>(sizes.batch * sizes.source_length), 2);
  const auto loss_of = [&](ForwardPass pass) {
    pass.source = {source, sizes.source_length};
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
  if (model.decodes()) {
    const ModelState state =
        model.begin_decode(sizes.batch, sizes.length, {source, sizes.source_length});
    findings.equal("state bytes", predicted.state_bytes, live(Tag::state));
  }
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

std::string why_no_cost(const AttentionPattern& pattern) {
  return predicts_cost(pattern) ? "" : fmt::format("{} predicts no cost", pattern_text(pattern));
}

}  // namespace lengthwise
