// Laws of models that read a source: its padding does not matter, the target may come in pieces,
// gradients are slopes, and a step costs what is planned.
#include <algorithm>
#include <numeric>

#include "base/parallel.h"
#include "base/random.h"
#include "laws/model_case.h"
#include "laws/probe.h"

namespace lengthwise {
namespace {

constexpr int64_t kBatch = kModelBatch;

struct Lengths {
  int64_t source, target;
};
constexpr Lengths kLengths[] = {{1, 1}, {7, 2}, {2, 7}, {65, 33}};

// The pattern wherever it can attend, and beside it a registered variant that can anywhere.
ModelPatterns patterns_around(const AttentionPattern& pattern) {
  const auto crosses = [](const AttentionPattern& all) {
    return std::all_of(all.begin(), all.end(), [](const AttentionPart& part) {
      return why_not_across(part.variant->info).empty();
    });
  };
  ModelPatterns patterns(pattern);
  const auto variants = attention_variants();
  const auto any = std::find_if(variants.begin(), variants.end(), [](const auto& variant) {
    return variant.info.cross && variant.info.causal && variant.info.bidirectional &&
           variant.info.decodable && variant.info.score_bias && variant.cost;
  });
  if (any == variants.end()) return patterns;
  const AttentionPattern other = {{&*any, {}}};
  if (!why_refused(pattern, false).empty()) patterns.self = other;
  if (!why_refused(pattern, true).empty()) patterns.decoder = other;
  if (!crosses(pattern)) patterns.cross = other;
  return patterns;
}

std::vector<ModelSetup> setups_of(const AttentionPattern& pattern, const PositionScheme& scheme) {
  std::vector<ModelSetup> setups = law_models(pattern, scheme);
  for (ModelSetup& setup : setups) setup.model.kind = "encoder_decoder";
  return setups;
}

std::string text_of(const ModelOptions& model, const Lengths& lengths) {
  return fmt::format("S={} {}", lengths.source, model_text(model, lengths.target));
}

// Rows of which the second ends early.
struct MadeUpSource {
  explicit MadeUpSource(int64_t length)
      : tokens(tokens_for(kBatch * length)), row_lengths{length, (length + 1) / 2} {
    std::reverse(tokens.begin(), tokens.end());
    source = {tokens, length, row_lengths};
  }
  MadeUpSource(const MadeUpSource&) = delete;
  MadeUpSource& operator=(const MadeUpSource&) = delete;

