#include <gmock/gmock.h>

#include <filesystem>
#include <set>

#include "nn/position.h"
#include "tasks/task.h"
#include "tests/build_paths.h"

namespace lengthwise {
namespace {

std::set<std::string> sources_in(const std::string& folder) {
  std::set<std::string> names;
  const auto path = source_folder() / folder;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".cpp") names.insert(entry.path().stem());
  }
  return names;
}

template <class Entries>
std::set<std::string> names_of(const Entries& entries) {
  std::set<std::string> names;
  for (const auto& entry : entries) names.emplace(entry.info.name);
  return names;
}

TEST(Registry, HasOneEntryForEveryFile) {
  EXPECT_EQ(names_of(attention_variants()), sources_in("variants/attention"));
  EXPECT_EQ(names_of(position_schemes()), sources_in("variants/position"));
  std::set<std::string> tasks_there = sources_in("lib/tasks");
  std::erase_if(tasks_there, [](const std::string& name) {
    const auto header = source_folder() / "lib/tasks" / (name + ".h");
    return std::filesystem::exists(header);  // what tasks share
  });
  EXPECT_EQ(names_of(tasks()), tasks_there);
}

TEST(Registry, IsSortedByName) {
  const auto sorted = [](const auto& entries) {
    return std::is_sorted(entries.begin(), entries.end(),
                          [](const auto& a, const auto& b) { return a.info.name < b.info.name; });
  };
  EXPECT_TRUE(sorted(attention_variants()));
  EXPECT_TRUE(sorted(position_schemes()));
}

TEST(Registry, SuggestsTheNearestName) {
  try {
    attention_variant("windowd");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::StartsWith("attention: unknown name 'windowd' (did you mean "
                                                  "'windowed'?); known: "));
    EXPECT_THAT(error.what(), testing::HasSubstr(", windowed"));
  }
  EXPECT_THROW(position_scheme(""), UserError);
}

TEST(Registry, EveryVariantSaysWhatItIs) {
  for (const AttentionVariant& variant : attention_variants()) {
    EXPECT_FALSE(variant.info.summary.empty()) << variant.info.name;
    EXPECT_TRUE(variant.define && variant.define_with_slope && variant.cost) << variant.info.name;
  }
}

}  // namespace
}  // namespace lengthwise
