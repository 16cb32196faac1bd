// The checks behind attention_laws(), each named as its law; attention_laws_table.cpp says what
// they state.
#pragma once
#include "laws/law.h"

namespace lengthwise {

using AttentionCheck = void(const AttentionVariant&, const OptionValues&, Findings&);

// To a tolerance, attention_laws.cpp and decode_laws.cpp.
AttentionCheck check_definition, check_gradient, check_batch, check_row_order, check_padding,
    check_permutation, check_shift, check_decode;
// Keys of another sequence, cross_laws.cpp.
AttentionCheck check_cross_padding, check_cross_order, check_cross_pieces;
// Weights that unit values find, value_laws.cpp.
AttentionCheck check_values;
// To the bit, exact_laws.cpp.
AttentionCheck check_unseen, check_reach, check_causality, check_causal_gradient, check_rows,
    check_threads, check_accumulation, check_written;
// To the unit, cost_laws.cpp.
AttentionCheck check_cost, check_decode_cost;

}  // namespace lengthwise
