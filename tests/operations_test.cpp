#include "tests/gradient_check.h"

namespace lengthwise {
namespace {

template <class Scalar>
using Arrays = std::vector<Array<Scalar>>;

TEST(Operations, Embedding) {
  const std::vector<int32_t> tokens = {3, 0, 3, 1, 4, 3};
  check_operation(
      "embedding", {random_var({5, 19}, 1)},
      [&](const std::vector<Var>& in) { return embedding(tokens, 2, 3, in[0], 2.5); },
      [&]<class S>(Arrays<S>& in) {
        Array<S> out({2, 3, 19});
        for (int64_t row = 0; row < 6; ++row) {
          for (int64_t c = 0; c < 19; ++c) {
            out.data[static_cast<size_t>(row * 19 + c)] =
                S(2.5) * in[0](tokens[static_cast<size_t>(row)], c);
          }
        }
        return out;
      });
}

TEST(Operations, AddPositionRows) {
  for (const std::vector<int64_t>& first : {std::vector<int64_t>{}, std::vector<int64_t>{2, 0}}) {
    check_operation(
        "add_position_rows", {random_var({2, 3, 5}, 1), random_var({6, 5}, 2)},
        [&](const std::vector<Var>& in) { return add_position_rows(in[0], in[1], first); },
        [&]<class S>(Arrays<S>& in) {
          Array<S> out({2, 3, 5});
          for (int64_t b = 0; b < 2; ++b) {
            for (int64_t t = 0; t < 3; ++t) {
              const int64_t p = (first.empty() ? 0 : first[static_cast<size_t>(b)]) + t;
              for (int64_t c = 0; c < 5; ++c) out(b, t, c) = in[0](b, t, c) + in[1](p, c);
            }
          }
          return out;
        });
  }
}

TEST(Operations, GatherRows) {
  const std::vector<int64_t> rows = {5, 0, 5, 2};
  check_operation(
      "gather_rows", {random_var({2, 3, 17}, 1)},
      [&](const std::vector<Var>& in) { return gather_rows(in[0], rows); },
      [&]<class S>(Arrays<S>& in) {
        Array<S> out({4, 17});
        for (int64_t n = 0; n < 4; ++n) {
          for (int64_t c = 0; c < 17; ++c) {
            const int64_t row = rows[static_cast<size_t>(n)];
            out(n, c) = in[0](row / 3, row % 3, c);
          }
        }
        return out;
      });
}

// x [R,K], weight [K,N] -> x weight (+ bias)
template <class S>
Array<S> product(Array<S>& x, Array<S>& weight, Array<S>* bias, int64_t rows, int64_t k,
                 int64_t n) {
  Array<S> out({rows, n});
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < n; ++j) {
      out(r, j) = bias == nullptr ? S(0) : (*bias)(j);
      for (int64_t i = 0; i < k; ++i) {
        out(r, j) += x.data[static_cast<size_t>(r * k + i)] * weight(i, j);
      }
    }
  }
  return out;
}

TEST(Operations, Linear) {
  check_operation(
      "linear", {random_var({2, 3, 7}, 1), random_var({7, 5}, 2), random_var({5}, 3)},
      [](const std::vector<Var>& in) { return linear(in[0], in[1], in[2]); },
      []<class S>(Arrays<S>& in) { return product(in[0], in[1], &in[2], 6, 7, 5); });
  check_operation(
      "linear without bias", {random_var({4, 7}, 1), random_var({7, 5}, 2)},
      [](const std::vector<Var>& in) { return linear(in[0], in[1], Var()); },
      []<class S>(Arrays<S>& in) { return product<S>(in[0], in[1], nullptr, 4, 7, 5); });
}

TEST(Operations, LinearInManyTiles) {
  const Var x = random_var({130, 65}, 1, false), weight = random_var({65, 300}, 2, false);
  const Var out = linear(x, weight, Var());
  auto a = lifted<double>(x.value()), b = lifted<double>(weight.value());
  EXPECT_LE(relative_error(as_doubles(out.value().values()),
                           product<double>(a, b, nullptr, 130, 65, 300).data),
            kForwardTolerance);
}

TEST(Operations, LinearTransposed) {
  check_operation(
      "linear_transposed", {random_var({4, 6}, 1), random_var({9, 6}, 2)},
      [](const std::vector<Var>& in) { return linear_transposed(in[0], in[1]); },
      []<class S>(Arrays<S>& in) {
        Array<S> transposed({6, 9});
        for (int64_t i = 0; i < 6; ++i) {
          for (int64_t j = 0; j < 9; ++j) transposed(i, j) = in[1](j, i);
        }
        return product<S>(in[0], transposed, nullptr, 4, 6, 9);
      });
}

