#include "experiments/runner/run_config.h"

#include <algorithm>

#include "base/check.h"
#include "base/config_keys.h"
#include "base/hash.h"

namespace lengthwise {
namespace {

// Reads an option and then writes down, in canonical form, what it is.
class OptionResolver final : public OptionVisitor {
 public:
  OptionResolver(const OptionValues& values, const std::string& prefix) : reader_(values, prefix) {}
  void integer(std::string_view n, int64_t& v, IntegerRange r, std::string_view h) override {
    reader_.integer(n, v, r, h);
    describer_.integer(n, v, r, h);
  }
  void number(std::string_view n, double& v, NumberRange r, std::string_view h) override {
    reader_.number(n, v, r, h);
    describer_.number(n, v, r, h);
  }
  void choice(std::string_view n, std::string& v, std::initializer_list<std::string_view> a,
              std::string_view h) override {
    reader_.choice(n, v, a, h);
    describer_.choice(n, v, a, h);
  }
  void flag(std::string_view n, bool& v, std::string_view h) override {
    reader_.flag(n, v, h);
    describer_.flag(n, v, h);
  }
  void text(std::string_view n, std::string& v, std::string_view h) override {
    reader_.text(n, v, h);
    describer_.text(n, v, h);
  }
  void integers(std::string_view n, std::vector<int64_t>& v, IntegerRange r,
                std::string_view h) override {
    reader_.integers(n, v, r, h);
    describer_.integers(n, v, r, h);
  }
  const std::vector<OptionDescription>& resolved() const {
    reader_.refuse_unknown();
    return describer_.descriptions;
  }

 private:
  OptionReader reader_;
  OptionDescriber describer_;
};

// The values whose keys begin with this prefix, without it.
OptionValues below(const OptionValues& values, const std::string& prefix) {
  OptionValues part;
  for (const auto& [key, value] : values) {
    if (key.starts_with(prefix)) part.emplace(key.substr(prefix.size()), value);
  }
  return part;
}

// These decide which runs of a sweep train, and nothing of a run that does or does not.
bool says_who_trains(std::string_view key) {
  return key == "train.lengths" || key == "train.seeds";
}

// Keys that are newer than runs that were recorded, and their values where they say nothing: then
// they stand in no config, so that those runs keep their texts and ids.
constexpr std::pair<std::string_view, std::string_view> kNewerKeys[] = {
    {"measure", "all"},         {"train.examples", "0"},
    {"eval.weights", "last"},   {"eval.attention", "false"},
    {"eval.evidence", "false"}, {"eval.removal", "false"},
    {"eval.geometry", "false"}, {"measure_positions", "false"},
    {"model.gelu", "erf"},      {"model.embedding_scale", "root_width"},
    {"model.residual", "true"}, {"model.projections", "qkv"},
    {kWeightsKey, ""}};

bool says_nothing(const std::pair<std::string, std::string>& line) {
  return std::any_of(std::begin(kNewerKeys), std::end(kNewerKeys), [&](const auto& newer) {
    return line.first == newer.first && line.second == newer.second;
  });
}

bool is_among(int64_t value, const std::vector<int64_t>& chosen) {
  return chosen.empty() || std::find(chosen.begin(), chosen.end(), value) != chosen.end();
}

// Keys of the plug-ins, the model and the training stand under prefixes of their own.
OptionValues top_level(const OptionValues& values) {
  OptionValues part;
  for (const auto& [key, value] : values) {
    const bool of_run = says_who_trains(key) || is_decoder_variant(key) || key == kWeightsKey ||
                        key.starts_with("eval.") || key.starts_with("match.");
    if (key.find('.') == std::string::npos || of_run) part.emplace(key, value);
  }
  return part;
}

using Resolved = std::vector<std::pair<std::string, std::string>>;

template <class Visit>
OptionValues resolve_part(const OptionValues& values, const std::string& prefix, const Visit& visit,
                          Resolved& resolved) {
  OptionResolver resolver(values, prefix);
  visit(resolver);
  OptionValues part;
  for (const OptionDescription& option : resolver.resolved()) {
    part.emplace(option.name, option.default_value);
    resolved.emplace_back(prefix + option.name, option.default_value);
  }
  return part;
}

void describe_part(const std::string& prefix, const std::function<void(OptionVisitor&)>& visit,
                   std::vector<OptionDescription>& all) {
  OptionDescriber describer;
  visit(describer);
  for (OptionDescription& option : describer.descriptions) {
    option.name = prefix + option.name;
    all.push_back(std::move(option));
  }
}

template <class Options>
void describe_options_at(const std::string& prefix, std::vector<OptionDescription>& all) {
  describe_part(
      prefix, [](OptionVisitor& v) { Options().visit(v); }, all);
}

// "16+64" are the values of an option in the parts of a pattern that are of this variant. The plus
// of an exponent, as in 1e+4, belongs to its number.
std::vector<std::string> values_of_parts(const std::string& key, const std::string& text,
                                         size_t parts) {
  std::vector<std::string> values = {""};
  for (size_t i = 0; i < text.size(); ++i) {
    const bool exponent = i > 1 && (text[i - 1] == 'e' || text[i - 1] == 'E') &&
                          text[i - 2] >= '0' && text[i - 2] <= '9';
    if (parts > 1 && text[i] == '+' && !exponent) {
      values.emplace_back();
    } else {
      values.back() += text[i];
    }
  }
  if (values.size() == 1) values.resize(parts, values.front());
  if (values.size() != parts) {
    user_error("{}: found {} values in '{}', expected 1 or {}, for the parts of the pattern", key,
               values.size(), text, parts);
  }
  return values;
}

// The options of the parts of this pattern that are of one variant, in their order.
std::vector<OptionValues> resolve_variant(const OptionValues& values, const std::string& name,
                                          size_t parts, Resolved& resolved) {
  const std::string prefix = "attention." + name + ".";
  std::vector<OptionValues> given(parts);
  for (const auto& [key, text] : below(values, prefix)) {
    const std::vector<std::string> split = values_of_parts(prefix + key, text, parts);
    for (size_t i = 0; i < parts; ++i) given[i].emplace(key, split[i]);
  }
  std::vector<OptionValues> all;
  std::vector<Resolved> lines(parts);
  const auto& visit = attention_variant(name).options;
  for (size_t i = 0; i < parts; ++i) {
    all.push_back(resolve_part(given[i], prefix, visit, lines[i]));
  }
  for (size_t line = 0; line < lines.front().size(); ++line) {
    std::string joined = lines.front()[line].second;
    const bool same = std::all_of(lines.begin(), lines.end(), [&](const Resolved& part) {
      return part[line].second == joined;
    });
    for (size_t i = 1; !same && i < parts; ++i) joined += "+" + lines[i][line].second;
    resolved.emplace_back(lines.front()[line].first, joined);
  }
  return all;
}

// The options of each part. What the config says of a variant stands in it once.
std::vector<OptionValues> resolve_attention(const OptionValues& values, const std::string& text,
                                            Resolved& resolved) {
  const std::vector<std::string> names = pattern_names(text);
  std::vector<OptionValues> options(names.size());
  for (size_t first = 0; first < names.size(); ++first) {
    std::vector<size_t> places;
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i] == names[first]) places.push_back(i);
    }
    if (places.front() != first) continue;
    const auto parts = resolve_variant(values, names[first], places.size(), resolved);
    for (size_t i = 0; i < places.size(); ++i) options[places[i]] = parts[i];
  }
  return options;
}

}  // namespace

