// Laws to the unit: what a variant predicts of its cost is what counters and ledger see.
#include "base/counters.h"
#include "base/parallel.h"
#include "laws/attention_case.h"
#include "laws/attention_laws.h"

namespace lengthwise {
namespace {

constexpr auto kAttention = static_cast<size_t>(Scope::attention);
constexpr auto kActivations = static_cast<size_t>(Tag::activations);
constexpr auto kWorkspace = static_cast<size_t>(Tag::workspace);
constexpr auto kState = static_cast<size_t>(Tag::state);

// Counts and peaks of one piece of work in the attention scope.
struct Counted {
  MemoryUse before, after;
  Counts counts;
  int64_t workspace_bytes() const {
    return after.peak_by_tag[kWorkspace] - before.live_by_tag[kWorkspace];
  }
};

template <class Work>
Counted count(const Work& work) {
  MemoryLedger& ledger = MemoryLedger::instance();
  const ScopeGuard scope(Scope::attention);
  Counted counted;
  ledger.reset_peaks();
  counted.before = ledger.use();
  reset_counters();
  work();
  counted.counts = read_counters();
  counted.after = ledger.use();
  return counted;
}

void compare(const std::string& pass, const AttentionCost::Pass& predicted, const Counted& counted,
             int64_t output_bytes, Findings& findings) {
  findings.equal(pass + " FLOPs", predicted.flops, counted.counts.flops[kAttention]);
  findings.equal(pass + " exponentials", predicted.exponentials,
                 counted.counts.exponentials[kAttention]);
  findings.equal(pass + " workspace bytes", predicted.workspace_bytes,
                 counted.workspace_bytes() - output_bytes);
}

std::vector<AttentionCase> cost_cases(const AttentionVariant& variant) {
  std::vector<AttentionCase> all;
  for (const int64_t length : {1, 7, 64, 65, 130, 256, 600}) {
    for (const bool causal : masks_of(variant)) {
      AttentionCase c = AttentionCase::of_length(length, causal);
      all.push_back(c);
      c.heads = 4;
      c.batch = 1;
      all.push_back(c);
    }
  }
  if (variant.info.cross && variant.info.bidirectional) {
    all.push_back({.queries = 7, .keys = 130, .causal = false});
    all.push_back({.queries = 130, .keys = 65, .causal = false});
  }
  return all;
}

void check_one_cost(const AttentionProbe& probe, int threads, Findings& findings) {
  AttentionSizes sizes = probe.sizes;
  sizes.threads = threads;
  const AttentionCost predicted = probe.variant.cost(sizes, probe.options);
  const Var cotangent = probe.cotangent();
  Tape tape;
  Var output;
  const Counted forward = count([&] {
    const Recording recording(tape);
    output = probe.attention->attend(probe.in);
  });
  compare("forward", predicted.forward, forward, 0, findings);
  findings.equal("saved bytes", predicted.saved_bytes,
                 forward.after.live_by_tag[kActivations] -
                     forward.before.live_by_tag[kActivations] -
                     ledger_bytes(4 * output.value().size()));
  const Counted backward = count([&] { backward_with(tape, output, cotangent); });
  compare("backward", predicted.backward, backward, 0, findings);
}

}  // namespace

void check_cost(const AttentionVariant& variant, const OptionValues& options, Findings& findings) {
  for (const AttentionCase& c : cost_cases(variant)) {
    for (const int threads : {1, 2, 3}) {
      set_thread_count(threads);
      const AttentionProbe probe(variant, options, c);
      findings.begin(c.text(options) + fmt::format(" threads={}", threads), c.queries);
      check_one_cost(probe, threads, findings);
    }
  }
}

void check_decode_cost(const AttentionVariant& variant, const OptionValues& options,
                       Findings& findings) {
  for (const int64_t length : {1, 7, 65, 130, 300}) {
    for (const int64_t prefilled : {int64_t{0}, length / 2, length - 1}) {
      for (const int threads : {1, 2, 3}) {
        set_thread_count(threads);
        AttentionCase past = AttentionCase::of_length(std::max<int64_t>(prefilled, 1), true);
        AttentionCase next = AttentionCase::of_length(length - prefilled, true);
        past.heads = next.heads = 4;
        const AttentionProbe first(variant, options, past), second(variant, options, next);
        findings.begin(
            fmt::format("{} after {} threads={}", next.text(options), prefilled, threads), length);
        AttentionSizes sizes = second.sizes;
        sizes.keys = length;
        sizes.threads = threads;
        const AttentionCost predicted = variant.cost(sizes, options);
        DecodeState state;
        const Counted begun =
            count([&] { state = first.attention->begin_decode(next.batch, length); });
        findings.equal("state bytes", predicted.state_bytes,
                       begun.after.live_by_tag[kState] - begun.before.live_by_tag[kState]);
        if (prefilled > 0) first.attention->extend(state, first.in);
        AttentionInput in = second.in;
        const std::vector<int64_t> from(static_cast<size_t>(next.batch), prefilled);
        const std::vector<int64_t> to(static_cast<size_t>(next.batch), length);
        in.mask = {true, from, to};
        Var out;
        const Counted extended = count([&] { out = second.attention->extend(state, in); });
        compare("extend", predicted.extend, extended, ledger_bytes(4 * out.value().size()),
                findings);
        findings.equal("state bytes after extend", predicted.state_bytes,
                       extended.after.live_by_tag[kState] - begun.before.live_by_tag[kState]);
      }
    }
  }
}

}  // namespace lengthwise
