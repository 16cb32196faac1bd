#include "insight/position_traits.h"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "base/check.h"
#include "base/random.h"

namespace lengthwise {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Var filled(Shape shape, float value) {
  Tensor tensor(std::move(shape), Tag::data);
  std::ranges::fill(tensor.values(), value);
  return Var(std::move(tensor));
}

// The largest root mean square of a row.
double size_of(const Rows& codes) {
  return std::sqrt(codes.rowwise().squaredNorm().maxCoeff() / static_cast<double>(codes.cols()));
}

// Sums of squares rather than the product of all pairs: near codes must not cancel.
void compare_pairs(const Rows& codes, PositionTraits& traits) {
  double nearest = std::numeric_limits<double>::infinity(), cosine = -1;
  const Eigen::VectorXd norms = codes.rowwise().norm();
  bool has_cosine = false;
  for (Eigen::Index i = 0; i < codes.rows(); ++i) {
    for (Eigen::Index j = 0; j < i; ++j) {
      nearest = std::min(nearest, (codes.row(i) - codes.row(j)).squaredNorm());
      const double sizes = norms(i) * norms(j);
      if (sizes == 0) continue;
      cosine = std::max(cosine, codes.row(i).dot(codes.row(j)) / sizes);
      has_cosine = true;
    }
  }
  const double mean_square = norms.squaredNorm() / static_cast<double>(codes.rows());
  traits.least_distance =
      codes.rows() > 1 && mean_square > 0 ? std::sqrt(nearest / mean_square) : kNone;
  traits.largest_cosine = has_cosine ? std::min(cosine, 1.0) : kNone;
}

double repeating_share(const Rows& codes) {
  const Eigen::Index last = codes.rows() - 1;
  if (last < 1) return kNone;
  const Rows steps = codes.bottomRows(last) - codes.topRows(last);
  const auto turns = (steps.array() > 0).colwise().any() && (steps.array() < 0).colwise().any();
  return static_cast<double>(turns.count()) / static_cast<double>(codes.cols());
}

double offset_residual(const Rows& codes, Eigen::Index offset) {
  const Eigen::Index pairs = codes.rows() - offset;
  const Eigen::Index odd = pairs / 2, even = pairs - odd;
  if (odd < 1) return kNone;
  const auto every_second = [&](Eigen::Index first, Eigen::Index count) {
    return Rows(codes(Eigen::seqN(first, count, 2), Eigen::all));
  };
  const Rows from = every_second(0, even), to = every_second(offset, even);
  const Rows judged = every_second(1, odd), wanted = every_second(offset + 1, odd);
  const Eigen::RowVectorXd from_mean = from.colwise().mean(), to_mean = to.colwise().mean();
  const double varies = (wanted.rowwise() - wanted.colwise().mean()).norm();
  if (varies == 0) return kNone;
  // The least of the maps that fit. Codes are floats: what is smaller is their rounding.
  Eigen::CompleteOrthogonalDecomposition<Eigen::MatrixXd> fit;
  fit.setThreshold(1e-6);
  fit.compute(from.rowwise() - from_mean);
  const Eigen::MatrixXd map = fit.solve((to.rowwise() - to_mean).eval());
  Rows found = (judged.rowwise() - from_mean) * map;
  found.rowwise() += to_mean;
  return (found - wanted).norm() / varies;
}

}  // namespace

