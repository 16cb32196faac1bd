// The keys that belong to no model, training or plug-in.
#include <limits>

#include "experiments/runner/run_config.h"

namespace lengthwise {

void RunOptions::visit(OptionVisitor& v) {
  v.text(
      "attention", attention,
      "attention variant; `lengthwise list attention` names them; several joined by '+' take the "
      "layers by turns");
  v.text("decoder.attention", decoder_attention,
         "of an encoder_decoder's decoder, over the tokens before; empty: as attention, which is "
         "its encoder's");
  v.text("cross.attention", cross_attention,
         "of an encoder_decoder's decoder over the source; empty: as attention");
  v.text("position", position, "positional scheme; `lengthwise list position` names them");
  v.text("task", task, "what is learned; `lengthwise list task` names them");
  v.integer("length", length, {1, kLargestSize}, "tokens: cost is measured at this length");
  v.integer("batch", batch, {1, 1 << 24}, "sequences of a measured batch");
  v.integer("batch_tokens", batch_tokens, {0, kLargestSize},
            "above 0: a measured batch has as many sequences as make so many tokens, whatever the "
            "length");
  v.integer("seed", seed, {0, std::numeric_limits<int64_t>::max()}, "of weights, data and dropout");
  v.integer("threads", threads, {0, 4096}, "0: every core this process may use");
  v.integer("repeats", repeats, {1, 100000}, "timings kept of each measured quantity");
  v.choice(
      "measure", measure, {"all", "decoding"},
      "decoding: neither forward passes nor training steps are timed, so that a context may be "
      "longer than a training step has memory for");
  v.flag(
      "measure_positions", measure_positions,
      "what the scheme gives the positions up to the run's length is compared: its size, whether "
      "two are alike, whether an offset can be recovered; no training is needed, and after one "
      "they are the trained ones");
  v.text(kWeightsKey, weights,
         "a model to begin with: a checkpoint, a safetensors file of `lengthwise export` or the "
         "folder of a GPT-2, of which keys of the model that are not given are taken; with "
         "train.steps = 0 it is scored at eval.lengths as it is");
  v.integers("train.lengths", train_lengths, {1, kLargestSize},
             "only runs of these lengths train (with train.steps); empty: all");
  v.integers("train.seeds", train_seeds, {0, std::numeric_limits<int64_t>::max()},
             "only runs of these seeds train; the others repeat the cost; empty: all");
  v.integers("eval.lengths", eval_lengths, {1, kLargestSize},
             "a trained model is scored at these lengths; empty: its training length");
  v.integer("eval.examples", eval_examples, {1, kLargestSize},
            "examples scored at a length (text: its validation bytes, always; mqar: of each cell; "
            "passkey: of each depth)");
  v.choice("eval.weights", eval_weights, {"last", "best"},
           "which are scored: the last, or those of the lowest validation loss at "
           "train.evaluate_every; validation is on the examples that are scored at that length, so "
           "that best is chosen on what it reports");
  v.flag("eval.evidence", eval_evidence,
         "where a task says at which token an answer is to be read: what each head gives that "
         "token and one like it, and what is answered when they are kept from each other");
  v.flag("eval.removal", eval_removal,
         "what each head's weights say of the loss when a key is kept from a label's query");
  v.flag("eval.geometry", eval_geometry,
         "what each head's weights do as maps is taken down: rank, rotation and symmetry of W_Q "
         "W_K^T and W_V W_O, and how much the latter copies");
  v.flag("eval.attention", eval_attention,
         "what attention looks at is taken down at every length of the test: each head's entropy "
         "and distance, over a few examples");
  v.choice("match", match, {"none", "parameters", "flops", "state_bytes"},
           "budget in which a model is made to agree with match.reference, by the size that its "
           "variant marks, or else its width; measured at the run's length");
  v.text("match.reference", match_reference, "the variant, with default options, to agree with");
}

}  // namespace lengthwise