// x [3,width]
template <class S>
Array<S> normed(Array<S>& x, Array<S>& gain, Array<S>& bias, int64_t width) {
  using std::sqrt;
  Array<S> out({3, width});
  for (int64_t row = 0; row < 3; ++row) {
    S mean(0), variance(0);
    const auto n = S(static_cast<double>(width));
    for (int64_t c = 0; c < width; ++c) mean += x(row, c) / n;
    for (int64_t c = 0; c < width; ++c) variance += (x(row, c) - mean) * (x(row, c) - mean) / n;
    for (int64_t c = 0; c < width; ++c) {
      out(row, c) = (x(row, c) - mean) / sqrt(variance + S(1e-5)) * gain(c) + bias(c);
    }
  }
  return out;
}

// Not of width 2: there a slope is what is left of terms ten thousand times as large.
TEST(Operations, LayerNorm) {
  for (const int64_t width : {1, 3, 7, 33}) {
    check_operation(
        "layer_norm", {random_var({3, width}, 1), random_var({width}, 2), random_var({width}, 3)},
        [](const std::vector<Var>& in) { return layer_norm(in[0], in[1], in[2]); },
        [&]<class S>(Arrays<S>& in) { return normed(in[0], in[1], in[2], width); });
  }
}

TEST(Operations, AddLayerNormGivesTheSumAndItsNorm) {
  constexpr int64_t kWidth = 33;
  check_operation(
      "add_layer_norm",
      {random_var({3, kWidth}, 1), random_var({3, kWidth}, 2), random_var({kWidth}, 3),
       random_var({kWidth}, 4)},
      [](const std::vector<Var>& in) {
        const SumAndNorm both = add_layer_norm(in[0], in[1], in[2], in[3]);
        return add(both.sum, both.normed);
      },
      []<class S>(Arrays<S>& in) {
        Array<S> sum = in[0];
        for (size_t i = 0; i < sum.data.size(); ++i) sum.data[i] += in[1].data[i];
        Array<S> out = normed(sum, in[2], in[3], kWidth);
        for (size_t i = 0; i < sum.data.size(); ++i) out.data[i] += sum.data[i];
        return out;
      });
}

template <class S>
Array<S> bent(Gelu form, Array<S> x) {
  for (S& v : x.data) v = bent(form, v);
  return x;
}

TEST(Operations, Gelu) {
  Var x = random_var({5, 13}, 1);
  for (float& v : x.value().values()) v *= 3;
  for (const Gelu form : {Gelu::erf, Gelu::tanh}) {
    check_operation(
        "gelu", {x}, [form](const std::vector<Var>& in) { return gelu(in[0], form); },
        [form]<class S>(Arrays<S>& in) { return bent(form, in[0]); });
  }
}

TEST(Operations, LinearGelu) {
  const std::vector<Var> inputs = {random_var({2, 3, 7}, 1), random_var({7, 5}, 2),
                                   random_var({5}, 3)};
  for (const Gelu form : {Gelu::erf, Gelu::tanh}) {
    const auto operation = [form](const std::vector<Var>& in) {
      return linear_gelu(in[0], in[1], in[2], form);
    };
    check_operation("linear_gelu", inputs, operation, [form]<class S>(Arrays<S>& in) {
      return bent(form, product(in[0], in[1], &in[2], 6, 7, 5));
    });
    // In inference the product's place takes the result.
    Tape tape;
    const Recording recording(tape);
    const Tensor recorded = operation(inputs).value();
    const RecordingPause pause;
    EXPECT_TRUE(std::ranges::equal(operation(inputs).value().values(), recorded.values()));
  }
}

