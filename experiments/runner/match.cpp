#include "experiments/runner/match.h"

#include <cmath>
#include <functional>
#include <numeric>

#include "base/check.h"
#include "nn/model_cost.h"

namespace lengthwise {
namespace {

using Adjust = std::function<RunConfig(int64_t)>;

struct Adjustable {
  std::string key;
  int64_t step = 1, most = 0;  // sizes are step, 2 step ... up to most
  Adjust with;
};

int64_t budget_of(const RunConfig& config, const Task& task, int64_t labelled) {
  const ModelSetup setup = config.model_setup(task.vocabulary());
  if (config.run.match == "parameters") {
    return Transformer(setup, ParameterSet::counting()).parameter_count();
  }
  BatchSizes sizes = config.batch_sizes(config.run.batch, config.run.length, labelled);
  sizes.checkpoint_layers = false;
  const ModelCost cost = model_cost(setup, sizes, 1);
  if (config.run.match == "state_bytes") return cost.state_bytes;
  const auto sum = [](const PassCost& pass) {
    return std::accumulate(pass.flops.begin(), pass.flops.end(), int64_t{0});
  };
  return sum(cost.forward) + sum(cost.backward);
}

RunConfig reference_of(const RunConfig& config) {
  RunConfig reference = config;
  reference.run.attention = config.run.match_reference;
  reference.attention_options.assign(pattern_names(config.run.match_reference).size(), {});
  return reference;
}

// This variant's size, wherever it attends.
void set_size(const AttentionVariant& variant, int64_t size, RunConfig& config) {
  const ModelPatterns patterns = config.patterns();
  const auto set = [&](const AttentionPattern& pattern, std::vector<OptionValues>& options) {
    for (size_t i = 0; i < options.size(); ++i) {
      if (pattern[i].variant != &variant) continue;
      options[i].insert_or_assign(std::string(variant.info.size_option), std::to_string(size));
    }
  };
  set(patterns.self, config.attention_options);
  set(patterns.decoder, config.decoder_options);
  set(patterns.cross, config.cross_options);
}

// The sizes that the patterns' parts mark, and the model's width behind them.
std::vector<Adjustable> adjustable_sizes(const RunConfig& config) {
  std::vector<Adjustable> sizes;
  for (const AttentionPart& part : parts_of(config.model, config.patterns())) {
    const AttentionVariant& variant = *part.variant;
    if (variant.info.size_option.empty()) continue;
    sizes.push_back({fmt::format("attention.{}.{}", variant.info.name, variant.info.size_option), 1,
                     config.run.length, [&variant, config](int64_t size) {
                       RunConfig sized = config;
                       set_size(variant, size, sized);
                       return sized;
                     }});
    break;
  }
  constexpr int64_t kWidest = 1 << 16;
  sizes.push_back({"model.width", 2 * config.model.heads, kWidest, [=](int64_t size) {
                     RunConfig sized = config;
                     sized.model.width = size;
                     return sized;
                   }});
  return sizes;
}

double distance(int64_t a, int64_t b) {
  return std::abs(std::log(static_cast<double>(a) / static_cast<double>(b)));
}

// The size whose budget is nearest to the target: budgets rise with sizes.
int64_t nearest_size(const Adjustable& size, int64_t target,
                     const std::function<int64_t(int64_t)>& budget) {
  int64_t low = 1, high = std::max<int64_t>(size.most / size.step, 1);
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (budget(middle * size.step) < target) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 1) return size.step;
  const int64_t above = low * size.step, below = above - size.step;
  return distance(budget(below), target) <= distance(budget(above), target) ? below : above;
}

void check_predicted(const RunConfig& config) {
  if (config.run.match == "parameters" || predicts_cost(config)) return;
  user_error("match: found {}, which {} does not predict; expected parameters or none",
             config.run.match, config.run.attention);
}

bool has_to_match(const RunConfig& config) {
  return config.match.key.empty() && config.run.match != "none" &&
         config.run.attention != config.run.match_reference;
}

}  // namespace

RunConfig matched(RunConfig config, const Task& task) {
  if (!has_to_match(config)) return config;
  const RunConfig reference = reference_of(config);
  check_predicted(config);
  check_predicted(reference);
  const auto seed = static_cast<uint64_t>(config.run.seed);
  const int64_t labelled =
      std::ssize(task.measured_batch(seed, config.run.batch, config.run.length).labelled);
  const int64_t target = budget_of(reference, task, labelled);
  if (target == 0 || budget_of(config, task, labelled) == 0) {
    user_error("match: {} or {} has no {} to agree in", config.run.attention,
               config.run.match_reference, config.run.match);
  }
  for (const Adjustable& size : adjustable_sizes(config)) {
    const auto budget = [&](int64_t value) { return budget_of(size.with(value), task, labelled); };
    if (budget(size.step) == budget(size.most / size.step * size.step)) continue;
    const int64_t value = nearest_size(size, target, budget);
    RunConfig sized = size.with(value);
    sized.match = {size.key, std::to_string(value), target, budget(value)};
    return sized;
  }
  return config;
}

RunConfig matched(RunConfig config) {
  if (!has_to_match(config)) return config;
  const std::unique_ptr<Task> task = config.make_task();
  return matched(std::move(config), *task);
}

}  // namespace lengthwise