PositionCodes position_codes(const Position& position, const PositionInfo& info,
                             int64_t model_width, const AttentionSizes& sizes, int64_t positions) {
  PositionCodes codes;
  codes.positions = position.longest() > 0 ? std::min(position.longest(), positions) : positions;
  const int64_t count = codes.positions, heads = sizes.heads;
  std::vector<Tensor> parts;  // [count, ...]
  if (info.embeds) {
    parts.push_back(position.embed(filled({1, count, model_width}, 0), {}).value());
  }
  if (info.rotates) {
    const float unit = 1 / std::sqrt(static_cast<float>(sizes.head_width));
    const Var query = filled({1, count, heads, sizes.head_width}, unit);
    parts.push_back(position.rotate(query, Side::query, {}).value());
  }
  if (info.biases) {
    const ScoreBias bias = position.bias(1 - count, 0);
    Tensor turned({count, heads}, Tag::data);
    for (int64_t p = 0; p < count; ++p) {
      for (int64_t h = 0; h < heads; ++h) {
        turned.data()[p * heads + h] =
            bias.by_distance.data()[h * bias.by_distance.extent(1) + bias.zero - p];
      }
    }
    parts.push_back(turned);
  }
  for (const Tensor& part : parts) codes.width += part.size() / count;
  for (int64_t p = 0; p < count; ++p) {
    for (const Tensor& part : parts) {
      const int64_t width = part.size() / count;
      codes.values.insert(codes.values.end(), part.data() + p * width,
                          part.data() + (p + 1) * width);
    }
  }
  return codes;
}

PositionTraits position_traits(const PositionCodes& codes, int64_t positions) {
  PositionTraits traits{kNone, kNone, kNone, kNone, kNone, {}};
  traits.offset_residual.fill(kNone);
  if (codes.width == 0 || codes.positions < positions) return traits;
  check(std::ssize(codes.values) == codes.positions * codes.width, "codes [positions, width]");
  const Eigen::Map<const Rows> all(codes.values.data(), codes.positions, codes.width);
  if (!all.allFinite()) return traits;
  const Rows near = all.topRows(positions);
  traits.size = size_of(near);
  if (codes.positions >= 4 * positions && traits.size > 0) {
    traits.growth = size_of(all.topRows(4 * positions)) / traits.size;
  }
  compare_pairs(near, traits);
  traits.repeating_share = repeating_share(near);
  for (size_t i = 0; i < kPositionOffsets.size(); ++i) {
    if (kPositionOffsets[i] < codes.positions) {
      traits.offset_residual[i] = offset_residual(all, kPositionOffsets[i]);
    }
  }
  return traits;
}

double order_difference(ModelSetup setup, const Transformer& trained, int64_t length) {
  constexpr int64_t kVocabulary = 64;
  setup.vocabulary = kVocabulary;
  setup.model.kind = "encoder";
  setup.model.layers = 1;
  setup.model.head = "tied";
  const Transformer model(setup, ParameterSet(setup.seed));
  std::map<std::string, Var> own = variables_below("position.", model.parameters());
  for (const auto& [name, variable] : variables_below("position.", trained.parameters())) {
    const auto found = own.find(name);
    if (found == own.end()) continue;
    std::ranges::copy(variable.value().values(), found->second.value().values().begin());
  }
  RandomStream stream(setup.seed, Purpose::probe);
  const auto count = static_cast<size_t>(length);
  std::vector<int64_t> everywhere(count), order(count);
  std::iota(everywhere.begin(), everywhere.end(), int64_t{0});
  order = everywhere;
  for (size_t i = count; i > 1; --i) {
    std::swap(order[i - 1], order[static_cast<size_t>(stream.below(static_cast<int64_t>(i)))]);
  }
  std::vector<int32_t> words(count), permuted(count);
  for (int32_t& word : words) word = static_cast<int32_t>(stream.below(kVocabulary));
  for (size_t i = 0; i < count; ++i) permuted[i] = words[static_cast<size_t>(order[i])];
  const Var of_words = model.logits(words, 1, length, everywhere, {});
  const Var of_permuted = model.logits(permuted, 1, length, everywhere, {});
  double difference = 0, all = 0;
  for (int64_t i = 0; i < length; ++i) {
    const int64_t from = order[static_cast<size_t>(i)];
    for (int64_t v = 0; v < kVocabulary; ++v) {
      const double expected = of_words.data()[from * kVocabulary + v];
      difference += std::pow(of_permuted.data()[i * kVocabulary + v] - expected, 2);
      all += expected * expected;
    }
  }
  return std::sqrt(difference / all);
}

}  // namespace lengthwise
