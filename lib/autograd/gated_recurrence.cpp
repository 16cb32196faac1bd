#include <algorithm>
#include <vector>

#include "autograd/operations.h"
#include "base/check.h"
#include "base/counters.h"
#include "base/parallel.h"
#include "kernels/multiply.h"
#include "kernels/recurrent_gates.h"
#include "kernels/row_multiply.h"
#include "kernels/tile_multiply.h"

namespace lengthwise {
namespace {

constexpr int64_t kRows = 16;     // sequences that one task takes through all steps
constexpr int64_t kColumns = 64;  // channels of one task

struct Sizes {
  int64_t batch, length, channels;
  std::vector<int64_t> taken;  // [B]

  int64_t tokens() const { return batch * length; }
  bool is_there(int64_t b, int64_t t) const { return t < taken[static_cast<size_t>(b)]; }
};

Sizes sizes_of(const Var& x, const RecurrenceWeights& weights, std::span<const int64_t> taken) {
  Sizes s{x.extent(0), x.extent(1), x.extent(2), {}};
  const Shape expected = {s.channels, 3 * s.channels};
  for (const Var* weight : {&weights.input, &weights.hidden}) {
    check_equal(to_string(weight->shape()), to_string(expected), "gated_recurrence: a weight");
  }
  s.taken.assign(static_cast<size_t>(s.batch), s.length);
  if (!taken.empty()) s.taken.assign(taken.begin(), taken.end());
  return s;
}

// out [B,T,3C] = x input + input_bias: of all steps at once, since nothing waits for it.
void meet_input(const Sizes& s, const Var& x, const RecurrenceWeights& weights, float* out) {
  const int64_t C = s.channels;
  parallel_multiply(
      s.tokens(), 3 * C, C, 1, {x.data(), C}, {weights.input.data(), 3 * C}, 1, out, 3 * C,
      {[&](int64_t row, int64_t rows, int64_t column, int64_t columns) {
         for (int64_t i = row; i < row + rows; ++i) {
           std::copy_n(weights.input_bias.data() + column, columns, out + i * 3 * C + column);
         }
       },
       {}});
}

// c [m,n] = a [m,k] b [k,n] + c of few rows, which whoever calls counts.
void add_tile_product(int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* c) {
  tile_multiply(m, n, k, 1, {a, k}, {b, n}, 1, c, n);
}
void add_product(int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* c) {
  if (m == 1) return row_multiply(n, k, 1, a, {b, n}, 1, c);
  add_tile_product(m, n, k, a, b, c);
}

// Steps wait for each other, sequences do not: a task takes a few of them from end to end.
template <class Body>
void each_few_sequences(const Sizes& s, const Body& body) {
  parallel_ranges(s.batch, kRows, body);
}

// state [B,C], at first that before the first token, is then that after the last one of each row.
// gates [B,T,3C] has the input's part and then the gates; kept [B,T,C] gets the state's part of the
// candidate, if it is not null; of_state [B,3C] is scratch.
void recurrence_forward(const Sizes& s, const float* hidden, const float* bias, float* state,
                        float* of_state, float* gates, float* kept, float* out) {
  const int64_t C = s.channels;
  count_flops(2 * s.tokens() * C * 3 * C);
  count_exponentials(recurrent_gate_exponentials() * s.tokens() * C);
  each_few_sequences(s, [&](int64_t begin, int64_t end) {
    for (int64_t t = 0; t < s.length; ++t) {
      // of_state = state hidden + bias
      for (int64_t b = begin; b < end; ++b) std::copy_n(bias, 3 * C, of_state + b * 3 * C);
      // While decoding, a single row goes the way of a few: it goes on alike alone and beside
      // others.
      const auto add = kept == nullptr ? add_tile_product : add_product;
      add(end - begin, 3 * C, C, state + begin * C, hidden, of_state + begin * 3 * C);
      for (int64_t b = begin; b < end; ++b) {
        const int64_t token = b * s.length + t;
        if (!s.is_there(b, t)) {
          std::fill_n(out + token * C, C, 0.0F);
          continue;
        }
        float* row = of_state + b * 3 * C;
        recurrent_gates_row(C, row, gates + token * 3 * C,
                            kept != nullptr ? kept + token * C : row + 2 * C, state + b * C,
                            out + token * C);
      }
    }
  });
}

// gates and kept become the slopes of the input's part and of the state's part of the candidate.
void recurrence_backward(const Sizes& s, const float* hidden, const float* out, const float* from,
                         float* gates, float* kept) {
  const int64_t C = s.channels;
  const Tensor start = Tensor::zeros({C}, Tag::workspace);
  Tensor carried = Tensor::zeros({s.batch, C}, Tag::workspace);
  Tensor of_state({s.batch, 3 * C}, Tag::workspace), turned({3 * C, C}, Tag::workspace);
  transpose(hidden, 3 * C, C, 3 * C, turned.data(), C);
  count_flops(2 * s.batch * (s.length - 1) * 3 * C * C);
  each_few_sequences(s, [&](int64_t begin, int64_t end) {
    for (int64_t t = s.length - 1; t >= 0; --t) {
      for (int64_t b = begin; b < end; ++b) {
        const int64_t token = b * s.length + t;
        float* row = of_state.data() + b * 3 * C;
        if (!s.is_there(b, t)) {
          std::fill_n(row, 3 * C, 0.0F);
          std::fill_n(gates + token * 3 * C, 3 * C, 0.0F);
          std::fill_n(kept + token * C, C, 0.0F);
          continue;
        }
        recurrent_gates_backward_row(C, t > 0 ? out + (token - 1) * C : start.data(),
                                     from + token * C, carried.data() + b * C,
                                     gates + token * 3 * C, kept + token * C, row);
      }
      // of_state = state hidden + bias
      if (t == 0) continue;
      add_product(end - begin, C, 3 * C, of_state.data() + begin * 3 * C, turned.data(),
                  carried.data() + begin * C);
    }
  });
}

// to [columns] += the sums of from's columns, in double, for a sum over every token of the batch.
void add_column_sums(int64_t rows, int64_t columns, const float* from, int64_t stride, float* to) {
  parallel_ranges(columns, kColumns, [&](int64_t begin, int64_t end) {
    double sums[kColumns] = {};
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t c = begin; c < end; ++c) {
        sums[c - begin] += static_cast<double>(from[row * stride + c]);
      }
    }
    for (int64_t c = begin; c < end; ++c) to[c] += static_cast<float>(sums[c - begin]);
  });
}

