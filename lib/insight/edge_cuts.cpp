#include "insight/edge_cuts.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.h"
#include "insight/attention_maps.h"
#include "insight/value_probe.h"
#include "kernels/rows.h"

namespace lengthwise {
namespace {

// o_i' = sum_{k != j} w_ik v_k  sum_k w_ik / sum_{k != j} w_ik. Summed anew: where nearly all
// weight is cut, a difference would leave nothing but rounding.
Var without(const AttentionInput& in, const Var& mixed, std::span<const double> all_weights,
            std::span<const Edge> edges, int64_t of_head) {
  const int64_t queries = in.q.extent(1), heads = in.q.extent(2), width = in.q.extent(3);
  const int64_t keys = in.k.extent(1), groups = in.k.extent(2);
  Tensor out = mixed.value().clone(Tag::activations);
  for (const Edge& edge : edges) {
    const int64_t b = edge.query / queries, cut = edge.key % keys;
    for (int64_t h = 0; h < heads; ++h) {
      if (of_head != kEvery && of_head != h) continue;
      const double* weights =
          all_weights.data() + ((b * heads + h) * queries + edge.query % queries) * keys;
      std::vector<double> sum(static_cast<size_t>(width));
      double rest = 0;
      for (int64_t k = 0; k < keys; ++k) {
        if (k == cut || weights[k] == 0) continue;
        rest += weights[k];
        const float* value = in.v.data() + ((b * keys + k) * groups + h / (heads / groups)) * width;
        for (int64_t d = 0; d < width; ++d) sum[static_cast<size_t>(d)] += weights[k] * value[d];
      }
      const double factor = rest == 0 ? 0 : (rest + weights[cut]) / rest;
      float* o = out.data() + (edge.query * heads + h) * width;
      for (int64_t d = 0; d < width; ++d) {
        o[d] = static_cast<float>(sum[static_cast<size_t>(d)] * factor);
      }
    }
  }
  return Var(out);
}

double accuracy_of(const Var& logits, std::span<const int32_t> targets) {
  const int64_t vocabulary = logits.extent(1);
  double right = 0;
  for (size_t n = 0; n < targets.size(); ++n) {
    const float* row = logits.data() + static_cast<int64_t>(n) * vocabulary;
    right += largest_in_row(row, vocabulary) == targets[n] ? 1 : 0;
  }
  return right / static_cast<double>(targets.size());
}

// In double: removals are compared that change a loss by less than a float tells apart.
std::vector<double> losses_of(const Var& logits, std::span<const int32_t> targets) {
  const int64_t vocabulary = logits.extent(1);
  std::vector<double> losses;
  for (size_t n = 0; n < targets.size(); ++n) {
    const float* row = logits.data() + static_cast<int64_t>(n) * vocabulary;
    const double most = row[largest_in_row(row, vocabulary)];
    double sum = 0;
    for (int64_t v = 0; v < vocabulary; ++v) sum += std::exp(static_cast<double>(row[v]) - most);
    losses.push_back(most + std::log(sum) - static_cast<double>(row[targets[n]]));
  }
  return losses;
}

std::vector<AttentionMap> maps_of(const Transformer& model, const LabelledTokens& rows) {
  std::vector<AttentionMap> maps;
  map_attention(model, rows.tokens, rows.batch, rows.length, {}, {},
                [&](AttentionMap map) { maps.push_back(std::move(map)); });
  return maps;
}

double weight_of(const AttentionMap& map, int64_t head, const Edge& edge) {
  const int64_t length = map.queries;
  return map.head(edge.query / length, head)
      .weights[static_cast<size_t>((edge.query % length) * map.keys + edge.key % length)];
}

std::vector<Edge> edges_to(std::span<const int64_t> queries, std::span<const int64_t> keys) {
  check_equal(queries.size(), keys.size(), "edges: a key for each label");
  std::vector<Edge> edges;
  for (size_t n = 0; n < queries.size(); ++n) edges.push_back({queries[n], keys[n]});
  return edges;
}

double mean_weight(const AttentionMap& map, int64_t head, std::span<const Edge> edges) {
  double sum = 0;
  for (const Edge& edge : edges) sum += weight_of(map, head, edge);
  return sum / static_cast<double>(edges.size());
}

// Ranks from 0; equal values share the mean of theirs.
std::vector<double> ranks_of(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t first = 0; first < order.size();) {
    size_t end = first;
    while (end < order.size() && values[order[end]] == values[order[first]]) ++end;
    for (size_t i = first; i < end; ++i) {
      ranks[order[i]] = static_cast<double>(first + end - 1) / 2;
    }
    first = end;
  }
  return ranks;
}

double rank_correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const std::vector<double> x = ranks_of(a), y = ranks_of(b);
  const double mean = static_cast<double>(x.size() - 1) / 2;
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
  }
  return xy / std::sqrt(xx * yy);
}

