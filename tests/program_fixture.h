// Runs the program as a user does, in a folder of the test's own.
#pragma once
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/build_paths.h"

namespace lengthwise {

struct Outcome {
  int exit_code;
  std::string out, err;
};

class ProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) /
              fmt::format("{}_{}_{}", info->test_suite_name(), info->name(), getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // Runs `lengthwise arguments` through a shell, in the test's folder.
  Outcome run(const std::string& arguments, const std::string& before = "") const {
    const std::string command =
        fmt::format("cd '{0}' || exit 99; {3} '{1}' {2} >out 2>err", folder_.string(),
                    program_path().string(), arguments, before);
    const int status = std::system(command.c_str());  // NOLINT(cert-env33-c): a test of a program
    return {WEXITSTATUS(status), read("out"), read("err")};
  }
  std::string read(const std::string& name) const {
    std::ifstream file(folder_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::filesystem::path folder_;
};

}  // namespace lengthwise
