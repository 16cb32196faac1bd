#include "tests/fuzz/mutations.h"

#include "io/archive.h"
#include "tests/sample_results.h"
#include "tests/table_checks.h"

namespace lengthwise {
namespace {

class Mutations : public FolderTest {};

TEST_F(Mutations, AreReadOrNamedAsDamaged) {
  std::vector<std::string> files;
  for (const Table& table : {full_table(), sample_table(quadratic_study())}) {
    write_table(folder_ / "t.h5", table);
    files.push_back(read_bytes(folder_ / "t.h5"));
  }
  Archive checkpoint;
  checkpoint.texts["config"] = "length = 7";
  checkpoint.numbers["curve"] = {1.5, 2.5};
  checkpoint.arrays["parameters/w"] = {{2, 2}, {1, 2, 3, 4}};
  write_archive(folder_ / "c.h5", checkpoint);
  files.push_back(read_bytes(folder_ / "c.h5"));
  const MutationCounts counts = read_mutations(files, 1, 200, folder_);
  EXPECT_EQ(counts.taken_down, std::vector<std::string>());
  EXPECT_EQ(counts.hung, std::vector<std::string>());
  EXPECT_EQ(counts.read + counts.named, 200);
  EXPECT_GT(counts.read, 5) << "most damage is to what a seal alone can see";
  EXPECT_GT(counts.named, 100);
}

TEST_F(Mutations, DependOnTheSeedAndTheIndexAlone) {
  write_table(folder_ / "t.h5", full_table());
  const std::vector<std::string> files = {read_bytes(folder_ / "t.h5")};
  EXPECT_TRUE(mutated_file(files, 1, 7) == mutated_file(files, 1, 7));
  EXPECT_FALSE(mutated_file(files, 1, 7) == mutated_file(files, 1, 8));
  EXPECT_FALSE(mutated_file(files, 1, 7) == mutated_file(files, 2, 7));
}

}  // namespace
}  // namespace lengthwise
