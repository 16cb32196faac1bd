// The `lengthwise` program: subcommands and nothing else.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/nearest.h"
#include "base/options.h"
#include "build_info.h"
#include "experiments/analysis/export.h"
#include "experiments/analysis/report.h"
#include "experiments/runner/attend_command.h"
#include "experiments/runner/check.h"
#include "experiments/runner/explain.h"
#include "experiments/runner/export_model.h"
#include "experiments/runner/generate_command.h"
#include "experiments/runner/list.h"
#include "experiments/runner/merge_runs.h"
#include "experiments/runner/plan.h"
#include "experiments/runner/slurm.h"
#include "experiments/runner/split_runs.h"
#include "experiments/runner/sweep.h"
#include "experiments/runner/worker.h"

namespace {

using lengthwise::user_error;
using Arguments = std::vector<std::string>;

constexpr const char* kUsage = R"(lengthwise: how attention scales with sequence length

  lengthwise list    [attention|position|task|studies] [--json]   what there is
  lengthwise plan    [sweep.ini] [--key value ...] [--json]       what a sweep will take; what is done
  lengthwise run     [sweep.ini] [--key value ...]                run what is missing of a sweep
  lengthwise run     --help                                       every key
  lengthwise merge   [sweep.ini] [--key value ...] | FOLDER       all rows of a sweep, or folder, in one file
  lengthwise split   results.h5 --results FOLDER                  its rows in a folder, in which run goes on
  lengthwise slurm   [sweep.ini] --tasks N [--key value ...]      the sweep as a Slurm array
  lengthwise compare results.h5 [--json]                          times, FLOPs, bytes, exponents
  lengthwise explain NAME@LENGTH [--key value ...] [--json]       where FLOPs, bytes and seconds go
  lengthwise generate --checkpoint FILE --prompt TEXT [--help]    what a trained model writes next
  lengthwise attend  --checkpoint FILE --input TEXT [--help]      what a trained model's attention looks at
  lengthwise export  results.h5 --csv | --json                    every number, for other tools
  lengthwise export  MODEL --safetensors FILE                     its weights, for other tools
  lengthwise check   NAME... | --all [--json]                     the laws on a variant or scheme

A value may sweep: --attention full,linear  --length 128:4096:x2  --train.steps 300 --train.learning_rate 1e-4:1e-2:log3
Exit codes: 0 everything ran, 1 a run crashed or a law is broken, 2 wrong use, 75 stopped by a signal: call again.
)";

bool take_flag(Arguments& arguments, const std::string& flag) {
  return std::erase(arguments, flag) > 0;
}

// The one argument that a subcommand takes beside its flags, or "".
std::string single(const Arguments& arguments, const std::string& command) {
  if (arguments.size() > 1) {
    user_error("{}: found '{}', expected at most one argument", command, arguments[1]);
  }
  return arguments.empty() ? "" : arguments.front();
}

int list(Arguments arguments) {
  const bool json = take_flag(arguments, "--json");
  const std::string what = single(arguments, "list");
  fmt::print("{}", json ? lengthwise::list_json(what) : lengthwise::list_text(what));
  return 0;
}

int run(const Arguments& arguments) {
  lengthwise::SweepConfig config = lengthwise::parse_sweep(arguments);
  lengthwise::read_slurm_shard(config.runner);
  if (config.help) {
    fmt::print("lengthwise run [sweep.ini] [--key value ...] [--results FOLDER] [--json]\n\n{}",
               lengthwise::describe_keys());
    return 0;
  }
  return lengthwise::run_sweep(config);
}

int plan(const Arguments& arguments) {
  return lengthwise::print_plan(lengthwise::parse_sweep(arguments));
}