std::vector<OptionDescription> known_keys() {
  std::vector<OptionDescription> all;
  describe_options_at<RunOptions>("", all);
  describe_options_at<ModelOptions>("model.", all);
  describe_options_at<TrainOptions>("train.", all);
  describe_options_at<TuneOptions>("tune.", all);
  const auto describe_registered = [&](const char* kind, const auto& entries) {
    for (const auto& entry : entries) {
      describe_part(fmt::format("{}.{}.", kind, entry.info.name), entry.options, all);
    }
  };
  describe_registered("attention", attention_variants());
  describe_registered("position", position_schemes());
  describe_registered("task", tasks());
  return all;
}

namespace {

// The config text keeps `batch` as given: it is one setting of all lengths, as batch_tokens is.
void apply_batch_tokens(RunOptions& run) {
  if (run.batch_tokens == 0) return;
  if (run.batch != 1) {
    user_error("batch: found {} beside batch_tokens = {}, expected one of them", run.batch,
               run.batch_tokens);
  }
  if (run.batch_tokens % run.length != 0) {
    user_error("batch_tokens: found {}, expected a multiple of length {}", run.batch_tokens,
               run.length);
  }
  run.batch = run.batch_tokens / run.length;
}

// The variants of every role. What the config says of a variant holds wherever it attends, and
// stands in the text once. A model without a source does not read the keys of the others.
void resolve_variants(const OptionValues& values, RunConfig& config) {
  RunOptions& run = config.run;
  Resolved& resolved = config.resolved;
  config.attention_options = resolve_attention(values, run.attention, resolved);
  if (!config.model.has_source()) {
    run.decoder_attention = run.cross_attention = "";
    std::erase_if(resolved, [](const auto& line) { return is_decoder_variant(line.first); });
    return;
  }
  const auto resolve_other = [&](const std::string& name, std::vector<OptionValues>& options) {
    if (name.empty()) return;
    Resolved own;
    options = resolve_attention(values, name, own);
    for (auto& line : own) {
      if (std::find(resolved.begin(), resolved.end(), line) == resolved.end()) {
        resolved.push_back(std::move(line));
      }
    }
  };
  resolve_other(run.decoder_attention, config.decoder_options);
  resolve_other(run.cross_attention, config.cross_options);
  for (auto& [key, value] : resolved) {
    if (is_decoder_variant(key) && value.empty()) value = run.attention;
  }
}

}  // namespace

