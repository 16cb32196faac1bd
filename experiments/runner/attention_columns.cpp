#include "experiments/runner/attention_columns.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "train/score.h"

namespace lengthwise {
namespace {

using Place = std::tuple<std::string, int64_t, int64_t>;  // role, layer, head

Place place_of(const AttentionAtLength::Head& head) { return {head.role, head.layer, head.head}; }

// What every example adds, by head, in the order in which a pass comes to them.
struct Examples {
  std::vector<AttentionAtLength::Head> heads;
  std::map<Place, std::vector<HeadSummary>> summaries;
  std::map<Place, double> stream_sizes;  // summed

  void add(const Transformer& model, const Batch& batch) {
    ForwardPass pass;
    pass.source = source_of(batch);
    // A target is over with its last label; what fills its row up is nobody's query.
    const std::vector<int64_t> target_lengths = {batch.labelled.back() + 1};
    if (batch.source_length > 0) pass.row_lengths = target_lengths;
    map_attention(model, batch.tokens, batch.batch, batch.length, pass, {},
                  [&](const AttentionMap& map) {
                    for (int64_t h = 0; h < map.heads; ++h) {
                      add({map.role, map.layer, h,
                           map.why_none.empty() ? map.summary(h) : HeadSummary(), map.stream_size});
                    }
                  });
  }

 private:
  void add(const AttentionAtLength::Head& head) {
    std::vector<HeadSummary>& all = summaries[place_of(head)];
    if (all.empty()) heads.push_back(head);
    all.push_back(head.summary);
    stream_sizes[place_of(head)] += head.stream_size;
  }
};

// Every value of one kind, in order of first appearance, and sorted where it is a number.
template <class Value>
std::vector<Value> values_of(const std::vector<AttentionAtLength>& lengths,
                             Value AttentionAtLength::Head::*member) {
  std::vector<Value> values;
  for (const AttentionAtLength& at : lengths) {
    for (const AttentionAtLength::Head& head : at.heads) {
      if (std::find(values.begin(), values.end(), head.*member) == values.end()) {
        values.push_back(head.*member);
      }
    }
  }
  if constexpr (!std::is_same_v<Value, std::string>) std::sort(values.begin(), values.end());
  return values;
}

}  // namespace

AttentionAtLength attention_at(const Transformer& model, const Task& task, uint64_t seed,
                               int64_t length, int64_t examples) {
  Examples found;
  for (int64_t i = 0; i < std::min(examples, kAttentionExamples); ++i) {
    const Batch batch = task.evaluation_batch(seed, length, i, 1);
    if (!batch.labelled.empty()) found.add(model, batch);
  }
  AttentionAtLength at{length, found.heads};
  for (AttentionAtLength::Head& head : at.heads) {
    const std::vector<HeadSummary>& all = found.summaries.at(place_of(head));
    head.summary = mean_of(all);
    head.stream_size = found.stream_sizes.at(place_of(head)) / static_cast<double>(all.size());
  }
  return at;
}

void add_head_coordinates(TableBuilder& table, const std::vector<std::string>& roles,
                          const std::vector<int64_t>& heads) {
  table.text_coordinate("role", roles, "encoder, decoder, or cross: the decoder over a source");
  table.integer_coordinate("head", heads, "1", kHeadName);
}

void add_attention(TableBuilder& table, std::vector<AttentionAtLength> lengths) {
  if (lengths.empty()) return;
  lengths = by_length(std::move(lengths));
  const auto roles = values_of(lengths, &AttentionAtLength::Head::role);
  const auto heads = values_of(lengths, &AttentionAtLength::Head::head);
  add_head_coordinates(table, roles, heads);
  const int64_t layers = table.table.dimensions.at("layer");
  using Heads = std::vector<int64_t>;
  const auto numbers = [&](const Heads& of, auto value) {
    Column::Numbers values;
    for (const AttentionAtLength& at : lengths) {
      std::map<Place, double> there;
      for (const auto& head : at.heads) there.emplace(place_of(head), value(head));
      for (const std::string& role : roles) {
        for (int64_t layer = 0; layer < layers; ++layer) {
          for (const int64_t head : of) {
            const auto place = there.find({role, layer, head});
            values.push_back(place == there.end() ? kAbsent : place->second);
          }
        }
      }
    }
    return values;
  };
  const auto column = [&](const std::string& name, double HeadSummary::*member,
                          const std::string& units, const std::string& long_name) {
    table.numbers(name, {"test_length", "role", "layer", "head"},
                  numbers(heads, [&](const auto& head) { return head.summary.*member; }), units,
                  long_name + ", mean over a few validation examples");
  };
  column("attention_entropy", &HeadSummary::entropy, "1", "entropy of a query's weights, nats");
  column("attention_distance", &HeadSummary::distance, "token",
         "distance of a query to its keys, by weight");
  table.numbers("stream_size", {"test_length", "role", "layer"},
                numbers(Heads{0}, [](const auto& head) { return head.stream_size; }), "1",
                "root mean square of what enters a layer, mean over a few validation examples");
}

}  // namespace lengthwise
