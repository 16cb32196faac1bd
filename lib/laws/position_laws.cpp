// Laws over positional schemes: each hook equals its definition, whatever part of a sequence comes.
#include <cstring>
#include <numeric>

#include "base/parallel.h"
#include "base/random.h"
#include "laws/law.h"
#include "laws/probe.h"

namespace lengthwise {
namespace {

constexpr int64_t kBatch = 2, kHeads = 3, kHeadWidth = 4, kWidth = kHeads * kHeadWidth;
constexpr int64_t kLengths[] = {1, 2, 7, 63, 65, 130};
constexpr uint64_t kRandomKey = 5;

std::string needs_hooks(const PositionScheme& scheme) {
  const PositionInfo& info = scheme.info;
  return info.embeds || info.rotates || info.biases ? "" : "does nothing";
}

std::string needs_definition(const PositionScheme& scheme) {
  return scheme.define ? needs_hooks(scheme) : "has no definition";
}

std::string needs_slopes(const PositionScheme& scheme) {
  const bool passes = scheme.info.embeds || scheme.info.rotates || !needs_hooks(scheme).empty();
  return passes ? needs_definition(scheme) : "passes no gradient on";
}

std::string needs_rotation(const PositionScheme& scheme) {
  if (!scheme.info.shift_invariant) return "is not relative";
  return scheme.info.rotates ? "" : "is told distances alone";
}

std::vector<PositionHook> hooks_of(const PositionInfo& info) {
  std::vector<PositionHook> hooks;
  if (info.embeds) hooks.push_back(PositionHook::embed);
  if (info.rotates) hooks.push_back(PositionHook::rotate);
  if (info.biases) hooks.push_back(PositionHook::bias);
  return hooks;
}

// A scheme made anew, its parameters, and one input for each hook.
struct PositionProbe {
  PositionProbe(const PositionScheme& of, const OptionValues& with, int64_t tokens)
      : scheme(of), options(with), length(tokens), parameters(3) {
    position = scheme.make({kWidth, kHeads, kHeadWidth, options, parameters, kRandomKey});
    embedded = random_var({kBatch, length, kWidth}, 1);
    rotated = random_var({kBatch, length, kHeads, kHeadWidth}, 2);
  }
  PositionProbe(const PositionProbe&) = delete;
  PositionProbe& operator=(const PositionProbe&) = delete;

  bool serves(int64_t positions) const {
    return position->longest() == 0 || positions <= position->longest();
  }
  const Var& input(PositionHook hook) const {
    return hook == PositionHook::embed ? embedded : rotated;
  }
  // Distances -length .. length for the bias.
  Var run(PositionHook hook, std::span<const int64_t> first) const {
    if (hook == PositionHook::embed) return position->embed(embedded, first);
    if (hook == PositionHook::rotate) return position->rotate(rotated, Side::query, first);
    return position->bias(-length, length).by_distance;
  }
  template <class Scalar>
  PositionDefinition<Scalar> definition(PositionHook hook,
                                        const std::vector<int64_t>& first) const {
    PositionDefinition<Scalar> a;
    a.hook = hook;
    a.B = kBatch, a.T = length, a.H = kHeads, a.D = kHeadWidth, a.C = kWidth;
    a.least = -length;
    if (hook != PositionHook::bias) a.inputs = lifted<Scalar>(input(hook).value());
    a.outputs = Array<Scalar>(hook == PositionHook::bias ? Shape{kHeads, 2 * length + 1}
                                                         : input(hook).shape());
    a.first = first;
    for (const Parameter& parameter : parameters.all()) {
      a.parameters.emplace(parameter.name, lifted<Scalar>(parameter.variable.value()));
    }
    a.random_key = kRandomKey;
    return a;
  }

