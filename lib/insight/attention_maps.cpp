#include "insight/attention_maps.h"

#include <cmath>

#include "base/check.h"
#include "insight/value_probe.h"

namespace lengthwise {
namespace {

// [B,T]. Padding is no query: of self-attention past the keys, across past the target's end.
std::vector<int64_t> visible_of(const MixedLayer& layer, std::span<const int64_t> row_lengths) {
  const AttentionInput& in = layer.in;
  const int64_t batch = in.q.extent(0), queries = in.q.extent(1), keys = in.k.extent(1);
  const std::span<const int64_t> real = layer.across ? row_lengths : in.mask.keys;
  std::vector<int64_t> visible;
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t i = 0; i < queries; ++i) {
      const bool is_padding = !real.empty() && i >= real[static_cast<size_t>(b)];
      visible.push_back(is_padding ? 0 : in.mask.visible(b, i, keys));
    }
  }
  return visible;
}

// Over the tokens that are no padding.
double root_mean_square(const Var& stream, std::span<const int64_t> visible) {
  const int64_t width = stream.extent(2);
  double sum = 0;
  int64_t count = 0;
  for (size_t token = 0; token < visible.size(); ++token) {
    if (visible[token] == 0) continue;
    const float* row = stream.data() + static_cast<int64_t>(token) * width;
    for (int64_t c = 0; c < width; ++c) sum += static_cast<double>(row[c]) * row[c];
    count += width;
  }
  return std::sqrt(sum / static_cast<double>(count));
}

}  // namespace

HeadWeights AttentionMap::head(int64_t row, int64_t head) const {
  check(why_none.empty(), "a head of a map without weights");
  const auto size = static_cast<size_t>(queries * keys);
  return {
      std::span(weights).subspan(static_cast<size_t>(row * heads + head) * size, size), queries,
      keys,
      std::span(visible).subspan(static_cast<size_t>(row * queries), static_cast<size_t>(queries))};
}

std::vector<HeadWeights> AttentionMap::heads_of(int64_t row) const {
  std::vector<HeadWeights> all;
  for (int64_t h = 0; h < heads; ++h) all.push_back(head(row, h));
  return all;
}

HeadSummary AttentionMap::summary(int64_t of_head) const {
  std::vector<HeadSummary> rows;
  for (int64_t b = 0; b < batch; ++b) rows.push_back(summarise(head(b, of_head)));
  return mean_of(rows);
}

void map_attention(const Transformer& model, std::span<const int32_t> tokens, int64_t batch,
                   int64_t length, ForwardPass pass, const MapOptions& options,
                   const std::function<void(AttentionMap)>& use) {
  check(!is_recording(), "map_attention records nothing: found a recording");
  const MixObserver observer = [&](const MixedLayer& layer) {
    const AttentionInput& in = layer.in;
    ValueProbe probe = probe_values(layer.attention, in);
    AttentionMap map;
    map.role = layer.across ? "cross" : in.mask.causal ? "decoder" : "encoder";
    map.layer = layer.layer;
    map.variant = layer.part.variant->info.name;
    map.batch = batch;
    map.heads = in.q.extent(2);
    map.queries = in.q.extent(1);
    map.keys = in.k.extent(1);
    map.weights = std::move(probe.weights);
    map.why_none = std::move(probe.why_none);
    map.visible = visible_of(layer, pass.row_lengths);
    map.stream_size = root_mean_square(layer.stream, map.visible);
    if (options.against_definition && map.why_none.empty()) {
      const std::vector<double> exact = defined_weights(
          layer.part, in, variables_below(std::string(layer.parameters) + ".", model.parameters()));
      if (!exact.empty()) map.exact_error = weights_error(map.weights, exact);
    }
    use(std::move(map));
    return Var();
  };
  pass.observer = &observer;
  const int64_t last[] = {batch * length - 1};
  (void)model.logits(tokens, batch, length, last, pass);
}

}  // namespace lengthwise
