// What the tests of the results file share.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "base/check.h"
#include "io/table.h"

namespace lengthwise {

namespace fs = std::filesystem;
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

using Numbers = Column::Numbers;
using Integers = Column::Integers;
using Texts = Column::Texts;
using Flags = Column::Flags;

// A folder of the test's own, gone at its end.
class FolderTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() /
              fmt::format("lengthwise_{}_{}_{}", info->test_suite_name(), info->name(), getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path folder_;
};

inline std::string read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_bytes(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// NaN equals NaN, and -0 does not equal 0.
inline bool same(const Numbers& a, const Numbers& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) {
    return (std::isnan(x) && std::isnan(y)) || (x == y && std::signbit(x) == std::signbit(y));
  });
}

inline void expect_same(const Table& found, const Table& expected) {
  EXPECT_EQ(found.attributes, expected.attributes);
  EXPECT_EQ(found.dimensions, expected.dimensions);
  ASSERT_EQ(found.columns.size(), expected.columns.size());
  for (size_t i = 0; i < found.columns.size(); ++i) {
    const Column &a = found.columns[i], &b = expected.columns[i];
    SCOPED_TRACE(b.name);
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.dimensions, b.dimensions);
    EXPECT_EQ(a.units, b.units);
    EXPECT_EQ(a.long_name, b.long_name);
    EXPECT_EQ(a.flag_meanings, b.flag_meanings);
    ASSERT_EQ(a.values.index(), b.values.index());
    if (const auto* numbers = std::get_if<Numbers>(&a.values)) {
      EXPECT_TRUE(same(*numbers, std::get<Numbers>(b.values)));
    } else {
      EXPECT_TRUE(a.values == b.values);
    }
  }
}

// One line that has each of the fragments.
inline void expect_user_error(const std::function<void()>& action,
                              const std::vector<std::string>& fragments) {
  try {
    action();
    ADD_FAILURE() << "no error, expected one with: " << fmt::format("{}", fragments.front());
  } catch (const UserError& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    for (const std::string& fragment : fragments) {
      EXPECT_NE(message.find(fragment), std::string::npos) << message << "\nlacks " << fragment;
    }
  }
}

// Every kind of column and of dimension.
inline Table full_table() {
  Table table;
  table.attributes = {{"title", "Lengthwise"}, {"note", ""}, {"city", "Zürich → 東京 🙂"}};
  table.dimensions = {{"run", 3}, {"repeat", 2}, {"scope", 2}, {"test_length", 2}, {"unused", 4}};
  table.columns = {
      {"run_id", {"run"}, Texts{"a1", "", "größe 🙂"}, "", "identity of the run", {}},
      {"status", {"run"}, Flags{0, 2, 1}, "", "how it ended", {"ok", "out_of_memory", "crashed"}},
      {"seed", {"run"}, Integers{0, INT64_MAX, INT64_MIN}, "1", "seed", {}},
      {"forward_seconds",
       {"run", "repeat"},
       Numbers{1.5, kNaN, -0.0, kInfinity, 5e-324, -1.7976931348623157e308},
       "s",
       "seconds of a forward pass",
       {}},
      {"scope", {"scope"}, Texts{"attention", "rest"}, "", "part of the model", {}},
      {"forward_scope_flops",
       {"run", "repeat", "scope"},
       Numbers{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
       "1",
       "",
       {}},
      {"test_length", {"test_length"}, Integers{128, 4096}, "token", "", {}},
      {"accuracy", {"run", "test_length"}, Numbers{0, 1, kNaN, kNaN, 0.25, 0.5}, "1", "", {}},
      {"config", {"run"}, Texts{std::string(300'000, 'x'), "line\nline\ttab", " "}, "", "", {}},
  };
  return table;
}

}  // namespace lengthwise
