// Traits of matrices whose singular values and eigenvalues are known by hand.
#include "insight/weight_maps.h"

#include <gtest/gtest.h>

#include <cmath>

#include "laws/probe.h"
#include "nn/transformer.h"

namespace lengthwise {
namespace {

constexpr double kNear = 1e-12;

std::vector<double> identity(int64_t size) {
  std::vector<double> values(static_cast<size_t>(size * size), 0.0);
  for (int64_t i = 0; i < size; ++i) values[static_cast<size_t>(i * size + i)] = 1;
  return values;
}

MapTraits traits_of(const std::vector<double>& matrix, int64_t size) {
  return traits_of_product(matrix, identity(size), size, size);
}

// Twice the turning of three axes into each other, whose eigenvalues are the cube roots of 1.
TEST(WeightMaps, ARotationSharesEveryDirectionAlikeAndCopiesNothing) {
  const MapTraits traits = traits_of({0, 2, 0, 0, 0, 2, 2, 0, 0}, 3);
  EXPECT_NEAR(traits.largest, 2, kNear);
  EXPECT_NEAR(traits.participation_ratio, 3, kNear);
  EXPECT_NEAR(traits.rotation_share, 1, kNear);
  EXPECT_NEAR(traits.symmetric_share, 0.5, kNear);
  EXPECT_NEAR(traits.copying_share, 0, kNear);
}

// u v^T: one singular value |u||v|, one eigenvalue u.v.
TEST(WeightMaps, AMatrixOfRankOneHasOneDirection) {
  const MapTraits traits = traits_of_product(std::vector<double>{3, 0, 4, 0, 0, 0},
                                             std::vector<double>{2, 0, 0, 0, 0, 0}, 3, 2);
  EXPECT_NEAR(traits.largest, 10, kNear);
  EXPECT_NEAR(traits.participation_ratio, 1, kNear);
  EXPECT_NEAR(traits.rotation_share, 0.5, kNear);
  EXPECT_NEAR(traits.symmetric_share, (1 + 0.36) / 2, kNear);
  EXPECT_NEAR(traits.copying_share, 1, kNear);
}

TEST(WeightMaps, ASymmetricMatrixCopiesWhereItsEigenvaluesArePositive) {
  const MapTraits positive = traits_of({3, 0, 0, 1}, 2), mixed = traits_of({3, 0, 0, -1}, 2);
  EXPECT_NEAR(positive.participation_ratio, 100.0 / 82, kNear);
  EXPECT_NEAR(positive.rotation_share, 0.8, kNear);
  EXPECT_NEAR(positive.symmetric_share, 1, kNear);
  EXPECT_NEAR(positive.copying_share, 1, kNear);
  EXPECT_NEAR(mixed.rotation_share, 0.8, kNear);
  EXPECT_NEAR(mixed.copying_share, 0.5, kNear);
  EXPECT_NEAR(traits_of({-3, 0, 0, -1}, 2).copying_share, -1, kNear);
}

// Eigenvalues i and -i.
TEST(WeightMaps, AnAntisymmetricMatrixHasNoSymmetricPart) {
  const MapTraits traits = traits_of({0, 5, -5, 0}, 2);
  EXPECT_NEAR(traits.symmetric_share, 0, kNear);
  EXPECT_NEAR(traits.copying_share, 0, kNear);
  EXPECT_NEAR(traits.rotation_share, 1, kNear);
}

TEST(WeightMaps, OfZeroThereIsNothingToSay) {
  const MapTraits traits = traits_of({0, 0, 0, 0}, 2);
  EXPECT_EQ(traits.largest, 0);
  EXPECT_TRUE(std::isnan(traits.participation_ratio));
  EXPECT_TRUE(std::isnan(traits.copying_share));
}

ModelSetup model_of(const std::string& attention) {
  ModelSetup setup;
  setup.model.width = 16;
  setup.model.heads = 4;
  setup.model.key_value_heads = 2;
  setup.vocabulary = 11;
  setup.attention = attention;
  setup.position = "none";
  setup.seed = 3;
  return setup;
}

// M [16,16] of one head, column blocks against row blocks, in plain loops.
std::vector<double> product_of(const Transformer& model, const std::string& left, int64_t from,
                               const std::string& right, int64_t right_from, bool turned) {
  const auto values = [&](const std::string& name) {
    for (const Parameter& p : model.parameters()) {
      if (p.name == "layers.1." + name + ".weight") return p.variable.value();
    }
    return Tensor();
  };
  const Tensor a = values(left), b = values(right);
  std::vector<double> product(16 * 16, 0.0);
  for (int64_t i = 0; i < 16; ++i) {
    for (int64_t j = 0; j < 16; ++j) {
      for (int64_t d = 0; d < 4; ++d) {
        const float of_b = turned ? b.data()[j * b.extent(1) + right_from + d]
                                  : b.data()[(right_from + d) * b.extent(1) + j];
        product[static_cast<size_t>(i * 16 + j)] +=
            static_cast<double>(a.data()[i * a.extent(1) + from + d]) * static_cast<double>(of_b);
      }
    }
  }
  return product;
}

// Head 3 of 4 reads the second of two heads of keys and values.
TEST(WeightMaps, OfAModelAreThoseOfItsHeadsBlocks) {
  const Transformer model(model_of("flash"), ParameterSet(3));
  const std::vector<WeightMap> maps = weight_maps(model.parameters(), 4);
  ASSERT_EQ(maps.size(), 2U * 4 * 2);
  const MapTraits scores = traits_of(product_of(model, "query", 12, "key", 4, true), 16);
  const MapTraits writes = traits_of(product_of(model, "value", 4, "output", 12, false), 16);
  for (const WeightMap& map : maps) {
    if (map.layer != 1 || map.head != 3) continue;
    const bool looks = map.kind == WeightMapKind::query_key;
    const MapTraits& expected = looks ? scores : writes;
    EXPECT_NEAR(map.traits.largest, expected.largest, 1e-9);
    EXPECT_NEAR(map.traits.participation_ratio, expected.participation_ratio, 1e-9);
    // Four singular values of sixteen are not 0, which the factors of width 4 know.
    EXPECT_NEAR(map.traits.rotation_share, 4 * expected.rotation_share, 1e-6);
    EXPECT_NEAR(map.traits.symmetric_share, expected.symmetric_share, 1e-9);
    EXPECT_NEAR(map.traits.copying_share, expected.copying_share, 1e-6);
  }
}

TEST(WeightMaps, AreThereWhereTheMatricesAre) {
  ModelSetup setup = model_of("no_weights");
  EXPECT_TRUE(weight_maps(Transformer(setup, ParameterSet(3)).parameters(), 4).empty());
  setup = model_of("flash");
  setup.model.key_value_heads = 0;
  setup.model.projections = "v";
  const auto maps = weight_maps(Transformer(setup, ParameterSet(3)).parameters(), 4);
  ASSERT_EQ(maps.size(), 2U * 4);
  for (const WeightMap& map : maps) EXPECT_EQ(map.kind, WeightMapKind::value_output);
}

}  // namespace
}  // namespace lengthwise
