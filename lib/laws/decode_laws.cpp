// Decoding token by token, or in any pieces, gives what one pass over the whole sequence gives.
#include "laws/attention_case.h"
#include "laws/attention_laws.h"
#include "laws/decode_pieces.h"

namespace lengthwise {
namespace {

// What a scheme makes of a call: queries and keys turned, scores biased.
void turn(const Position* position, const PositionInfo& info, int64_t last, AttentionInput& in,
          ScoreBias& bias) {
  if (position == nullptr) return;
  if (info.rotates) {
    in.q = position->rotate(in.q, Side::query, in.mask.first);
    in.k = position->rotate(in.k, Side::key, in.mask.first);
  }
  if (info.biases) {
    bias = position->bias(-last, last);
    in.bias = &bias;
  }
}

// Tokens [begin[b], begin[b] + taken[b]) of every row b of x [B,S,...] as rows of T; the others are
// padding that nothing may hang on.
Var tokens_of(const Var& x, std::span<const int64_t> begin, const DecodePiece& piece) {
  const int64_t batch = x.extent(0), length = x.extent(1), tokens = piece.tokens;
  const int64_t width = x.value().size() / (batch * length);
  Shape shape = x.shape();
  shape[1] = tokens;
  Tensor part(shape, Tag::data);
  std::fill_n(part.data(), part.size(), 1e6F);
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t from = begin[static_cast<size_t>(b)];
    const int64_t n = piece.taken[static_cast<size_t>(b)];
    std::copy_n(x.data() + (b * length + from) * width, n * width,
                part.data() + b * tokens * width);
  }
  return Var(part);
}

// max |decoded - whole| over the real tokens, on the scale of the whole output.
double decode_error(const AttentionProbe& probe, const Position* position, const PositionInfo& info,
                    const DecodePieces& pieces) {
  const int64_t batch = probe.sizes.batch, length = probe.sizes.queries;
  AttentionInput whole = probe.in;
  whole.mask = {true, {}, {}};
  ScoreBias whole_bias;
  turn(position, info, length, whole, whole_bias);
  const std::vector<double> expected = as_doubles(probe.attention->attend(whole).value().values());
  const auto token = static_cast<int64_t>(expected.size()) / (batch * length);
  std::vector<double> found = expected;
  DecodeState state = probe.attention->begin_decode(batch, length);
  std::vector<int64_t> done(static_cast<size_t>(batch), 0);
  for (const DecodePiece& piece : pieces.of(batch, length)) {
    const std::vector<int64_t> first = done;
    for (size_t b = 0; b < done.size(); ++b) done[b] += piece.taken[b];
    AttentionInput in = probe.in;
    in.mask = {true, first, done};
    in.x = in.memory = tokens_of(probe.in.x, first, piece);
    in.q = tokens_of(probe.in.q, first, piece);
    in.k = tokens_of(probe.in.k, first, piece);
    in.v = tokens_of(probe.in.v, first, piece);
    ScoreBias bias;
    turn(position, info, length + piece.tokens, in, bias);
    const Var out = probe.attention->extend(state, in);
    for (int64_t b = 0; b < batch; ++b) {
      const auto row = static_cast<size_t>(b);
      const float* from = out.data() + b * piece.tokens * token;
      std::copy_n(from, piece.taken[row] * token,
                  found.begin() + (b * length + first[row]) * token);
    }
  }
  return relative_error(found, expected);
}

}  // namespace

void check_decode(const AttentionVariant& variant, const OptionValues& options,
                  Findings& findings) {
  const PoisonedBuffers poisoned;  // or a cache holds what an earlier run has left there
  const OptionValues defaults;
  for (const int64_t length : kLawLengths) {
    AttentionCase c = AttentionCase::of_length(length, true);
    c.heads = 4;
    c.head_width = 4;
    const AttentionProbe probe(variant, options, c);
    for (const PositionScheme& scheme : position_schemes()) {
      const bool acts = scheme.info.rotates || scheme.info.biases || scheme.info.name == "none";
      if (!acts || !why_refused(variant.info, scheme.info).empty()) continue;
      const auto position = scheme.make({.model_width = probe.sizes.model_width,
                                         .heads = probe.sizes.heads,
                                         .head_width = probe.sizes.head_width,
                                         .options = defaults,
                                         .parameters = ParameterSet(0)});
      for (const DecodePieces& pieces : decode_pieces()) {
        findings.begin(
            fmt::format("{} with {}, {}", c.text(options), scheme.info.name, pieces.name), length);
        findings.error("decoding", decode_error(probe, position.get(), scheme.info, pieces));
      }
    }
  }
}

}  // namespace lengthwise
