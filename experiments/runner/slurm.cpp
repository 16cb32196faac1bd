#include "experiments/runner/slurm.h"

#include <algorithm>
#include <cstdio>
#include <span>

#include "base/check.h"
#include "base/hash.h"
#include "experiments/runner/grid.h"
#include "experiments/runner/results_folder.h"
#include "io/replace_file.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSubmit = R"sh(#!/bin/sh
# Submits the array, and the merging for when all its tasks have ended. Safe to call again: what is
# done stays done.
set -eu
cd "$(dirname "$0")"
array=$(sbatch --parsable array.sbatch)
array=${array%%;*}
merge=$(sbatch --parsable --dependency="afterany:$array" merge.sbatch)
echo "array job $array, merge job ${merge%%;*}"
)sh";

// As one word of a shell.
std::string quoted(const std::string& text) {
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? "'\\''" : std::string(1, c);
  return word + "'";
}

// A file of this folder in a #SBATCH line, where % begins a pattern: the name may have some.
std::string output_file(const fs::path& folder, const std::string& name) {
  std::string pattern;
  for (const char c : folder.string()) pattern += c == '%' ? "%%" : std::string(1, c);
  return fmt::format("\"{}/{}\"", pattern, name);
}

// The most threads that a run of the sweep asks for; 1 where it takes what it gets.
int64_t most_threads(const SweepConfig& config) {
  const Grid grid(config);
  int64_t most = 1;
  for (const PlannedRun& run : grid.runs()) {
    most = std::max(most, grid.config(run).run.threads);
  }
  return most;
}

void write_script(const fs::path& path, const std::string& text) {
  replace_file(path, std::as_bytes(std::span(text)));
  fs::permissions(path, fs::perms::owner_exec | fs::perms::group_exec, fs::perm_options::add);
}

}  // namespace

int write_slurm_scripts(const SweepConfig& config, int tasks) {
  const ResultsFolder folder(config.results);
  const int64_t cpus = most_threads(config) * config.runner.jobs;
  folder.make();
  const fs::path scripts = fs::absolute(config.results) / "slurm";
  fs::create_directories(scripts);
  // Two sweeps of one name in other folders must not wait for each other.
  const std::string job = fmt::format(
      "lengthwise-{}-{:08x}", config.name,
      static_cast<uint32_t>(hash_text(fs::absolute(config.results).lexically_normal().string())));
  const std::string program = quoted(fs::read_symlink("/proc/self/exe").string());
  std::string arguments;
  for (const std::string& argument : config.arguments) arguments += " " + quoted(argument);
  const std::string enter = fmt::format("cd {}\n", quoted(fs::current_path().string()));

  write_script(scripts / "array.sbatch",
               fmt::format(R"(#!/bin/bash
#SBATCH --job-name={0}
#SBATCH --array=1-{1}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task={2}
#SBATCH --dependency=singleton
#SBATCH --requeue
#SBATCH --signal=TERM@120
#SBATCH --open-mode=append
#SBATCH --output={3}
# Each task runs one shard, which the program reads from SLURM_ARRAY_TASK_ID, _MIN and _COUNT. Add
# --time, --mem or --partition as your cluster wants them: two minutes before the time is up the
# run under way is asked to keep a checkpoint, and the task is queued again.
{4}export SRUN_CPUS_PER_TASK="${{SLURM_CPUS_PER_TASK:-1}}"
code=0
srun {5} run{6} || code=$?
if [ "$code" -eq 75 ]; then
  scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
fi
exit "$code"
)",
                           job, tasks, cpus, output_file(scripts, "array.%A_%a.out"), enter,
                           program, arguments));
  write_script(scripts / "merge.sbatch",
               fmt::format(R"(#!/bin/bash
#SBATCH --job-name={0}-merge
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output={1}
{2}exec {3} merge{4}
)",
                           job, output_file(scripts, "merge.%j.out"), enter, program, arguments));
  write_script(scripts / "submit.sh", kSubmit);
  fmt::print(stderr, "{} tasks; submit with {}\n", tasks, (scripts / "submit.sh").string());
  return 0;
}

}  // namespace lengthwise
