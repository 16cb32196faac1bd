#pragma once
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/nearest.h"

namespace lengthwise {

/// Everything of one kind that announced itself before main, by name. Entry has info.name.
template <class Entry>
class Registry {
 public:
  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  bool add(Entry entry) {
    const auto after = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& other) {
      return other.info.name >= entry.info.name;
    });
    check(after == entries_.end() || after->info.name != entry.info.name,
          fmt::format("'{}' is registered twice", entry.info.name));
    entries_.insert(after, std::move(entry));
    return true;
  }

  std::span<const Entry> entries() const { return entries_; }

  /// UserError names `key` and suggests the nearest name.
  const Entry& find(std::string_view key, std::string_view name) const {
    std::vector<std::string> names;
    for (const Entry& entry : entries_) {
      if (entry.info.name == name) return entry;
      names.emplace_back(entry.info.name);
    }
    user_error("{}: unknown name '{}'{}; known: {}", key, name, did_you_mean(name, names),
               fmt::join(names, ", "));
  }

 private:
  std::vector<Entry> entries_;
};

}  // namespace lengthwise
