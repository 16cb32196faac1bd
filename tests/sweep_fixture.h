// Sweeps run by the program, and what they recorded.
#pragma once
#include "io/table.h"
#include "tests/build_paths.h"
#include "tests/program_fixture.h"

namespace lengthwise {

class SweepTest : public ProgramTest {
 protected:
  Table merged(const std::string& results = "r") const {
    return read_table(folder_ / results / "sweep.h5");
  }
  std::string statuses(const std::string& results = "r") const {
    const Table table = merged(results);
    const Column& column = *table.find("status");
    std::string text;
    for (const uint8_t flag : std::get<Column::Flags>(column.values)) {
      text += (text.empty() ? "" : " ") + column.flag_meanings.at(flag);
    }
    return text;
  }
  Column::Numbers numbers(const std::string& name, const std::string& results = "r") const {
    return std::get<Column::Numbers>(merged(results).find(name)->values);
  }
  int64_t resumed_steps() const {
    return std::get<Column::Integers>(merged().find("resumed_steps")->values).at(0);
  }
  // The one file in `folder` whose name ends so.
  std::filesystem::path file_in(const std::string& folder, const std::string& ending) const {
    std::filesystem::path found;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / folder)) {
      if (entry.path().string().ends_with(ending)) found = entry.path();
    }
    return found;
  }

  // A training of a second or two.
  static std::string training(const std::string& results, int steps = 3000,
                              const std::string& checkpoint_every = "0.05s") {
    return fmt::format(
        "run --results {} --length 32 --repeats 1 --threads 1 --model.width 32 --train.steps {} "
        "--train.batch 8 --train.evaluate_every 500 --eval.examples 50 --checkpoint-every {} ",
        results, steps, checkpoint_every);
  }

  // As run, with shell commands beside it, to which $runner is the process and `worker` its child,
  // once a checkpoint is there.
  Outcome run_and(const std::string& arguments, const std::string& meanwhile,
                  const std::string& checkpoint = ".last.h5") const {
    const std::string command = fmt::format(
        "cd '{}' || exit 99; '{}' {} >out 2>err & runner=$!; "
        "worker() {{ cat /proc/$runner/task/$runner/children; }}; "
        "until ls r/checkpoints/*{} >seen 2>&1 || ! kill -0 $runner; do sleep 0.02; done; "
        "{}; wait $runner",
        folder_.string(), program_path().string(), arguments, checkpoint, meanwhile);
    const int status = std::system(command.c_str());  // NOLINT(cert-env33-c): a test of a program
    return {WEXITSTATUS(status), read("out"), read("err")};
  }
};

}  // namespace lengthwise