// The value, its gradients to the bit, and what is kept between the passes.
TEST(Checkpointed, GivesWhatItsBodyGivesAndKeepsItsInputAlone) {
  const Var weight = random_var({40, 40}, 2), cotangent = random_var({30, 40}, 3, false);
  const auto body = [&](const Var& x) {
    return gelu(linear(gelu(linear(x, weight, Var())), weight, Var()));
  };
  std::vector<std::vector<double>> values, to_x, to_weight;
  std::vector<int64_t> kept_bytes;
  for (const bool checkpoints : {false, true}) {
    const Var x = random_var({30, 40}, 1);
    weight.gradient()->clear();
    const auto activations = [] {
      return MemoryLedger::instance().use().live_by_tag[static_cast<size_t>(Tag::activations)];
    };
    const int64_t before = activations();
    Tape tape;
    Var out;
    {
      const Recording recording(tape);
      out = checkpoints ? checkpointed(x, body) : body(x);
    }
    kept_bytes.push_back(activations() - before);
    values.push_back(as_doubles(out.value().values()));
    tape.backward(out, cotangent.value().values());
    to_x.push_back(gradient_of(x));
    to_weight.push_back(gradient_of(weight));
  }
  EXPECT_EQ(values[1], values[0]);
  EXPECT_EQ(to_x[1], to_x[0]);
  EXPECT_EQ(to_weight[1], to_weight[0]);
  EXPECT_EQ(kept_bytes[1], 30 * 40 * 4);
  EXPECT_EQ(kept_bytes[0], 4 * 30 * 40 * 4);
}

TEST(Operations, AddAndAValueUsedTwice) {
  check_operation(
      "add", {random_var({3, 5}, 1), random_var({3, 5}, 2)},
      [](const std::vector<Var>& in) { return add(add(in[0], in[1]), in[0]); },
      []<class S>(Arrays<S>& in) {
        Array<S> out = in[0];
        for (size_t i = 0; i < out.data.size(); ++i) out.data[i] += out.data[i] + in[1].data[i];
        return out;
      });
}

TEST(Operations, CrossEntropy) {
  const std::vector<int32_t> targets = {4, 0, 4, 8};
  for (const double smoothing : {0.0, 0.1, 0.9}) {
    check_operation(
        "cross_entropy", {random_var({4, 9}, 1)},
        [&](const std::vector<Var>& in) { return cross_entropy(in[0], targets, smoothing); },
        [&]<class S>(Arrays<S>& in) {
          using std::exp;
          using std::log;
          Array<S> out(Shape{1});
          for (int64_t n = 0; n < 4; ++n) {
            S sum(0);
            for (int64_t c = 0; c < 9; ++c) sum += exp(in[0](n, c));
            for (int64_t c = 0; c < 9; ++c) {
              const bool right = c == targets[static_cast<size_t>(n)];
              const double wanted = smoothing / 9 + (right ? 1 - smoothing : 0);
              out.data[0] += S(wanted) * (log(sum) - in[0](n, c)) / S(4);
            }
          }
          return out;
        });
  }
}

TEST(Operations, CrossEntropyOfHugeLogitsIsFinite) {
  Tensor logits({1, 3}, Tag::data);
  std::ranges::copy(std::vector<float>{1e4F, -1e4F, 0.0F}, logits.data());
  const std::vector<int32_t> target = {1};
  EXPECT_FLOAT_EQ(cross_entropy(Var(logits), target).data()[0], 2e4F);
  EXPECT_FLOAT_EQ(cross_entropy(Var(logits), target, 0.3).data()[0], 0.7F * 2e4F + 0.3F * 1e4F);
  logits.data()[2] = -HUGE_VALF;  // a class that is ruled out
  EXPECT_FLOAT_EQ(cross_entropy(Var(logits), target).data()[0], 2e4F);
}

TEST(Operations, RotatePairs) {
  const std::vector<int64_t> first = {1, 3};
  check_operation(
      "rotate_pairs", {random_var({2, 3, 2, 4}, 1), random_var({6, 4}, 2, false)},
      [&](const std::vector<Var>& in) { return rotate_pairs(in[0], in[1], first); },
      [&]<class S>(Arrays<S>& in) {
        Array<S> out({2, 3, 2, 4});
        for (int64_t b = 0; b < 2; ++b) {
          for (int64_t i = 0; i < 3; ++i) {
            const int64_t p = first[static_cast<size_t>(b)] + i;
            for (int64_t h = 0; h < 2; ++h) {
              for (int64_t d = 0; d < 4; d += 2) {
                const S cosine = in[1](p, d), sine = in[1](p, d + 1);
                out(b, i, h, d) = cosine * in[0](b, i, h, d) - sine * in[0](b, i, h, d + 1);
                out(b, i, h, d + 1) = sine * in[0](b, i, h, d) + cosine * in[0](b, i, h, d + 1);
              }
            }
          }
        }
        return out;
      });
}

