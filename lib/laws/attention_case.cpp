#include "laws/attention_case.h"

#include "base/random.h"
#include "laws/law.h"

namespace lengthwise {
namespace {

bool projects(const AttentionVariant& variant) {
  return variant.info.projection == Projection::query_key_value;
}

AttentionSizes sizes_of(const AttentionVariant& variant, const AttentionCase& c) {
  const int64_t width = c.heads * c.head_width;
  AttentionSizes s{c.batch, c.queries, c.keys, c.heads, c.groups, c.head_width, width, c.causal, 1};
  if (!projects(variant)) {
    s.heads = s.key_value_heads = 1;
    s.head_width = width;
  }
  return s;
}

}  // namespace

std::string AttentionCase::text(const OptionValues& options) const {
  std::string text =
      fmt::format("T={} S={} B={} H={} G={} D={} {}{}", queries, keys, batch, heads, groups,
                  head_width, causal ? "causal" : "bidirectional", biased ? " biased" : "");
  if (!real_keys.empty()) text += fmt::format(" ragged {}", fmt::join(real_keys, ","));
  return text + options_text(options);
}

std::vector<bool> masks_of(const AttentionVariant& variant) {
  std::vector<bool> masks;
  if (variant.info.causal) masks.push_back(true);
  if (variant.info.bidirectional) masks.push_back(false);
  return masks;
}

AttentionProbe::AttentionProbe(const AttentionVariant& of, OptionValues with,
                               const AttentionCase& one)
    : variant(of),
      options(std::move(with)),
      c(one),
      sizes(sizes_of(of, one)),
      parameters(one.seed) {
  AttentionSizes layer = sizes;
  layer.batch = layer.queries = layer.keys = 0;
  attention = variant.make({layer, options, parameters, 0});
  const Shape by_head = {sizes.batch, sizes.queries, sizes.heads, sizes.head_width};
  const Shape by_group = {sizes.batch, sizes.keys, sizes.key_value_heads, sizes.head_width};
  const int64_t query_tokens = sizes.batch * sizes.queries, key_tokens = sizes.batch * sizes.keys;
  const bool self = sizes.queries == sizes.keys;
  in.x = random_var({sizes.batch, sizes.queries, sizes.model_width}, c.seed);
  in.memory = self ? in.x : random_var({sizes.batch, sizes.keys, sizes.model_width}, c.seed + 5);
  variables.push_back({"x", in.x, query_tokens});
  if (!self) variables.push_back({"memory", in.memory, key_tokens});
  if (projects(variant)) {
    in.q = random_var(by_head, c.seed + 1);
    in.k = random_var(by_group, c.seed + 2);
    in.v = random_var(by_group, c.seed + 3);
    variables.push_back({"q", in.q, query_tokens});
    variables.push_back({"k", in.k, key_tokens});
    variables.push_back({"v", in.v, key_tokens});
  } else {
    in.q = in.x.reshaped(by_head);
    in.k = in.v = in.memory.reshaped(by_group);
  }
  for (const Parameter& parameter : parameters.all()) {
    variables.push_back({parameter.name, parameter.variable, 0});
  }
  in.mask.causal = c.causal;
  in.mask.keys = c.real_keys;
  if (c.biased) {
    bias.by_distance = random_var({sizes.heads, sizes.queries + sizes.keys}, c.seed + 4, false);
    bias.zero = sizes.queries;
    in.bias = &bias;
  }
}

std::map<std::string, Var> AttentionProbe::own_parameters() const {
  return variables_below("", parameters.all());
}

std::vector<float> AttentionProbe::outputs() const {
  const Var out = attention->attend(in);
  return {out.value().values().begin(), out.value().values().end()};
}

Var AttentionProbe::cotangent() const { return random_var(in.q.shape(), 4711, false); }

Var AttentionProbe::run(const Var& slope) const {
  Tape tape;
  Var output;
  {
    const Recording recording(tape);
    output = attention->attend(in);
  }
  backward_with(tape, output, slope);
  return output;
}

std::vector<double> AttentionProbe::gradients() const {
  std::vector<double> all;
  for (const ProbeVariable& variable : variables) {
    const std::vector<double> one = gradient_of(variable.variable);
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

void AttentionProbe::clear_gradients() const {
  for (const ProbeVariable& variable : variables) variable.variable.gradient()->clear();
}

void copy_tokens(const AttentionProbe& from, int64_t from_row, int64_t begin, int64_t end,
                 const AttentionProbe& to, int64_t to_row, int64_t to_begin) {
  for (size_t which = 0; which < from.variables.size(); ++which) {
    const ProbeVariable& source = from.variables[which];
    if (source.tokens == 0) continue;
    Tensor target = to.variables[which].variable.value();
    const int64_t length = source.tokens / from.sizes.batch;
    const int64_t to_length = to.variables[which].tokens / to.sizes.batch;
    const int64_t width = source.variable.value().size() / source.tokens;
    std::copy_n(source.variable.data() + (from_row * length + begin) * width, (end - begin) * width,
                target.data() + (to_row * to_length + to_begin) * width);
  }
}

void redraw_tokens(const AttentionProbe& probe, int64_t b, int64_t begin, int64_t end,
                   double size) {
  RandomStream stream(99, Purpose::probe);
  for (const ProbeVariable& variable : probe.variables) {
    if (variable.tokens == 0) continue;
    Tensor tensor = variable.variable.value();
    const int64_t length = variable.tokens / probe.sizes.batch;
    const int64_t width = tensor.size() / variable.tokens;
    float* row = tensor.data() + b * length * width;
    for (int64_t i = begin * width; i < end * width; ++i) {
      row[i] = static_cast<float>(size * stream.normal());
    }
  }
}

}  // namespace lengthwise