  const PositionScheme& scheme;
  const OptionValues options;
  const int64_t length;
  ParameterSet parameters;
  std::unique_ptr<Position> position;
  Var embedded, rotated;
};

// Calls body(probe, hook, first) for every length, hook, and where rows begin.
template <class Body>
void each_case(const PositionScheme& scheme, const OptionValues& options, Findings& findings,
               Body body) {
  for (const int64_t length : kLengths) {
    const PositionProbe probe(scheme, options, length);
    for (const std::vector<int64_t>& first : {std::vector<int64_t>{}, {0, 5}, {70, 3}}) {
      const int64_t last = first.empty() ? 0 : *std::max_element(first.begin(), first.end());
      if (!probe.serves(length + last)) continue;
      findings.begin(fmt::format("T={} H={} D={} first {}{}", length, kHeads, kHeadWidth,
                                 fmt::join(first, ","), options_text(options)),
                     length);
      for (const PositionHook hook : hooks_of(scheme.info)) body(probe, hook, first);
    }
  }
}

void check_definition(const PositionScheme& scheme, const OptionValues& options,
                      Findings& findings) {
  each_case(scheme, options, findings,
            [&](const PositionProbe& probe, PositionHook hook, const std::vector<int64_t>& first) {
              PositionDefinition<double> definition = probe.definition<double>(hook, first);
              scheme.define(definition, options);
              const Var found = probe.run(hook, first);
              findings.error("the output", relative_error(as_doubles(found.value().values()),
                                                          definition.outputs.data));
            });
}

void check_gradient(const PositionScheme& scheme, const OptionValues& options, Findings& findings) {
  const auto check_one = [&](const PositionProbe& shared, PositionHook hook,
                             const std::vector<int64_t>& first) {
    if (hook == PositionHook::bias) return;  // of constants; a learned bias brings a law with it
    // A probe of its own: gradients gather.
    const PositionProbe probe(scheme, options, shared.length);
    Tape tape;
    Var output;
    {
      const Recording recording(tape);
      output = probe.run(hook, first);
    }
    const Var cotangent = random_var(output.shape(), 4711, false);
    backward_with(tape, output, cotangent);
    const auto slope_along = [&](const std::string& parameter, const std::vector<double>& along) {
      PositionDefinition<Dual> a = probe.definition<Dual>(hook, first);
      Array<Dual>& seeded = parameter.empty() ? a.inputs : a.parameters.find(parameter)->second;
      for (size_t i = 0; i < along.size(); ++i) seeded.data[i].slope = along[i];
      scheme.define_with_slope(a, options);
      double slope = 0;
      for (size_t i = 0; i < a.outputs.data.size(); ++i) {
        slope += a.outputs.data[i].slope * static_cast<double>(cotangent.value().values()[i]);
      }
      return slope;
    };
    const auto check_variable = [&](const std::string& name, const Var& variable) {
      const std::vector<double> gradient = gradient_of(variable);
      std::vector<double> found, expected;
      // Directions confined to a few elements, all over the variable.
      for (size_t n = 0; n < 12; ++n) {
        std::vector<double> along(gradient.size(), 0.0);
        RandomStream stream(n, Purpose::probe, 2);
        const size_t begin = n * gradient.size() / 12;
        const size_t end = std::min(begin + 8, gradient.size());
        for (size_t i = begin; i < end; ++i) along[i] = stream.normal();
        found.push_back(std::inner_product(along.begin(), along.end(), gradient.begin(), 0.0));
        expected.push_back(slope_along(name, along));
      }
      findings.error("the gradient of " + (name.empty() ? "the input" : name),
                     relative_error(found, expected));
    };
    check_variable("", probe.input(hook));
    for (const Parameter& parameter : probe.parameters.all()) {
      check_variable(parameter.name, parameter.variable);
    }
  };
  each_case(scheme, options, findings, check_one);
}

// What rows that begin later get is the later part of what a longer sequence gets.
void check_offset(const PositionScheme& scheme, const OptionValues& options, Findings& findings) {
  each_case(scheme, options, findings,
            [&](const PositionProbe& probe, PositionHook hook, const std::vector<int64_t>&) {
              if (hook == PositionHook::bias || probe.length < 2) return;
              const std::vector<int64_t> zeros(kBatch, 0), later(kBatch, 1);
              const PositionProbe part(scheme, options, probe.length - 1);
              const int64_t token = kWidth;
              for (int64_t b = 0; b < kBatch; ++b) {
                Tensor to = part.input(hook).value();
                std::copy_n(probe.input(hook).data() + (b * probe.length + 1) * token,
                            part.length * token, to.data() + b * part.length * token);
              }
              const Var whole = probe.run(hook, zeros), end = part.run(hook, later);
              bool same = true;
              for (int64_t b = 0; b < kBatch; ++b) {
                same = same && std::memcmp(whole.data() + (b * probe.length + 1) * token,
                                           end.data() + b * part.length * token,
                                           static_cast<size_t>(4 * part.length * token)) == 0;
              }
              findings.holds("rows that begin at 1 are not the rest of rows that begin at 0", same);
            });
  if (!scheme.info.biases) return;
  for (const int64_t length : kLengths) {
    const PositionProbe probe(scheme, options, length);
    findings.begin(fmt::format("distances within {}{}", length, options_text(options)), length);
    const ScoreBias wide = probe.position->bias(-2 * length, 3 * length);
    const ScoreBias near = probe.position->bias(-length, 0);
    bool same = true;
    for (int64_t h = 0; h < kHeads; ++h) {
      for (int64_t distance = -length; distance <= 0; ++distance) {
        const auto at = [&](const ScoreBias& bias) {
          return bias.by_distance.data()[h * bias.by_distance.extent(1) + bias.zero + distance];
        };
        same = same && at(wide) == at(near);
      }
    }
    findings.holds("a bias depends on the range that is asked for", same);
  }
}

// A query at i + s and a key at j + s meet as a query at i and a key at j do.
void check_shift(const PositionScheme& scheme, const OptionValues& options, Findings& findings) {
  if (!scheme.info.rotates) return;
  for (const int64_t length : kLengths) {
    const PositionProbe probe(scheme, options, length);
    findings.begin(
        fmt::format("T={} H={} D={}{}", length, kHeads, kHeadWidth, options_text(options)), length);
    const Var key = random_var(probe.rotated.shape(), 9);
    const auto scores_at = [&](int64_t start) {
      const std::vector<int64_t> first(kBatch, start);
      const Var q = probe.position->rotate(probe.rotated, Side::query, first);
      const Var k = probe.position->rotate(key, Side::key, first);
      std::vector<double> scores;
      for (int64_t i = 0; i < length; ++i) {
        for (int64_t j = 0; j < length; ++j) {
          double score = 0;
          for (int64_t d = 0; d < kHeadWidth; ++d) {
            score += static_cast<double>(q.data()[i * kWidth + d]) *
                     static_cast<double>(k.data()[j * kWidth + d]);
          }
          scores.push_back(score);
        }
      }
      return scores;
    };
    for (const int64_t start : {1, 100}) {
      findings.error(fmt::format("scores {} positions later", start),
                     relative_error(scores_at(start), scores_at(0)));
    }
  }
}

void check_threads(const PositionScheme& scheme, const OptionValues& options, Findings& findings) {
  std::vector<std::vector<float>> first_bits;
  for (const int threads : {1, 2, 3, 5}) {
    set_thread_count(threads);
    std::vector<std::vector<float>> bits;
    each_case(scheme, options, findings,
              [&](const PositionProbe& probe, PositionHook hook, const std::vector<int64_t>& from) {
                const Var out = probe.run(hook, from);
                bits.emplace_back(out.value().values().begin(), out.value().values().end());
              });
    if (threads == 1) first_bits = bits;
    findings.holds(fmt::format("{} threads give other bits than one", threads), bits == first_bits);
  }
}

constexpr PositionLaw kLaws[] = {
    {"position_definition", "every hook equals the naive definition in double precision",
     kForwardTolerance, needs_definition, check_definition},
    {"position_gradient", "gradients equal the definition's slopes, own parameters included",
     kGradientTolerance, needs_slopes, check_gradient},
    {"position_offset", "rows that begin later get the later part of what whole rows get", 0,
     needs_hooks, check_offset},
    {"position_shift", "of a relative scheme only distances matter", kForwardTolerance,
     needs_rotation, check_shift},
    {"position_threads", "any number of threads gives the same bits", 0, needs_hooks,
     check_threads},
};

}  // namespace

std::span<const PositionLaw> position_laws() { return kLaws; }

}  // namespace lengthwise
