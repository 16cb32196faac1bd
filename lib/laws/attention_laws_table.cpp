#include "laws/attention_laws.h"
#include "laws/probe.h"

namespace lengthwise {
namespace {

std::string always(const AttentionVariant&) { return ""; }

std::string needs_definition(const AttentionVariant& variant) {
  return variant.define ? "" : "has no definition";
}

std::string needs_causal(const AttentionVariant& variant) {
  return variant.info.causal ? "" : "is not causal";
}

std::string needs_decode(const AttentionVariant& variant) {
  return variant.info.decodable ? "" : "does not decode";
}

std::string needs_cross(const AttentionVariant& variant) { return why_not_across(variant.info); }

std::string needs_weights_to_find(const AttentionVariant& variant) {
  return variant.info.linear_in_v ? needs_definition(variant) : "is not linear in its values";
}

std::string needs_cost(const AttentionVariant& variant) {
  return variant.cost ? "" : "predicts no cost";
}

std::string needs_decode_cost(const AttentionVariant& variant) {
  return variant.cost ? needs_decode(variant) : needs_cost(variant);
}

std::string needs_no_order(const AttentionVariant& variant) {
  if (!variant.info.bidirectional) return "is causal only";
  return variant.info.order_free ? "" : "has an order of its own";
}

std::string needs_reach(const AttentionVariant& variant) {
  return variant.reach ? needs_causal(variant) : "reaches all tokens";
}

std::string needs_dot_products(const AttentionVariant& variant) {
  // Where x itself is mixed a scheme turns queries and keys alone, which is the same.
  return variant.info.dot_product ? "" : "is not a function of q.k alone";
}

constexpr AttentionLaw kLaws[] = {
    {"definition", "the output equals the naive definition in double precision", kForwardTolerance,
     needs_definition, check_definition},
    {"gradient", "the gradient equals the definition's slope by dual numbers", kGradientTolerance,
     needs_definition, check_gradient},
    {"decode", "extend equals attend at every token, for any split, with every scheme",
     kForwardTolerance, needs_decode, check_decode},
    {"batch", "a row alone gives what it gives in a batch", kForwardTolerance, always, check_batch},
    {"row_order", "rows in another order give the same outputs in that order", kForwardTolerance,
     always, check_row_order},
    {"padding", "a padded row gives what it gives without padding", kForwardTolerance, always,
     check_padding},
    {"permutation", "permuted tokens give permuted outputs, without a mask or positions",
     kForwardTolerance, needs_no_order, check_permutation},
    {"shift", "under relative positions only distances matter", kForwardTolerance,
     needs_dot_products, check_shift},
    {"cross_padding", "keys of another sequence past a row's end do not matter and get no gradient",
     kForwardTolerance, needs_cross, check_cross_padding},
    {"cross_order", "keys of another sequence in another order give the same outputs",
     kForwardTolerance, needs_cross, check_cross_order},
    {"cross_pieces", "queries of another sequence in pieces, without memory, get what all get",
     kForwardTolerance, needs_cross, check_cross_pieces},
    {"values",
     "outputs are weighted sums of the values, and unit values find the definition's weights",
     kForwardTolerance, needs_weights_to_find, check_values},
    {"unseen", "a query that sees no key gets 0 and sends no gradient", 0, always, check_unseen},
    {"reach", "tokens further back than it reaches leave an output as it is, the furthest does not",
     0, needs_reach, check_reach},
    {"causality", "later tokens of size 1e12 leave earlier outputs as they are", 0, needs_causal,
     check_causality},
    {"causal_gradient", "earlier outputs send no gradient to later tokens", 0, needs_causal,
     check_causal_gradient},
    {"rows", "the contents of other rows do not matter", 0, always, check_rows},
    {"threads", "any number of threads gives the same bits, forward, backward and decoding", 0,
     always, check_threads},
    {"accumulation", "a backward pass adds to the gradients that are there", kForwardTolerance,
     always, check_accumulation},
    {"written", "every output is written, and nothing reads memory that is not", 0, always,
     check_written},
    {"cost", "predicted FLOPs, exponentials, saved and workspace bytes are those counted", 0,
     needs_cost, check_cost},
    {"decode_cost",
     "predicted FLOPs, exponentials, state and workspace bytes of extend are counted", 0,
     needs_decode_cost, check_decode_cost},
};

}  // namespace

std::span<const AttentionLaw> attention_laws() { return kLaws; }

}  // namespace lengthwise