  std::vector<int32_t> tokens;
  std::vector<int64_t> row_lengths;
  Source source;
};

std::vector<double> logits_of(const Transformer& model, int64_t length, const Source& source) {
  ForwardPass pass;
  pass.source = source;
  const int64_t tokens = kBatch * length;
  return as_doubles(model.logits(tokens_for(tokens), kBatch, length, every_position(tokens), pass)
                        .value()
                        .values());
}

}  // namespace

std::string needs_encoder_decoder(const AttentionPattern& pattern, const PositionScheme& scheme) {
  ModelOptions model;
  model.kind = "encoder_decoder";
  return why_refused(model, patterns_around(pattern), scheme.info);
}

std::string needs_encoder_decoder_decode(const AttentionPattern& pattern,
                                         const PositionScheme& scheme) {
  if (!decodes(patterns_around(pattern).decoder)) {
    return fmt::format("{} does not decode", pattern_text(pattern));
  }
  return needs_encoder_decoder(pattern, scheme);
}

std::string needs_encoder_decoder_cost(const AttentionPattern& pattern,
                                       const PositionScheme& scheme) {
  const std::string reason = why_no_cost(pattern);
  return reason.empty() ? needs_encoder_decoder(pattern, scheme) : reason;
}

void check_encoder_decoder_decode(const AttentionPattern& pattern, const PositionScheme& scheme,
                                  Findings& findings) {
  const PoisonedBuffers poisoned;
  for (const ModelSetup& setup : setups_of(pattern, scheme)) {
    const Transformer model(setup, patterns_around(pattern), scheme, ParameterSet(setup.seed));
    for (const Lengths& lengths : kLengths) {
      const MadeUpSource made(lengths.source);
      const std::vector<double> expected = logits_of(model, lengths.target, made.source);
      for (const DecodePieces& pieces : decode_pieces()) {
        findings.begin(fmt::format("{}, {}", text_of(setup.model, lengths), pieces.name),
                       lengths.target);
        const std::vector<double> found =
            logits_in_pieces(model, model.begin_decode(kBatch, lengths.target, made.source),
                             tokens_for(kBatch * lengths.target), lengths.target, pieces);
        findings.error("the logits", relative_error(found, expected));
      }
    }
  }
}

void check_encoder_decoder_padding(const AttentionPattern& pattern, const PositionScheme& scheme,
                                   Findings& findings) {
  constexpr int64_t kPadding = 3;
  for (const ModelSetup& setup : setups_of(pattern, scheme)) {
    const Transformer model(setup, patterns_around(pattern), scheme, ParameterSet(setup.seed));
    for (const Lengths& lengths : kLengths) {
      findings.begin(text_of(setup.model, lengths), lengths.target);
      const MadeUpSource made(lengths.source);
      const std::vector<double> expected = logits_of(model, lengths.target, made.source);
      const int64_t padded_length = lengths.source + kPadding;
      std::vector<int32_t> padded(static_cast<size_t>(kBatch * padded_length), 3);
      for (int64_t b = 0; b < kBatch; ++b) {
        std::copy_n(made.tokens.begin() + b * lengths.source, made.row_lengths[b],
                    padded.begin() + b * padded_length);
      }
      const Source source{padded, padded_length, made.row_lengths};
      findings.error("the logits after padded sources",
                     relative_error(logits_of(model, lengths.target, source), expected));
    }
  }
}

// Along a random direction of each parameter, by differences of second and fourth order: a float's
// rounding allows no more than three digits.
void check_encoder_decoder_slope(const AttentionPattern& pattern, const PositionScheme& scheme,
                                 Findings& findings) {
  constexpr double kStep = 0.02;
  constexpr Lengths kShort{5, 4};
  for (const ModelSetup& setup : setups_of(pattern, scheme)) {
    findings.begin(text_of(setup.model, kShort), kShort.target);
    Transformer model(setup, patterns_around(pattern), scheme, ParameterSet(setup.seed));
    const MadeUpSource made(kShort.source);
    const int64_t tokens = kBatch * kShort.target;
    ForwardPass pass;
    pass.source = made.source;
    const Var cotangent = random_var({tokens, kModelVocabulary}, 4711, false);
    {
      Tape tape;
      Var logits;
      {
        const Recording recording(tape);
        logits =
            model.logits(tokens_for(tokens), kBatch, kShort.target, every_position(tokens), pass);
      }
      backward_with(tape, logits, cotangent);
    }
    const std::vector<double> slope = as_doubles(cotangent.value().values());
    std::vector<double> found, expected;
    for (const Parameter& parameter : model.parameters()) {
      Tensor value = parameter.variable.value();
      const std::vector<float> at(value.values().begin(), value.values().end());
      RandomStream stream(found.size(), Purpose::probe, 7);
      std::vector<double> along;
      for (size_t i = 0; i < at.size(); ++i) along.push_back(stream.normal());
      const double norm =
          std::sqrt(std::inner_product(along.begin(), along.end(), along.begin(), 0.0));
      for (double& d : along) d /= norm;
      const auto output_at = [&](double step) {
        for (size_t i = 0; i < at.size(); ++i) {
          value.values()[i] = static_cast<float>(at[i] + step * along[i]);
        }
        const std::vector<double> logits = logits_of(model, kShort.target, made.source);
        return std::inner_product(slope.begin(), slope.end(), logits.begin(), 0.0);
      };
      const auto difference = [&](double step) {
        return (output_at(step) - output_at(-step)) / (2 * step);
      };
      expected.push_back((4 * difference(kStep / 2) - difference(kStep)) / 3);
      std::ranges::copy(at, value.data());
      const std::vector<double> gradient = gradient_of(parameter.variable);
      found.push_back(std::inner_product(along.begin(), along.end(), gradient.begin(), 0.0));
    }
    findings.error("the gradients", relative_error(found, expected));
  }
}

void check_encoder_decoder_checkpoint(const AttentionPattern& pattern, const PositionScheme& scheme,
                                      Findings& findings) {
  for (ModelSetup setup : setups_of(pattern, scheme)) {
    setup.model.dropout = 0.1;
    setup.model.attention_dropout = 0.1;  // of the layers that form weights
    Transformer model(setup, patterns_around(pattern), scheme, ParameterSet(setup.seed));
    for (const Lengths& lengths : kLengths) {
      findings.begin(text_of(setup.model, lengths), lengths.target);
      const MadeUpSource made(lengths.source);
      ForwardPass pass{.training = true, .seed = setup.seed, .step = 3};
      pass.source = made.source;
      const std::vector<double> expected = model_gradients(model, lengths.target, pass);
      pass.checkpoint_layers = true;
      findings.error("gradients of layers that run again",
                     relative_error(model_gradients(model, lengths.target, pass), expected));
    }
  }
}

void check_encoder_decoder_cost(const AttentionPattern& pattern, const PositionScheme& scheme,
                                Findings& findings) {
  std::vector<ModelSetup> setups = setups_of(pattern, scheme);
  setups.push_back(setups[0]);
  setups.back().model.feed_forward = 0;
  setups.push_back(setups[1]);
  setups.back().model.dropout = 0.1;
  for (const ModelSetup& setup : setups) {
    for (const Lengths& lengths : {Lengths{1, 1}, {7, 3}, {65, 130}, {130, 65}}) {
      for (const int threads : {1, 2}) {
        const bool checkpoints = (threads == 2) == (lengths.source > lengths.target);
        set_thread_count(threads);
        findings.begin(fmt::format("{} feed_forward={} dropout={} threads={} checkpoint={}",
                                   text_of(setup.model, lengths), setup.model.feed_forward,
                                   setup.model.dropout, threads, checkpoints),
                       lengths.target);
        compare_model_cost(
            setup, patterns_around(pattern), scheme,
            {kBatch, lengths.target, kBatch * lengths.target, checkpoints, lengths.source}, threads,
            findings);
      }
    }
  }
}

}  // namespace lengthwise