HeadRemoval summary_of(const AttentionMap& map, int64_t head, const std::vector<double>& weights,
                       const std::vector<double>& effects) {
  HeadRemoval removal{.layer = map.layer, .head = head};
  removal.rank_correlation = rank_correlation(weights, effects);
  std::array<double, HeadRemoval::kBins> counts{};
  for (size_t i = 0; i < weights.size(); ++i) {
    const auto bin = static_cast<size_t>(std::clamp(weights[i], 0.0, 0.999) * HeadRemoval::kBins);
    removal.effect[bin] += effects[i];
    ++counts[bin];
  }
  for (size_t bin = 0; bin < counts.size(); ++bin) removal.effect[bin] /= counts[bin];
  return removal;
}

// One to a row: the edges of another would reach it through the layers below.
LabelledTokens last_labels(const LabelledTokens& rows, std::vector<int64_t>& labelled,
                           std::vector<int32_t>& targets) {
  for (size_t n = 0; n < rows.labelled.size(); ++n) {
    const bool is_last = n + 1 == rows.labelled.size() ||
                         rows.labelled[n + 1] / rows.length != rows.labelled[n] / rows.length;
    if (!is_last) continue;
    labelled.push_back(rows.labelled[n]);
    targets.push_back(rows.targets[n]);
  }
  return {rows.tokens, rows.batch, rows.length, labelled, targets};
}

// Of a layer whose weights are known, since nothing is cut before it, they are not sought again.
Var cut_logits(const Transformer& model, const LabelledTokens& rows, std::span<const Edge> edges,
               int64_t layer, int64_t head, std::span<const double> known) {
  check(!is_recording(), "logits_without records nothing: found a recording");
  if (edges.empty()) {
    return model.logits(rows.tokens, rows.batch, rows.length, rows.labelled, {});
  }
  const MixObserver cut = [&](const MixedLayer& mixed) {
    if (layer != kEvery && mixed.layer != layer) return Var();
    const Var whole = mixed.attention.attend(mixed.in);
    if (!known.empty()) return without(mixed.in, whole, known, edges, head);
    const ValueProbe probe = probe_values(mixed.attention, mixed.in);
    return probe.why_none.empty() ? without(mixed.in, whole, probe.weights, edges, head) : whole;
  };
  ForwardPass pass;
  pass.observer = &cut;
  return model.logits(rows.tokens, rows.batch, rows.length, rows.labelled, pass);
}

}  // namespace

Var logits_without(const Transformer& model, const LabelledTokens& rows,
                   std::span<const Edge> edges, int64_t layer, int64_t head) {
  return cut_logits(model, rows, edges, layer, head, {});
}

Evidence evidence_of(const Transformer& model, const LabelledTokens& rows,
                     std::span<const int64_t> evidence, std::span<const int64_t> distractors) {
  const std::vector<Edge> to_evidence = edges_to(rows.labelled, evidence);
  const std::vector<Edge> to_distractors = edges_to(rows.labelled, distractors);
  const auto without_all = [&](std::span<const Edge> edges) {
    return accuracy_of(logits_without(model, rows, edges, kEvery, kEvery), rows.targets);
  };
  Evidence found{.accuracy = without_all({}), .accuracy_without = without_all(to_evidence)};
  for (const AttentionMap& map : maps_of(model, rows)) {
    const auto accuracy = [&](std::span<const Edge> edges, int64_t head) {
      return accuracy_of(cut_logits(model, rows, edges, map.layer, head, map.weights),
                         rows.targets);
    };
    for (int64_t h = 0; map.why_none.empty() && h < map.heads; ++h) {
      found.heads.push_back({.layer = map.layer,
                             .head = h,
                             .weight = mean_weight(map, h, to_evidence),
                             .distractor_weight = mean_weight(map, h, to_distractors),
                             .accuracy_without = accuracy(to_evidence, h),
                             .accuracy_without_distractor = accuracy(to_distractors, h)});
    }
  }
  return found;
}

std::vector<HeadRemoval> removal_of(const Transformer& model, const LabelledTokens& all_rows) {
  std::vector<int64_t> labelled;
  std::vector<int32_t> targets;
  const LabelledTokens rows = last_labels(all_rows, labelled, targets);
  std::vector<HeadRemoval> all;
  const std::vector<double> whole =
      losses_of(logits_without(model, rows, {}, kEvery, kEvery), rows.targets);
  for (const AttentionMap& map : maps_of(model, rows)) {
    for (int64_t h = 0; map.why_none.empty() && h < map.heads; ++h) {
      std::vector<double> weights, effects;
      for (int64_t key = 0; key < rows.length; ++key) {
        std::vector<Edge> edges;
        std::vector<size_t> labels;
        for (size_t n = 0; n < rows.labelled.size(); ++n) {
          const int64_t query = rows.labelled[n];
          if (key >= map.visible[static_cast<size_t>(query)]) continue;
          edges.push_back({query, query / rows.length * rows.length + key});
          labels.push_back(n);
        }
        if (edges.empty()) continue;
        const std::vector<double> cut =
            losses_of(cut_logits(model, rows, edges, map.layer, h, map.weights), rows.targets);
        for (size_t i = 0; i < edges.size(); ++i) {
          weights.push_back(weight_of(map, h, edges[i]));
          effects.push_back(std::abs(cut[labels[i]] - whole[labels[i]]));
        }
      }
      all.push_back(summary_of(map, h, weights, effects));
    }
  }
  return all;
}

}  // namespace lengthwise
