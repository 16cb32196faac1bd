#include "experiments/runner/attention_file.h"

#include <algorithm>

#include "base/check.h"
#include "build_info.h"
#include "experiments/runner/attention_columns.h"

namespace lengthwise {
namespace {

constexpr const char* kTitle = "Lengthwise attention";

constexpr SummaryNumber kSummaryNumbers[] = {
    {"entropy", "1", "entropy of a query's weights, nats", &HeadSummary::entropy},
    {"entropy_share", "1", "the same, of the logarithm of the keys that it sees",
     &HeadSummary::entropy_share},
    {"distance", "token", "distance of a query to its keys, by weight", &HeadSummary::distance},
    {"diagonal", "1", "share of weight on the key at the query's own place",
     &HeadSummary::diagonal},
    {"first", "1", "share of weight on the first key", &HeadSummary::first},
    {"top1", "1", "share of weight on the key that gets most of all queries", &HeadSummary::top1},
    {"top5", "1", "share of weight on the five keys that get most of all queries",
     &HeadSummary::top5},
    {"negative", "1", "share of weight that is negative", &HeadSummary::negative},
    {"least_sum", "1", "least sum of a query's weights", &HeadSummary::least_sum},
    {"most_sum", "1", "largest sum of a query's weights", &HeadSummary::most_sum}};

// Where the values of one input stand in columns over role, layer, head, query and key.
class Places {
 public:
  Places(const AttentionOf& found, std::optional<int64_t> head) : chosen_(head) {
    int64_t most_heads = 0;
    for (const AttentionMap& map : found.maps) {
      add(roles, map.role);
      add(layers, map.layer);
      most_heads = std::max(most_heads, map.heads);
      queries = std::max(queries, map.queries);
      keys = std::max(keys, map.keys);
    }
    std::sort(layers.begin(), layers.end());
    for (int64_t h = 0; h < most_heads; ++h) {
      if (is_chosen(h)) heads.push_back(h);
    }
  }
  bool is_chosen(int64_t head) const { return !chosen_ || *chosen_ == head; }
  int64_t role(const std::string& name) const { return find(roles, name); }
  /// Of role and layer in [role, layer].
  int64_t layer(const std::string& of_role, int64_t number) const {
    return role(of_role) * std::ssize(layers) + find(layers, number);
  }
  int64_t head(const AttentionMap& map, int64_t number) const {
    return layer(map.role, map.layer) * std::ssize(heads) + find(heads, number);
  }

  std::vector<std::string> roles;
  std::vector<int64_t> layers, heads;
  int64_t queries = 0, keys = 0;