RunConfig resolve_run(const OptionValues& values) {
  RunConfig config;
  Resolved& resolved = config.resolved;
  const auto visitor = [](auto& options) { return [&](OptionVisitor& v) { options.visit(v); }; };
  resolve_part(top_level(values), "", visitor(config.run), resolved);
  apply_batch_tokens(config.run);
  OptionValues model = below(values, "model.");
  model.erase("weights");
  resolve_part(model, "model.", visitor(config.model), resolved);
  OptionValues train = below(values, "train.");
  std::erase_if(train, [](const auto& value) { return says_who_trains("train." + value.first); });
  resolve_part(train, "train.", visitor(config.train), resolved);
  config.trains = config.train.steps > 0 && is_among(config.run.length, config.run.train_lengths) &&
                  is_among(config.run.seed, config.run.train_seeds);
  resolve_part(below(values, "tune."), "tune.", visitor(config.tune), resolved);
  if (config.tune.steps == 0) {
    std::erase_if(resolved, [](const auto& line) { return line.first.starts_with("tune."); });
  }
  const auto plug_in = [&](const std::string& kind, const auto& entry) {
    const std::string prefix = fmt::format("{}.{}.", kind, entry.info.name);
    return resolve_part(below(values, prefix), prefix, entry.options, resolved);
  };
  resolve_variants(values, config);
  config.position_options = plug_in("position", position_scheme(config.run.position));
  config.task_options = plug_in("task", task_entry(config.run.task));
  std::erase_if(resolved, says_nothing);
  return config;
}

ModelSetup RunConfig::model_setup(int64_t vocabulary) const {
  return {.model = model,
          .vocabulary = vocabulary,
          .attention = run.attention,
          .position = run.position,
          .attention_options = attention_options,
          .position_options = position_options,
          .seed = static_cast<uint64_t>(run.seed),
          .decoder_attention = run.decoder_attention,
          .cross_attention = run.cross_attention,
          .decoder_options = decoder_options,
          .cross_options = cross_options};
}

TaskForm RunConfig::task_form() const {
  const TaskEntry& entry = task_entry(run.task);
  const bool reads_source = entry.make_source_form && (model.has_source() || !entry.make);
  return reads_source ? TaskForm::source_target : TaskForm::sequence;
}

std::unique_ptr<Task> RunConfig::make_task() const {
  const TaskEntry& entry = task_entry(run.task);
  return task_form() == TaskForm::source_target ? entry.make_source_form(task_options)
                                                : entry.make(task_options);
}

BatchSizes RunConfig::batch_sizes(int64_t batch, int64_t length, int64_t labelled) const {
  return {batch, length, labelled, train.checkpoint == "layer", model.has_source() ? length : 0};
}

std::string RunConfig::text_without_paths() const {
  return text_where([](std::string_view key) { return is_path(key); });
}

std::string RunConfig::text_where(bool (*left_out)(std::string_view key)) const {
  std::string text;
  for (const auto& [key, value] : resolved) {
    if (left_out != nullptr && left_out(key)) continue;
    const bool is_asked = match.key.empty() || (key != match.key && key != "match");
    text += key + " = " + (is_asked ? value : key == "match" ? "none" : match.value) + "\n";
  }
  return text;
}

uint64_t RunConfig::id(uint64_t data_hash) const {
  std::string named = fmt::format("schema {}\ndata {:016x}\n", kSchemaVersion, data_hash);
  for (const auto& [key, value] : resolved) {
    const bool is_read = key.starts_with("eval.") ? scores() : trains;
    if ((is_of_training(key) && !is_read) || says_who_trains(key) || is_path(key)) continue;
    if (key == "match.reference" && run.match == "none") continue;
    if (key == "batch_tokens" && run.batch_tokens == 0) continue;
    named += key + " = " + value + "\n";
  }
  return hash_text(named);
}

}  // namespace lengthwise
