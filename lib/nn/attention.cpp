#include "nn/attention.h"

#include "base/check.h"

namespace lengthwise {

DecodeState Attention::begin_decode(int64_t, int64_t) const {
  throw CheckFailure("begin_decode of a variant that is not decodable");
}

Var Attention::extend(DecodeState&, const AttentionInput&) const {
  throw CheckFailure("extend of a variant that is not decodable");
}

std::span<const AttentionVariant> attention_variants() {
  return Registry<AttentionVariant>::instance().entries();
}

const AttentionVariant& attention_variant(std::string_view name) {
  return Registry<AttentionVariant>::instance().find("attention", name);
}

}  // namespace lengthwise
