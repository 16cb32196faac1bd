#include "experiments/runner/generate_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/check.h"
#include "experiments/runner/generate_options.h"
#include "experiments/runner/model_command.h"
#include "experiments/runner/units.h"
#include "generation/beam_search.h"

namespace lengthwise {
namespace {

constexpr size_t kRowsAtOnce = 32;

struct Answer {
  Generated best;
  std::vector<Hypothesis> beams;  // of a search, the best among them
};

// One prompt's tokens go out as they come, answers to several in the prompts' order.
class Printer {
 public:
  Printer(const GenerateOptions& options, const SavedModel& saved)
      : options_(options), saved_(saved), texts_(options.prompts.size()) {}

  void token_came(int32_t token) {
    if (options_.json || texts_.size() > 1) return;
    write((wrote_ ? saved_.text.between : "") + saved_.text.write(token));
    wrote_ = true;
  }
  void answer_came(size_t prompt, const Answer& answer) {
    if (options_.json) return;
    const Generated& best = answer.best;
    texts_[prompt] = (wrote_ ? "" : saved_.text.text(best.tokens)) + "\n";
    for (; next_ < texts_.size() && !texts_[next_].empty(); ++next_) write(texts_[next_]);
    if (!best.ended && saved_.text.end >= 0) {
      fmt::print(stderr, "prompt {}: no end within {} tokens\n", prompt + 1, best.tokens.size());
    }
  }

 private:
  static void write(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
        std::fflush(stdout) != 0) {
      user_error("generate: found that the output cannot be written, expected a reader");
    }
  }

  const GenerateOptions& options_;
  const SavedModel& saved_;
  std::vector<std::string> texts_;  // of answers that are there
  size_t next_ = 0;
  bool wrote_ = false;
};

std::vector<Answer> search(const GenerateOptions& options, const SavedModel& saved,
                           const GenerationPlan& plan, Printer& printer) {
  const BeamOptions beams{.width = options.beams,
                          .length_exponent = options.length_exponent,
                          .most_tokens = plan.most_tokens,
                          .end = saved.text.end};
  std::vector<Answer> answers;
  for (const Tokens& source : plan.prompts.rows) {
    Answer answer;
    answer.beams = beam_search(*saved.model, source, plan.prompts.begin, beams);
    const Hypothesis& best = answer.beams.front();
    answer.best = {best.tokens, best.ended, best.log_probability};
    printer.answer_came(answers.size(), answer);
    answers.push_back(std::move(answer));
  }
  return answers;
}

std::vector<Answer> write_on(const GenerateOptions& options, const SavedModel& saved,
                             const GenerationPlan& plan, Printer& printer) {
  std::vector<Answer> answers;
  const std::vector<Tokens>& rows = plan.prompts.rows;
  for (size_t first = 0; first < rows.size(); first += kRowsAtOnce) {
    const size_t end = std::min(rows.size(), first + kRowsAtOnce);
    Prompts some;
    some.begin = plan.prompts.begin;
    some.rows.assign(rows.begin() + static_cast<std::ptrdiff_t>(first),
                     rows.begin() + static_cast<std::ptrdiff_t>(end));
    const GenerationHooks hooks{
        .token_came = [&](size_t, int32_t token) { printer.token_came(token); },
        .row_is_over =
            [&](size_t row, const Generated& generated) {
              printer.answer_came(first + row, {generated, {}});
            }};
    for (Generated& generated : generate(*saved.model, some,
                                         {.most_tokens = plan.most_tokens,
                                         .end = saved.text.end,
                                         .sampling = options.sampling,
                                         .seed = static_cast<uint64_t>(options.seed),
                                         .first_stream = first},
                                         hooks)) {
      answers.push_back({std::move(generated), {}});
    }
  }
  return answers;
}

nlohmann::json answers_json(const GenerateOptions& options, const SavedModel& saved,
                            const GenerationPlan& plan, const std::vector<Answer>& answers) {
  nlohmann::json json = model_json(options.checkpoint, saved);
  json["most_tokens"] = plan.most_tokens;
  if (options.sampling) {
    json["sampling"] = {{"temperature", options.sampling->temperature},
                        {"top_k", options.sampling->top_k},
                        {"top_p", options.sampling->top_p},
                        {"seed", options.seed}};
  }
  if (options.beams > 0) {
    json["beams"] = {{"width", options.beams}, {"length_exponent", options.length_exponent}};
  }
  for (size_t i = 0; i < answers.size(); ++i) {
    const auto& [best, beams] = answers[i];
    nlohmann::json answer = {{"prompt", options.prompts[i].text},
                             {"prompt_tokens", plan.prompts.rows[i]},
                             {"text", saved.text.text(best.tokens)},
                             {"tokens", best.tokens},
                             {"ended", best.ended},
                             {"log_probability", best.log_probability}};
    for (const Hypothesis& beam : beams) {
      answer["beams"].push_back({{"text", saved.text.text(beam.tokens)},
                                 {"tokens", beam.tokens},
                                 {"ended", beam.ended},
                                 {"log_probability", beam.log_probability},
                                 {"score", beam.score}});
    }
    json["answers"].push_back(std::move(answer));
  }
  return json;
}

void answer_prompts(const GenerateOptions& options) {
  const SavedModel saved = load_model(options.checkpoint);
  const GenerationPlan plan = plan_generation(options, saved);
  Printer printer(options, saved);
  const std::vector<Answer> answers = options.beams > 0 ? search(options, saved, plan, printer)
                                                        : write_on(options, saved, plan, printer);
  if (options.json) print_json(answers_json(options, saved, plan, answers));
}

}  // namespace

int generate_command(const std::vector<std::string>& arguments) {
  const GenerateOptions options = parse_generate_options(arguments);
  if (options.help) {
    fmt::print("lengthwise generate --checkpoint FILE --prompt TEXT [--option value ...]\n\n{}",
               describe_generate_options());
    return 0;
  }
  run_on_model("generate", options.threads, "fewer --tokens or shorter prompts",
               [&] { answer_prompts(options); });
  return 0;
}

}  // namespace lengthwise
