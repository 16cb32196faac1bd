#include "experiments/analysis/setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace lengthwise {
namespace {

bool is_of_each_run(std::string_view line) {
  return line.starts_with("length =") || line.starts_with("seed =");
}

template <class Use>
void over_lines(std::string_view text, const Use& use) {
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    use(text.substr(start, end - start));
    start = end + 1;
  }
}

/// Lines `key = value`.
Settings parse_config(std::string_view config) {
  Settings settings;
  over_lines(config, [&](std::string_view line) {
    const size_t equals = line.find(" =");
    if (equals == std::string_view::npos) return;
    const size_t value = std::min(line.find_first_not_of(' ', equals + 2), line.size());
    settings[std::string(line.substr(0, equals))] = line.substr(value);
  });
  return settings;
}

}  // namespace

std::shared_ptr<const Setup> Setups::of(std::string_view config, std::span<const Size> sizes,
                                        const std::string& match) {
  key_.clear();
  over_lines(config, [&](std::string_view line) {
    if (is_of_each_run(line)) line = line.substr(0, line.find(' '));
    key_.append(line).push_back('\n');
  });
  for (const auto& [name, size] : sizes) {
    fmt::format_to(std::back_inserter(key_), "{}{} {}", '\0', name, size);
  }
  key_.append(1, '\0').append(match);
  std::shared_ptr<const Setup>& known = known_[key_];
  if (known) return known;
  auto setup = std::make_shared<Setup>();
  setup->sizes = {sizes.begin(), sizes.end()};
  setup->settings = parse_config(config);
  if (setup->settings.empty()) {
    for (const auto& [name, size] : sizes) setup->settings[name] = std::to_string(size);
  }
  setup->settings.erase("length");
  setup->settings.erase("seed");
  if (match != "none" && !match.empty()) setup->settings["match"] = match;
  return known = std::move(setup);
}

}  // namespace lengthwise