 private:
  template <class Value>
  static void add(std::vector<Value>& values, const Value& value) {
    if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
  }
  template <class Value>
  static int64_t find(const std::vector<Value>& values, const Value& value) {
    return std::find(values.begin(), values.end(), value) - values.begin();
  }
  std::optional<int64_t> chosen_;
};

Column::Numbers absent(int64_t count) {
  return Column::Numbers(static_cast<size_t>(count), kAbsent);
}

std::vector<int64_t> counted(int64_t count) {
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < count; ++i) numbers.push_back(i);
  return numbers;
}

// The rows of a matrix [T,S] into one [queries, keys] that begins at this place.
void put_rows(std::span<const double> rows, int64_t width, const Places& places, int64_t place,
              Column::Numbers& values) {
  const int64_t height = std::ssize(rows) / width;
  for (int64_t i = 0; i < height; ++i) {
    std::copy_n(rows.begin() + i * width, width,
                values.begin() + (place * places.queries + i) * places.keys);
  }
}

void add_coordinates(TableBuilder& t, const Places& places) {
  t.integer_coordinate("layer", places.layers, "1", kLayerName);
  add_head_coordinates(t, places.roles, places.heads);
  t.integer_coordinate("query", counted(places.queries), "1", "place of the token that looks");
  t.integer_coordinate("key", counted(places.keys), "1", "place of the token that is looked at");
}

void add_weights(TableBuilder& t, const AttentionOf& found, const Places& places) {
  const int64_t layers = std::ssize(places.roles) * std::ssize(places.layers);
  const int64_t heads = layers * std::ssize(places.heads), pairs = places.queries * places.keys;
  Column::Numbers weights = absent(heads * pairs), rollout = absent(layers * pairs),
                  error = absent(layers);
  Column::Texts variant(static_cast<size_t>(layers)), why_none(static_cast<size_t>(layers));
  std::vector<Column::Numbers> summaries(std::size(kSummaryNumbers), absent(heads));
  for (const AttentionMap& map : found.maps) {
    const auto layer = static_cast<size_t>(places.layer(map.role, map.layer));
    variant[layer] = map.variant;
    why_none[layer] = map.why_none;
    error[layer] = map.exact_error;
    for (int64_t h = 0; h < map.heads && map.why_none.empty(); ++h) {
      if (!places.is_chosen(h)) continue;
      const int64_t place = places.head(map, h);
      put_rows(map.head(0, h).weights, map.keys, places, place, weights);
      const HeadSummary summary = map.summary(h);
      for (size_t i = 0; i < summaries.size(); ++i) {
        summaries[i][static_cast<size_t>(place)] = summary.*kSummaryNumbers[i].member;
      }
    }
  }
  for (const Rollout& rolled : found.rollouts) {
    const auto& chosen = places.layers;
    if (std::find(chosen.begin(), chosen.end(), rolled.layer) == chosen.end()) continue;
    put_rows(rolled.weights, rolled.tokens, places, places.layer(rolled.role, rolled.layer),
             rollout);
  }
  t.numbers("weights", {"role", "layer", "head", "query", "key"}, std::move(weights), "1",
            "weight that a query gives to the value of a key");
  t.numbers("rollout", {"role", "layer", "query", "key"}, std::move(rollout), "1",
            "attention rollout over the layers up to this one (arXiv:2005.00928)");
  for (size_t i = 0; i < summaries.size(); ++i) {
    const auto& [name, units, long_name, member] = kSummaryNumbers[i];
    t.numbers(name, {"role", "layer", "head"}, std::move(summaries[i]), units, long_name);
  }
  t.numbers("exact_error", {"role", "layer"}, std::move(error), "1",
            "largest difference of a weight from that of the variant's definition");
  t.texts("variant", {"role", "layer"}, std::move(variant), "attention variant");
  t.texts("why_none", {"role", "layer"}, std::move(why_none), "why there are no weights");
}

void add_tokens(TableBuilder& t, const SavedModel& saved, const AttentionOf& found,
                const Places& places) {
  Column::Texts queries(places.roles.size() * static_cast<size_t>(places.queries)),
      keys(places.roles.size() * static_cast<size_t>(places.keys));
  const auto put = [&](const Tokens& tokens, int64_t place, Column::Texts& texts) {
    std::transform(tokens.begin(), tokens.end(), texts.begin() + place,
                   [&](int32_t token) { return saved.text.write(token); });
  };
  const auto& [source, tokens] = std::pair(found.reading.source, found.reading.tokens);
  for (const std::string& role : places.roles) {
    const bool of_source = role == "encoder" && !source.empty();
    const int64_t place = places.role(role);
    put(of_source ? source : tokens, place * places.queries, queries);
    put(of_source || role == "cross" ? source : tokens, place * places.keys, keys);
  }
  t.texts("query_token", {"role", "query"}, std::move(queries), "token that looks");
  t.texts("key_token", {"role", "key"}, std::move(keys), "token that is looked at");
  t.text("input", found.reading.input, "what the model read");
  t.text("target", found.reading.target, "what it read after that, or wrote itself");
}

void add_provenance(TableBuilder& t, const SavedModel& saved, const std::string& checkpoint) {
  t.text("checkpoint", checkpoint, "file that the model came from");
  t.text("run_id", saved.run_id, "hash of what can change a recorded number of its training");
  t.integer("train_steps", saved.steps, "1", "optimizer steps taken");
  t.text("config", saved.config.text(), "resolved configuration of its training");
  t.text("trained_by", saved.commit, "commit of the source that trained it");
  t.text("version", kVersion, "version of the program");
  t.text("commit", kCommit, "commit of the source");
  t.flags("dirty", kDirty ? 1 : 0, {"clean", "dirty"}, "uncommitted changes in the source");
}

}  // namespace

std::vector<Rollout> rollouts_of(const std::vector<AttentionMap>& maps) {
  std::vector<Rollout> all;
  std::vector<std::string> broken;  // roles of which a layer has no weights
  for (const AttentionMap& map : maps) {
    if (map.role == "cross" || std::find(broken.begin(), broken.end(), map.role) != broken.end()) {
      continue;
    }
    if (!map.why_none.empty()) {
      broken.push_back(map.role);
      continue;
    }
    const auto below = std::find_if(
        all.rbegin(), all.rend(), [&](const Rollout& rollout) { return rollout.role == map.role; });
    const std::vector<double> first;
    all.push_back({map.role, map.layer, map.queries,
                   roll_out(map.heads_of(0), below == all.rend() ? first : below->weights)});
  }
  return all;
}

std::span<const SummaryNumber> summary_numbers() { return kSummaryNumbers; }

Table attention_table(const SavedModel& saved, const std::string& checkpoint,
                      const std::vector<AttentionOf>& all, std::optional<int64_t> head) {
  std::vector<Table> rows;
  for (const AttentionOf& found : all) {
    TableBuilder t;
    t.table.dimensions["run"] = 1;
    t.table.attributes = {{"title", kTitle},
                          {"Conventions", "CF-1.8"},
                          {"source", std::string("lengthwise ") + kVersion}};
    const Places places(found, head);
    add_coordinates(t, places);
    add_tokens(t, saved, found, places);
    add_weights(t, found, places);
    add_provenance(t, saved, checkpoint);
    rows.push_back(std::move(t.table));
  }
  return rows.size() == 1 ? rows.front() : merge_tables(rows);
}

void check_replaceable(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return;
  std::string title;
  try {
    const std::vector<std::string> few = {"run_id"};
    const Table there = read_columns(path, few);
    const auto found = there.attributes.find("title");
    if (found != there.attributes.end()) title = found->second;
  } catch (const UserError&) {
    title.clear();
  }
  if (title == kTitle) return;
  user_error("-o: found '{}', which is there and holds something else, expected a new path",
             path.string());
}

}  // namespace lengthwise
