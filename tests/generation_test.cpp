// What a model writes token by token is what full passes say, whoever else is in the batch.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "base/parallel.h"
#include "generation/generate.h"
#include "laws/probe.h"
#include "tests/generation_cases.h"
#include "train/trainer.h"

namespace lengthwise {
namespace {

using testing::ElementsAre;

// Every pair of a variant that decodes and a scheme; where a variant cannot take another role of an
// encoder_decoder, `full` does.
std::vector<ModelSetup> every_setup(const std::string& kind) {
  std::vector<ModelSetup> setups;
  for (const AttentionVariant& variant : attention_variants()) {
    if (!variant.info.decodable) continue;
    for (const PositionScheme& scheme : position_schemes()) {
      ModelSetup setup =
          writing_model(kind, std::string(variant.info.name), std::string(scheme.info.name));
      OptionValues options;
      if (!variant.info.size_option.empty()) options.emplace(variant.info.size_option, "4");
      setup.attention_options = {options};
      if (setup.model.has_source()) {
        setup.decoder_attention = setup.attention;
        setup.decoder_options = setup.attention_options;
        if (!why_not_across(variant.info).empty()) setup.cross_attention = "full";
        if (!why_refused(variant.info, /*causal=*/false).empty()) {
          setup.attention = "full";
          setup.attention_options = {};
        }
      }
      const ModelPatterns patterns(setup);
      if (why_refused(setup.model, patterns, scheme.info).empty()) setups.push_back(setup);
    }
  }
  return setups;
}

std::string text_of(const ModelSetup& setup) {
  return fmt::format("{} {} {} {}", setup.model.kind, setup.attention, setup.decoder_attention,
                     setup.position);
}

void expect_likeliest(const Transformer& model, const Prompts& prompts, size_t row,
                      const Generated& written) {
  Tokens before;
  double log_probability = 0;
  for (const int32_t token : written.tokens) {
    const std::vector<double> next = next_by_full_pass(model, prompts, row, before);
    EXPECT_EQ(token, std::ranges::max_element(next) - next.begin()) << "token " << before.size();
    log_probability += next[static_cast<size_t>(token)];
    before.push_back(token);
  }
  EXPECT_NEAR(written.log_probability, log_probability, 1e-3);
}

TEST(Generation, GreedyIsTheArgmaxOfFullPassesForEveryVariant) {
  const PoisonedBuffers poisoned;
  size_t models = 0, changes = 0;
  std::set<int32_t> different;
  for (const char* kind : {"decoder", "encoder_decoder"}) {
    for (const ModelSetup& setup : every_setup(kind)) {
      SCOPED_TRACE(text_of(setup));
      const Transformer model(setup, ParameterSet(setup.seed));
      const Prompts prompts = writing_prompts(setup.model);
      const std::vector<Generated> written = generate(model, prompts, {.most_tokens = 6});
      for (size_t row = 0; row < written.size(); ++row) {
        EXPECT_EQ(written[row].tokens.size(), 6U);
        EXPECT_FALSE(written[row].ended);
        expect_likeliest(model, prompts, row, written[row]);
        different.insert(written[row].tokens.begin(), written[row].tokens.end());
        for (size_t i = 1; i < 6; ++i) {
          changes += written[row].tokens[i] != written[row].tokens[i - 1] ? 1 : 0;
        }
      }
      ++models;
    }
  }
  EXPECT_GT(models, 2 * attention_variants().size());
  EXPECT_GT(different.size(), 8U);
  EXPECT_GT(changes, 3 * models);  // of fifteen in each
}

TEST(Generation, PromptsOfABatchGiveWhatEachAloneGives) {
  for (const char* kind : {"decoder", "encoder_decoder"}) {
    for (const ModelSetup& setup : every_setup(kind)) {
      SCOPED_TRACE(text_of(setup));
      const Transformer model(setup, ParameterSet(setup.seed));
      const Prompts prompts = writing_prompts(setup.model);
      GenerationOptions options{
          .most_tokens = 8, .end = 4, .sampling = SamplingOptions{.temperature = 0.8}, .seed = 2};
      const std::vector<Generated> together = generate(model, prompts, options);
      for (size_t row = 0; row < together.size(); ++row) {
        options.first_stream = row;
        const Generated alone = generate(model, one_of(prompts, row), options).front();
        EXPECT_EQ(alone.tokens, together[row].tokens);
        EXPECT_EQ(alone.ended, together[row].ended);
        EXPECT_EQ(alone.log_probability, together[row].log_probability);
      }
    }
  }
}

TEST(Generation, StopsAtTheEndOrAtTheLength) {
  const ModelSetup setup = writing_model("decoder", "full", "sinusoidal");
  const Transformer model(setup, ParameterSet(setup.seed));
  const Prompts prompts = writing_prompts(setup.model);
  const Tokens all = generate(model, one_of(prompts, 0), {.most_tokens = 12}).front().tokens;
  ASSERT_EQ(all.size(), 12U);
  const int32_t end = all[5];
  const auto before = static_cast<size_t>(std::ranges::find(all, end) - all.begin());
  std::vector<std::pair<size_t, int32_t>> came;
  std::vector<size_t> over;
  const GenerationHooks hooks{
      .token_came = [&](size_t row, int32_t token) { came.emplace_back(row, token); },
      .row_is_over = [&](size_t row, const Generated&) { over.push_back(row); }};
  const Generated written =
      generate(model, one_of(prompts, 0), {.most_tokens = 12, .end = end}, hooks).front();
  EXPECT_TRUE(written.ended);
  EXPECT_EQ(written.tokens, Tokens(all.begin(), all.begin() + static_cast<ptrdiff_t>(before)));
  EXPECT_EQ(came.size(), before);
  EXPECT_THAT(over, ElementsAre(0U));
  // The end's own probability counts.
  double log_probability = 0;
  Tokens so_far;
  for (size_t i = 0; i <= before; ++i) {
    log_probability += next_by_full_pass(model, prompts, 0, so_far)[static_cast<size_t>(all[i])];
    so_far.push_back(all[i]);
  }
  EXPECT_NEAR(written.log_probability, log_probability, 1e-3);
  const Generated one = generate(model, one_of(prompts, 0), {.most_tokens = 1}).front();
  EXPECT_EQ(one.tokens, Tokens(all.begin(), all.begin() + 1));
}

TEST(Generation, TheSameSeedDrawsTheSameWithAnyThreads) {
  const ModelSetup setup = writing_model("encoder_decoder", "flash", "rotary");
  const Transformer model(setup, ParameterSet(setup.seed));
  const auto draw = [&](uint64_t seed, int threads) {
    set_thread_count(threads);
    const std::vector<Generated> rows =
        generate(model, writing_prompts(setup.model),
                 {.most_tokens = 20, .sampling = SamplingOptions{}, .seed = seed});
    set_thread_count(0);
    std::vector<std::pair<Tokens, double>> all;
    for (const Generated& row : rows) all.emplace_back(row.tokens, row.log_probability);
    return all;
  };
  EXPECT_EQ(draw(1, 1), draw(1, 1));
  EXPECT_EQ(draw(1, 1), draw(1, 2));
  EXPECT_NE(draw(1, 1), draw(2, 1));
}

// Rows with the same prompt have streams of their own.
TEST(Generation, EqualPromptsAreAnsweredByTheirProbabilities) {
  const ModelSetup setup = writing_model("decoder", "full", "none");
  const Transformer model(setup, ParameterSet(setup.seed));
  const Prompts prompts{std::vector<Tokens>(500, Tokens{3, 1}), -1};
  const std::vector<double> next = next_by_full_pass(model, prompts, 0, {});
  std::vector<double> found(next.size());
  for (const Generated& row :
       generate(model, prompts, {.most_tokens = 1, .sampling = SamplingOptions{}, .seed = 3})) {
    ++found[static_cast<size_t>(row.tokens.front())];
  }
  for (size_t token = 0; token < next.size(); ++token) {
    const double p = std::exp(next[token]);
    EXPECT_NEAR(found[token] / 500, p, 4 * std::sqrt(p * (1 - p) / 500) + 1e-3) << token;
  }
}

TEST(Generation, AStateGoesOnFromTheRowsThatAreSelected) {
  for (const char* kind : {"decoder", "encoder_decoder"}) {
    for (const ModelSetup& setup : every_setup(kind)) {
      SCOPED_TRACE(text_of(setup));
      const Transformer model(setup, ParameterSet(setup.seed));
      auto [state, logits] = start_decoding(model, writing_prompts(setup.model), 5);
      const std::vector<int64_t> rows = {2, 0, 0, 1};
      ModelState chosen = state.select(rows);
      const Var expected = take_tokens(model, state, Tokens{7, 2, 5});
      const Var found = take_tokens(model, chosen, Tokens{5, 7, 7, 2});
      for (size_t i = 0; i < rows.size(); ++i) {
        const auto same = [&](const Var& of, size_t row) {
          return as_doubles(logits_of_row(of, row));
        };
        EXPECT_LT(relative_error(same(found, i), same(expected, static_cast<size_t>(rows[i]))),
                  1e-5);
      }
    }
  }
}

// Teacher forcing counts an example as right where every label is: what the model writes by itself
// is then the target.
TEST(Generation, AnswersAreExactWhereTeacherForcingSaysSo) {
  const auto task = task_entry("reverse").make_source_form({{"alphabet", "4"}});
  ModelSetup setup = writing_model("encoder_decoder", "full", "sinusoidal");
  setup.model.initial_deviation = 0.1;
  setup.model.heads = 2;
  setup.model.layers = 1;
  setup.vocabulary = task->vocabulary();
  Transformer model(setup, ParameterSet(1));
  TrainRequest request;
  request.options.steps = 300;
  request.options.batch = 16;
  request.options.learning_rate = 1e-2;
  request.length = 5;
  ASSERT_FALSE(train(model, *task, request).diverged);
  constexpr int64_t kExamples = 60;
  const Batch batch = task->evaluation_batch(0, 5, 0, kExamples);
  Prompts prompts;
  prompts.begin = 4;
  for (int64_t row = 0; row < kExamples; ++row) {
    const auto source = batch.source.begin() + row * batch.source_length;
    prompts.rows.emplace_back(source, source + batch.source_length);
  }
  int64_t right = 0;
  const std::vector<Generated> written = generate(model, prompts, {.most_tokens = 8, .end = 5});
  for (int64_t row = 0; row < kExamples; ++row) {
    Tokens expected(prompts.rows[static_cast<size_t>(row)].begin(),
                    prompts.rows[static_cast<size_t>(row)].end() - 1);
    std::ranges::reverse(expected);
    const Generated& answer = written[static_cast<size_t>(row)];
    right += answer.ended && answer.tokens == expected ? 1 : 0;
  }
  const LengthScore score = evaluate(model, *task, 0, 5, kExamples);
  EXPECT_DOUBLE_EQ(static_cast<double>(right) / kExamples, score.all.exact_match);
  EXPECT_GT(right, kExamples / 2);
}

}  // namespace
}  // namespace lengthwise
