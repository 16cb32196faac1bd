#include "nn/position.h"

#include "base/check.h"

namespace lengthwise {

Var Position::embed(const Var&, std::span<const int64_t>) const {
  throw CheckFailure("embed of a scheme that does not embed");
}

Var Position::rotate(const Var&, Side, std::span<const int64_t>) const {
  throw CheckFailure("rotate of a scheme that does not rotate");
}

ScoreBias Position::bias(int64_t, int64_t) const {
  throw CheckFailure("bias of a scheme that does not bias");
}

std::span<const PositionScheme> position_schemes() {
  return Registry<PositionScheme>::instance().entries();
}

const PositionScheme& position_scheme(std::string_view name) {
  return Registry<PositionScheme>::instance().find("position", name);
}

std::string why_refused(const AttentionInfo& attention, const PositionInfo& position) {
  if ((position.rotates || position.biases) && !attention.takes_positions) {
    return fmt::format("{} acts on queries and keys, and {} compares none", position.name,
                       attention.name);
  }
  if (position.biases && !attention.score_bias) {
    return fmt::format("{} adds a bias to the scores, and {} forms no scores to add it to",
                       position.name, attention.name);
  }
  return "";
}

std::string why_refused(const AttentionInfo& attention, bool causal) {
  if (causal && !attention.causal) {
    return fmt::format("{} is not causal, and a decoder's tokens must not see later ones",
                       attention.name);
  }
  if (!causal && !attention.bidirectional) {
    return fmt::format("{} is causal only, and an encoder's tokens see all", attention.name);
  }
  return "";
}

std::string why_not_across(const AttentionInfo& attention) {
  if (attention.cross) return "";
  if (attention.projection == Projection::none) {
    return fmt::format("{} mixes a layer's own input, and has no place for another sequence's keys",
                       attention.name);
  }
  if (!attention.order_free) {
    return fmt::format(
        "{} goes by where tokens stand, and those of two sequences are no distance apart",
        attention.name);
  }
  return fmt::format("{} does not say that it takes keys of another sequence", attention.name);
}

}  // namespace lengthwise
