#include "insight/value_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/difference.h"
#include "base/random.h"
#include "nn/definition.h"

namespace lengthwise {
namespace {

struct Extents {
  int64_t batch, queries, heads, width, keys, groups;

  explicit Extents(const AttentionInput& in)
      : batch(in.q.extent(0)),
        queries(in.q.extent(1)),
        heads(in.q.extent(2)),
        width(in.q.extent(3)),
        keys(in.v.extent(1)),
        groups(in.v.extent(2)) {}
};

// weights(b,h,i,first + d) = o(b,i,h,d): the answer to values of which key first + d alone has a 1,
// in channel d.
template <class Output>
void take_weights(const Extents& n, int64_t first, const Output& output,
                  std::vector<double>& weights) {
  const int64_t channels = std::min(n.width, n.keys - first);
  for (int64_t b = 0; b < n.batch; ++b) {
    for (int64_t h = 0; h < n.heads; ++h) {
      for (int64_t i = 0; i < n.queries; ++i) {
        const auto row = static_cast<size_t>(((b * n.heads + h) * n.queries + i) * n.keys + first);
        for (int64_t d = 0; d < channels; ++d) {
          weights[row + static_cast<size_t>(d)] =
              static_cast<double>(output[((b * n.queries + i) * n.heads + h) * n.width + d]);
        }
      }
    }
  }
}

template <class Values>
void set_unit_values(const Extents& n, int64_t first, Values* values) {
  std::fill_n(values, n.batch * n.keys * n.groups * n.width, Values(0));
  for (int64_t b = 0; b < n.batch; ++b) {
    for (int64_t d = 0; d < std::min(n.width, n.keys - first); ++d) {
      for (int64_t g = 0; g < n.groups; ++g) {
        values[((b * n.keys + first + d) * n.groups + g) * n.width + d] = Values(1);
      }
    }
  }
}

std::vector<double> mixed(const Attention& attention, AttentionInput in, const Tensor& values) {
  in.v = Var(values);
  const Var out = attention.attend(in);
  return {out.value().values().begin(), out.value().values().end()};
}

Tensor drawn_values(const Shape& shape, uint64_t seed) {
  Tensor values(shape, Tag::workspace);
  RandomStream stream(seed, Purpose::probe);
  for (float& value : values.values()) value = static_cast<float>(stream.normal());
  return values;
}

// o(b,i,h,:) = sum over j of weights(b,h,i,j) v(b,j,g,:)
std::vector<double> weighted_sums(const Extents& n, const std::vector<double>& weights,
                                  const Tensor& values) {
  std::vector<double> outputs(static_cast<size_t>(n.batch * n.queries * n.heads * n.width));
  for (int64_t b = 0; b < n.batch; ++b) {
    for (int64_t h = 0; h < n.heads; ++h) {
      const int64_t g = h / (n.heads / n.groups);
      for (int64_t i = 0; i < n.queries; ++i) {
        const double* row = weights.data() + ((b * n.heads + h) * n.queries + i) * n.keys;
        double* out = outputs.data() + ((b * n.queries + i) * n.heads + h) * n.width;
        for (int64_t j = 0; j < n.keys; ++j) {
          if (row[j] == 0) continue;
          const float* value = values.data() + ((b * n.keys + j) * n.groups + g) * n.width;
          for (int64_t d = 0; d < n.width; ++d) out[d] += row[j] * double{value[d]};
        }
      }
    }
  }
  return outputs;
}

// Why outputs to these values, the layer's own and drawn ones, are no weighted sums of them.
std::string reason(const Attention& attention, const AttentionInput& in, const Tensor& own,
                   const Tensor& drawn, double misfit) {
  const std::vector<double> of_own = mixed(attention, in, own);
  const std::vector<double> of_drawn = mixed(attention, in, drawn);
  const auto finite = [](double value) { return std::isfinite(value); };
  if (!std::ranges::all_of(of_own, finite)) return "its outputs are not finite";
  if (of_own == of_drawn) {
    return "does not mix the values of its heads: its outputs depend on the layer's input alone";
  }
  constexpr float kOfOwn = 2, kOfDrawn = -3;
  Tensor sum(own.shape(), Tag::workspace);
  for (int64_t i = 0; i < sum.size(); ++i) {
    sum.data()[i] = kOfOwn * own.data()[i] + kOfDrawn * drawn.data()[i];
  }
  std::vector<double> expected(of_own.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    expected[i] = kOfOwn * of_own[i] + kOfDrawn * of_drawn[i];
  }
  const double error = relative_error(mixed(attention, in, sum), expected);
  if (error > kMisfitAllowed) {
    return fmt::format(
        "is not linear in its values: a sum of values is mixed otherwise than its "
        "terms, by {:.1e} of the largest output",
        error);
  }
  return fmt::format(
      "no weight of a pair serves all channels of a head: outputs are off by {:.1e} "
      "of the largest",
      misfit);
}

}  // namespace

ValueProbe probe_values(const Attention& attention, const AttentionInput& in) {
  check_equal(in.dropout.rate, 0.0, "probe_values: dropout");
  const RecordingPause pause;
  const Extents n(in);
  ValueProbe probe;
  probe.weights.resize(static_cast<size_t>(n.batch * n.heads * n.queries * n.keys));
  Tensor units(in.v.shape(), Tag::workspace);
  for (int64_t first = 0; first < n.keys; first += n.width) {
    set_unit_values(n, first, units.data());
    take_weights(n, first, mixed(attention, in, units), probe.weights);
  }
  const Tensor& own = in.v.value();
  const Tensor drawn = drawn_values(own.shape(), 1);
  for (const Tensor* values : {&own, &drawn}) {
    probe.misfit = std::max(probe.misfit, relative_error(weighted_sums(n, probe.weights, *values),
                                                         mixed(attention, in, *values)));
  }
  if (probe.misfit <= kMisfitAllowed) return probe;
  probe.why_none = reason(attention, in, own, drawn, probe.misfit);
  probe.weights.clear();
  return probe;
}

std::vector<double> defined_weights(const AttentionPart& part, const AttentionInput& in,
                                    const std::map<std::string, Var>& parameters) {
  if (!part.variant->define) return {};
  const Extents n(in);
  std::vector<double> weights(static_cast<size_t>(n.batch * n.heads * n.queries * n.keys));
  auto definition = definition_of<double>(in, parameters);
  for (int64_t first = 0; first < n.keys; first += n.width) {
    set_unit_values(n, first, definition.values.data.data());
    part.variant->define(definition, part.options);
    take_weights(n, first, definition.outputs.data, weights);
  }
  return weights;
}

double weights_error(const std::vector<double>& found, const std::vector<double>& expected) {
  const Difference d = difference_of(found, expected);
  return d.worst / std::max(1.0, d.largest);
}

}  // namespace lengthwise