struct GradientsOf {
  std::shared_ptr<Gradient> x, input, input_bias, hidden, hidden_bias;
};

// Where they gather, allocated.
struct Places {
  Gradient::Sum x, input, hidden;
  float *input_bias, *hidden_bias;

  explicit Places(const GradientsOf& to)
      : x(to.x->sum()),
        input(to.input->sum()),
        hidden(to.hidden->sum()),
        input_bias(to.input_bias->data()),
        hidden_bias(to.hidden_bias->data()) {}
};

// gates [B,T,3C] and kept [B,T,C] are the slopes that recurrence_backward left.
void weights_backward(const Sizes& s, const float* x, const float* input, const float* out,
                      float* gates, float* kept, const Places& to) {
  const int64_t C = s.channels, rows = s.tokens();
  // gates = x input + input_bias
  parallel_multiply(rows, C, 3 * C, 1, {gates, 3 * C}, {input, 3 * C, true}, to.x.beta, to.x.data,
                    C);
  parallel_multiply(C, 3 * C, rows, 1, {x, C, true}, {gates, 3 * C}, to.input.beta, to.input.data,
                    3 * C);
  add_column_sums(rows, 3 * C, gates, 3 * C, to.input_bias);
  // of_state = state hidden + hidden_bias, whose slopes are the gates' but for the candidate
  add_column_sums(rows, 2 * C, gates, 3 * C, to.hidden_bias);
  add_column_sums(rows, C, kept, C, to.hidden_bias + 2 * C);
  // A token meets the output before it; the first of a sequence none.
  for (int64_t b = 0; b < s.batch; ++b) {
    std::fill_n(gates + b * s.length * 3 * C, 2 * C, 0.0F);
    std::fill_n(kept + b * s.length * C, C, 0.0F);
  }
  parallel_multiply(C, 2 * C, rows - 1, 1, {out, C, true}, {gates + 3 * C, 3 * C}, to.hidden.beta,
                    to.hidden.data, 3 * C);
  parallel_multiply(C, C, rows - 1, 1, {out, C, true}, {kept + C, C}, to.hidden.beta,
                    to.hidden.data + 2 * C, 3 * C);
}

}  // namespace

Var gated_recurrence(const Var& x, const RecurrenceWeights& weights,
                     std::span<const int64_t> taken) {
  const Sizes s = sizes_of(x, weights, taken);
  const int64_t C = s.channels;
  const GradientsOf to = {x.gradient(), weights.input.gradient(), weights.input_bias.gradient(),
                          weights.hidden.gradient(), weights.hidden_bias.gradient()};
  check(!is_recording() || (to.x && to.input && to.input_bias && to.hidden && to.hidden_bias),
        "gated_recurrence: records gradients of x and of all weights");
  Tensor out(x.shape(), result_tag()), gates({s.batch, s.length, 3 * C}, result_tag()),
      kept(x.shape(), result_tag());
  meet_input(s, x, weights, gates.data());
  {
    Tensor state = Tensor::zeros({s.batch, C}, Tag::workspace);
    Tensor of_state({s.batch, 3 * C}, Tag::workspace);
    recurrence_forward(s, weights.hidden.data(), weights.hidden_bias.data(), state.data(),
                       of_state.data(), gates.data(), kept.data(), out.data());
  }
  const Tensor saved_out = out;
  return record(std::move(out),
                {x, weights.input, weights.input_bias, weights.hidden, weights.hidden_bias},
                [s, in = x.value(), input = weights.input.value(), hidden = weights.hidden.value(),
                 saved_out, gates, kept, to](std::span<const float> from) {
                  // Nobody reads the gates after this: their slopes take their place.
                  Tensor slopes = gates, kept_slopes = kept;
                  const Places places(to);
                  recurrence_backward(s, hidden.data(), saved_out.data(), from.data(),
                                      slopes.data(), kept_slopes.data());
                  weights_backward(s, in.data(), input.data(), saved_out.data(), slopes.data(),
                                   kept_slopes.data(), places);
                });
}

Var extend_gated_recurrence(const Var& x, const RecurrenceWeights& weights,
                            std::span<const int64_t> taken, Tensor& state) {
  const Sizes s = sizes_of(x, weights, taken);
  Tensor out(x.shape(), Tag::workspace);
  Tensor gates({s.batch, s.length, 3 * s.channels}, Tag::workspace);
  Tensor of_state({s.batch, 3 * s.channels}, Tag::workspace);
  meet_input(s, x, weights, gates.data());
  recurrence_forward(s, weights.hidden.data(), weights.hidden_bias.data(), state.data(),
                     of_state.data(), gates.data(), nullptr, out.data());
  return Var(out);
}

}  // namespace lengthwise