TEST(Operations, DropoutKeepsTheSameElementsForwardAndBackward) {
  const Dropout rule{0.25, 99};
  const Var x = random_var({3, 2}, 1);
  EXPECT_EQ(dropout(x, Dropout{}).data(), x.data()) << "rate 0 is no operation";
  Tensor ones({70, 130}, Tag::data);
  std::ranges::fill(ones.values(), 1.0F);
  const Var mask = dropout(Var(ones), rule);
  int64_t dropped = 0;
  for (const float kept : mask.value().values()) {
    EXPECT_TRUE(kept == 0.0F || std::abs(kept - 1 / 0.75F) < 1e-6F);
    dropped += kept == 0.0F;
  }
  const double n = 70 * 130;
  EXPECT_NEAR(static_cast<double>(dropped) / n, 0.25, 4 * std::sqrt(0.25 * 0.75 / n));
  const Tensor few = dropout(Var(Tensor(ones).reshaped({9100})), {0.25, 100}).value();
  EXPECT_FALSE(std::ranges::equal(few.values(), mask.value().values())) << "another key";
  check_operation(
      "dropout", {random_var({5, 9}, 1)},
      [&](const std::vector<Var>& in) { return dropout(in[0], rule); },
      [&]<class S>(Arrays<S>& in) {
        Array<S> out = in[0];
        for (size_t i = 0; i < out.data.size(); ++i) {
          out.data[i] *= S(static_cast<double>(mask.value().values()[i]));
        }
        return out;
      });
}

struct DenseCase {
  bool softmax, causal, exclude_self, ragged;
  double rate;
};

class DenseAttention : public testing::TestWithParam<DenseCase> {};

// Grouped heads, other keys than queries, a bias, offsets: all that the operation is told.
TEST_P(DenseAttention, EqualsItsReference) {
  const DenseCase c = GetParam();
  const int64_t B = 2, T = 3, S = 5, H = 4, G = 2, D = 3;
  const std::vector<int64_t> first = {2, 0}, keys = {4, 5};
  const ScoreBias bias{random_var({H, 2 * S}, 9, false), S};
  DenseAttentionRule rule;
  rule.mask = {c.causal, first,
               c.ragged ? std::span<const int64_t>(keys) : std::span<const int64_t>()};
  rule.bias = &bias;
  rule.dropout = {c.rate, 5};
  rule.scale = 0.7;
  rule.exclude_self = c.exclude_self;
  rule.normalise =
      c.softmax ? DenseAttentionRule::Normalise::softmax : DenseAttentionRule::Normalise::sum;
  check_operation(
      "dense_attention",
      {random_var({B, T, H, D}, 1), random_var({B, S, G, D}, 2), random_var({B, S, G, D}, 3)},
      [&](const std::vector<Var>& in) { return dense_attention(in[0], in[1], in[2], rule); },
      [&]<class Scalar>(Arrays<Scalar>& in) {
        Definition<Scalar> a;
        a.B = B, a.T = T, a.S = S, a.H = H, a.G = G, a.D = D;
        a.queries = in[0], a.keys = in[1], a.values = in[2];
        a.outputs = Array<Scalar>({B, T, H, D});
        a.mask = rule.mask;
        a.bias_by_distance = lifted<Scalar>(bias.by_distance.value());
        a.bias_zero = bias.zero;
        a.each_output([&](int64_t b, int64_t i, int64_t h) {
          std::vector<float> kept(static_cast<size_t>(S), 1.0F);
          if (c.rate > 0) {
            dropout_row(rule.dropout, (b * H + h) * T + i, 0, kept.data(), kept.data(), S);
          }
          const auto score = [&](int64_t j) {
            using std::exp;
            if (c.exclude_self && j == a.position(b, i)) return Scalar(0);
            const Scalar s = a.dot(b, i, j, h) * Scalar(0.7) + a.bias(b, h, i, j);
            return c.softmax ? exp(s) : s;
          };
          a.mix_normalised(b, i, h, score);
          if (c.rate == 0) return;
          Scalar total(0);
          for (int64_t j = 0; j < S; ++j) {
            using std::abs;
            if (a.sees(b, i, j)) total += abs(score(j));
          }
          a.mix(b, i, h, [&](int64_t j) {
            return score(j) / total * Scalar(static_cast<double>(kept[static_cast<size_t>(j)]));
          });
        });
        return a.outputs;
      });
}

INSTANTIATE_TEST_SUITE_P(
    Rules, DenseAttention,
    testing::Values(DenseCase{true, true, false, false, 0}, DenseCase{true, false, false, true, 0},
                    DenseCase{true, true, true, false, 0}, DenseCase{true, true, false, true, 0.4},
                    DenseCase{false, true, false, false, 0}, DenseCase{false, false, true, true, 0},
                    DenseCase{false, false, false, false, 0.4}));

}  // namespace
}  // namespace lengthwise
