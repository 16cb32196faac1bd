// Who may include whom (the table in DESIGN.md), read from the #include lines.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/build_paths.h"

namespace {

namespace fs = std::filesystem;
const fs::path kRoot = lengthwise::source_folder();

// Folder -> the folders of ours that it may include, beside itself.
const std::map<std::string, std::set<std::string>> kAllowed = {
    {"lib/base", {}},
    {"lib/kernels", {"base"}},
    {"lib/autograd", {"base", "kernels"}},
    {"lib/nn", {"base", "kernels", "autograd"}},
    {"lib/tasks", {"base"}},
    {"lib/io", {"base"}},
    {"lib/train", {"base", "kernels", "autograd", "nn", "tasks", "io"}},
    {"lib/generation", {"base", "kernels", "autograd", "nn"}},
    {"lib/insight", {"base", "kernels", "autograd", "nn"}},
    {"lib/laws", {"base", "kernels", "autograd", "nn", "insight"}},
    {"variants/attention", {"base", "kernels", "autograd", "nn"}},
    {"variants/position", {"base", "kernels", "autograd", "nn"}},
    {"experiments/runner",
     {"base", "kernels", "autograd", "nn", "insight", "laws", "generation", "tasks", "train",
      "io"}},
    {"experiments/analysis", {"base", "io"}},
    {"experiments/benchmarks",
     {"base", "kernels", "autograd", "nn", "insight", "laws", "tasks", "train", "io"}},
};

// A third-party header -> the only files that may include it (a folder ends with a slash).
const std::map<std::string, std::string> kBehind = {
    {"cblas.h", "lib/kernels/multiply.cpp"},
    {"hdf5.h", "lib/io/"},
    {"hdf5_hl.h", "lib/io/"},
    {"boost/program_options.hpp", "experiments/runner/sweep_config.cpp"},
    {"benchmark/benchmark.h", "experiments/benchmarks/"},
    {"Eigen/Eigenvalues", "lib/insight/"},
    {"Eigen/QR", "lib/insight/"},
    {"Eigen/SVD", "lib/insight/"},
    {"hwy/highway.h", "lib/kernels/simd.h"},
    {"Random123/philox.h", "lib/base/random.cpp"},
};

struct Include {
  std::string file, folder, target;
  bool ours;
};

std::vector<Include> all_includes() {
  std::vector<Include> includes;
  for (const char* top : {"lib", "variants", "experiments"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / top)) {
      const auto extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".h") continue;
      const fs::path file = entry.path().lexically_relative(kRoot);
      std::ifstream text(entry.path());
      for (std::string line; std::getline(text, line);) {
        if (!line.starts_with("#include ")) continue;
        const size_t begin = line.find_first_of("<\"") + 1, end = line.find_last_of(">\"");
        includes.push_back({file.string(), file.parent_path().string(),
                            line.substr(begin, end - begin), line[begin - 1] == '"'});
      }
    }
  }
  return includes;
}

TEST(Layering, FoldersIncludeOnlyWhatTheyMay) {
  size_t checked = 0;
  for (const Include& include : all_includes()) {
    if (!include.ours || include.folder == "experiments" || include.target == "build_info.h") {
      continue;
    }
    const auto allowed = kAllowed.find(include.folder);
    ASSERT_NE(allowed, kAllowed.end()) << include.folder << " has no place in the table";
    const std::string target = fs::path(include.target).parent_path().string();
    const bool itself = include.folder == target || include.folder == "lib/" + target;
    EXPECT_TRUE(itself || allowed->second.contains(target))
        << include.file << " includes " << include.target;
    ++checked;
  }
  EXPECT_GT(checked, 100U);
}

TEST(Layering, ThirdPartyHeadersStayBehindOnePlace) {
  std::set<std::string> found;
  for (const Include& include : all_includes()) {
    const auto behind = kBehind.find(include.target);
    if (behind == kBehind.end()) continue;
    found.insert(include.target);
    EXPECT_TRUE(include.file.starts_with(behind->second))
        << include.file << " includes " << include.target;
  }
  EXPECT_EQ(found.size(), kBehind.size()) << "a header in the table is included nowhere";
}

TEST(Layering, NobodyCanIncludeAVariant) {
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / "variants")) {
    EXPECT_NE(entry.path().extension(), ".h") << entry.path();
  }
}

}  // namespace