int slurm(Arguments arguments) {
  const auto flag = std::find(arguments.begin(), arguments.end(), "--tasks");
  if (flag == arguments.end() || flag + 1 == arguments.end()) {
    user_error("slurm: found no --tasks, expected the number of array tasks, as in --tasks 4");
  }
  const auto tasks = lengthwise::parse_integer("tasks", *(flag + 1), {1, 100'000});
  arguments.erase(flag, flag + 2);
  return lengthwise::write_slurm_scripts(lengthwise::parse_sweep(arguments),
                                         static_cast<int>(tasks));
}

int compare(Arguments arguments) {
  const bool json = take_flag(arguments, "--json");
  const std::string file = single(arguments, "compare");
  if (file.empty()) user_error("compare: found no file, expected a results file");
  fmt::print("{}", lengthwise::compare(file, json));
  return 0;
}

int export_weights(Arguments arguments) {
  const auto flag = std::find(arguments.begin(), arguments.end(), "--safetensors");
  if (flag + 1 == arguments.end()) {
    user_error("export: found nothing after --safetensors, expected the file to write");
  }
  const std::string file = *(flag + 1);
  arguments.erase(flag, flag + 2);
  const std::string model = single(arguments, "export");
  if (model.empty()) {
    user_error("export: found no model beside --safetensors, expected a checkpoint");
  }
  lengthwise::export_model(model, file);
  return 0;
}

int export_results(Arguments arguments) {
  const bool csv = take_flag(arguments, "--csv"), json = take_flag(arguments, "--json");
  const std::string file = single(arguments, "export");
  if (file.empty()) user_error("export: found no file, expected a results file");
  if (csv == json) {
    user_error("export: found {} --csv {} --json, expected one of them", csv ? "both" : "neither",
               csv ? "and" : "nor");
  }
  const lengthwise::Table table = lengthwise::read_table(file);
  fmt::print("{}", csv ? lengthwise::export_csv(table) : lengthwise::export_json(table));
  return 0;
}

int check(Arguments arguments) {
  const bool json = take_flag(arguments, "--json"), all = take_flag(arguments, "--all");
  for (const std::string& name : arguments) {
    if (name.starts_with('-'))
      user_error("check: unknown option '{}', expected --all or --json", name);
  }
  if (arguments.empty() && !all) {
    user_error("check: found no name, expected variants or schemes to check, or --all");
  }
  const lengthwise::CheckReport report = lengthwise::check_laws(arguments, all, json);
  fmt::print("{}", report.text);
  return report.broken ? 1 : 0;
}

int dispatch(Arguments arguments) {
  if (arguments.empty() || arguments.front() == "help" || arguments.front() == "--help") {
    fmt::print("{}", kUsage);
    return arguments.empty() ? 2 : 0;
  }
  const std::string command = arguments.front();
  arguments.erase(arguments.begin());
  if (command == "--version") {
    fmt::print("lengthwise {} ({})\n", kVersion, kCommit);
    return 0;
  }
  // These have more to say.
  if (command != "run" && command != "generate" && command != "attend" &&
      std::find(arguments.begin(), arguments.end(), "--help") != arguments.end()) {
    fmt::print("{}", kUsage);
    return 0;
  }
  if (command == "list") return list(arguments);
  if (command == "run") return run(arguments);
  if (command == "merge") return lengthwise::run_merge(arguments);
  if (command == "split") return lengthwise::run_split(arguments);
  if (command == "plan") return plan(arguments);
  if (command == "slurm") return slurm(arguments);
  if (command == "compare") return compare(arguments);
  if (command == "explain") return lengthwise::explain(arguments);
  if (command == "generate") return lengthwise::generate_command(arguments);
  if (command == "attend") return lengthwise::attend_command(arguments);
  if (command == "export") {
    const bool weights =
        std::find(arguments.begin(), arguments.end(), "--safetensors") != arguments.end();
    return weights ? export_weights(arguments) : export_results(arguments);
  }
  if (command == "check") return check(arguments);
  if (command == "worker") return lengthwise::run_worker(arguments);
  user_error("{}: unknown command{}", command,
             lengthwise::did_you_mean(
                 command, {"list", "plan", "run", "merge", "split", "slurm", "compare", "explain",
                           "generate", "attend", "export", "check", "help"}));
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return dispatch(Arguments(arguments + 1, arguments + count));
  } catch (const lengthwise::UserError& error) {
    fmt::print(stderr, "lengthwise: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "lengthwise: internal error: {}\n", error.what());
    return 1;
  }
}
