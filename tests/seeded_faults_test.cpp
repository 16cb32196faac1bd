// The laws can fail: each seeded fault breaks the law that is named for it, every law is broken by
// some fault, and the same loops without a fault break none.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>
#include <span>

#include "laws/law.h"
#include "tests/plain_attention.h"
#include "tests/plain_rotation.h"

namespace lengthwise {
namespace {

using Broken = std::map<std::string, std::string>;  // law -> its first failure
using Names = std::vector<std::string>;             // of laws; none: all of them

void add_broken(const LawResult& result, Broken& broken) {
  if (!result.holds()) broken.emplace(result.law, result.failure);
}

template <class AnyLaw>
std::vector<AnyLaw> among(std::span<const AnyLaw> laws, const Names& names) {
  std::vector<AnyLaw> found;
  for (const AnyLaw& law : laws) {
    const bool is_named = std::find(names.begin(), names.end(), law.name) != names.end();
    if (names.empty() || is_named) found.push_back(law);
  }
  return found;
}

Broken broken_by(const AttentionVariant& variant, const Names& names) {
  Broken broken;
  for (const AttentionLaw& law : among(attention_laws(), names)) {
    add_broken(try_law(law, variant), broken);
  }
  for (const ModelLaw& law : among(model_laws(), names)) {
    for (const char* scheme : {"none", "alibi"}) {
      add_broken(try_law(law, {{&variant}}, position_scheme(scheme)), broken);
    }
  }
  return broken;
}

Broken broken_by(const PositionScheme& scheme, const Names& names) {
  Broken broken;
  for (const PositionLaw& law : among(position_laws(), names)) {
    add_broken(try_law(law, scheme), broken);
  }
  for (const ModelLaw& law : among(model_laws(), names)) {
    add_broken(try_law(law, {{&attention_variant("full")}}, scheme), broken);
  }
  return broken;
}

struct SeededFault {
  std::string name;
  Names laws;  // that it must break; it may break others too
  std::function<Broken(const Names&)> run;
  friend void PrintTo(const SeededFault& fault, std::ostream* out) { *out << fault.name; }
};

template <Fault kFault>
SeededFault in_attention(std::string name, Names laws) {
  return {std::move(name), std::move(laws), [](const Names& names) {
            return broken_by(describe_attention<PlainAttention<kFault>>(), names);
          }};
}

template <PositionFault kFault>
SeededFault in_position(std::string name, Names laws) {
  return {std::move(name), std::move(laws), [](const Names& names) {
            return broken_by(describe_position<PlainRotation<kFault>>(), names);
          }};
}

std::vector<SeededFault> seeded_faults() {
  return {
      in_attention<Fault::sees_one_more>("MaskOffByOne", {"causality", "causal_gradient"}),
      in_attention<Fault::leaks_at_tile_edge>("LeakThroughATilesEdge", {"causality"}),
      in_attention<Fault::lacks_scale>("ScoresWithoutScale", {"definition"}),
      in_attention<Fault::narrow_offset>("OffsetInTooFewBits", {"definition"}),
      in_attention<Fault::mixes_rows>("ScoresOfAnotherRow", {"rows"}),
      in_attention<Fault::hangs_on_batch>("ScoresOfTheBatchSize", {"batch"}),
      in_attention<Fault::hangs_on_row_number>("ScoresOfTheRowNumber", {"row_order"}),
      in_attention<Fault::ignores_padding>(
          "PaddingIsSeen",
          {"padding", "cross_padding", "model_padding", "encoder_decoder_padding"}),
      in_attention<Fault::prefers_early_keys>("OrderNotDeclared", {"permutation"}),
      in_attention<Fault::reads_query_alone>("ScoresOfMoreThanQK", {"shift"}),
      in_attention<Fault::answers_unseen>("AnswerFromNoKey", {"unseen"}),
      in_attention<Fault::leaves_tail>("TailNeverWritten", {"written"}),
      in_attention<Fault::sums_by_thread>("SumCutByThreads", {"threads"}),
      in_attention<Fault::lacks_mean_in_slope>("SlopeMissesATerm",
                                               {"gradient", "encoder_decoder_slope"}),
      in_attention<Fault::lacks_last_tile>("SlopeMissesTheLastTile", {"gradient"}),
      in_attention<Fault::lacks_grouped_slope>("SharedKeyMissesHeads", {"gradient"}),
      in_attention<Fault::overwrites_gradient>("GradientOverwritten", {"accumulation"}),
      in_attention<Fault::sends_slope_ahead>("SlopeSentAhead", {"causal_gradient"}),
      in_attention<Fault::stale_cache>("StaleCache",
                                       {"decode", "model_decode", "encoder_decoder_decode"}),
      in_attention<Fault::no_bias_in_decode>("BiasDroppedInDecoding", {"decode", "model_decode"}),
      in_attention<Fault::counts_pairs_twice>("WrongFlopFormula",
                                              {"cost", "model_cost", "encoder_decoder_cost"}),
      in_attention<Fault::hides_saved_bytes>("SavedBytesNotPredicted", {"cost", "model_cost"}),
      in_attention<Fault::hides_workspace>("WorkspaceNotPredicted", {"cost"}),
      in_attention<Fault::larger_state>("WrongStateSize", {"decode_cost"}),
      in_attention<Fault::remembers_calls>("AnotherAnswerWhenRunAgain",
                                           {"model_checkpoint", "encoder_decoder_checkpoint"}),
      in_attention<Fault::hides_reach>("ReachesFurtherThanSaid", {"reach"}),
      in_attention<Fault::bends_values>("OutputsNotLinearInValues", {"values"}),
      in_attention<Fault::leaks_channels>("ChannelsOfAHeadAreMixed", {"values"}),
      in_attention<Fault::hangs_on_queries>("ScoresOfTheNumberOfQueries", {"cross_pieces"}),
      in_attention<Fault::first_key_counts>("AnothersFirstKeyCountsMore", {"cross_order"}),
      in_position<PositionFault::turns_too_fast>("AnglesOfAnotherRate", {"position_definition"}),
      in_position<PositionFault::turns_by_square>("AnglesNotRelative", {"position_shift"}),
      in_position<PositionFault::forgets_first>("PieceBeginsAtZeroAgain",
                                                {"position_offset", "model_decode"}),
      in_position<PositionFault::slope_not_turned>("SlopeNotTurnedBack", {"position_gradient"}),
      in_position<PositionFault::hangs_on_threads>("AnglesHangOnThreads", {"position_threads"}),
      in_position<PositionFault::bias_by_range>("BiasOfTheRangeAskedFor",
                                                {"position_definition", "position_offset"}),
  };
}

class SeededFaults : public testing::TestWithParam<SeededFault> {};

TEST_P(SeededFaults, BreakTheLawsThatAreNamedForThem) {
  // Wrapped offsets of two threads meet: that they do is the fault, and a data race.
  if (GetParam().name == "OffsetInTooFewBits") set_thread_count(1);
  const Broken broken = GetParam().run(GetParam().laws);
  for (const std::string& law : GetParam().laws) EXPECT_TRUE(broken.contains(law)) << law;
  set_thread_count(0);
}

INSTANTIATE_TEST_SUITE_P(Fault, SeededFaults, testing::ValuesIn(seeded_faults()),
                         [](const auto& test) { return test.param.name; });

TEST(Laws, NonePassesAllSeededFaults) {
  std::set<std::string> broken;
  for (const SeededFault& fault : seeded_faults()) {
    broken.insert(fault.laws.begin(), fault.laws.end());
  }
  const auto expect_broken = [&](const auto& laws) {
    for (const auto& law : laws) {
      EXPECT_TRUE(broken.contains(std::string(law.name))) << "no fault breaks " << law.name;
    }
  };
  expect_broken(attention_laws());
  expect_broken(position_laws());
  expect_broken(model_laws());
}

TEST(Laws, HoldOfTheSameLoopsWithoutAFault) {
  EXPECT_THAT(broken_by(describe_attention<PlainAttention<Fault::none>>(), {}), testing::IsEmpty());
  EXPECT_THAT(broken_by(describe_position<PlainRotation<PositionFault::none>>(), {}),
              testing::IsEmpty());
}

}  // namespace
}  // namespace lengthwise
