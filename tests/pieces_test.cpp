// Tables that are read in pieces, and the comparison that is made of them.
#include "experiments/analysis/report.h"
#include "tests/build_paths.h"
#include "tests/sample_results.h"
#include "tests/table_checks.h"

namespace lengthwise {
namespace {

class Pieces : public FolderTest {
 protected:
  std::vector<Table> pieces(size_t most_runs, const std::vector<std::string>& wanted = {}) const {
    std::vector<Table> found;
    read_in_pieces(folder_ / "t.h5", wanted, most_runs,
                   [&](const Table& piece) { found.push_back(piece); });
    return found;
  }
};

TEST_F(Pieces, HoldTheRunsInTheirOrder) {
  write_table(folder_ / "t.h5", full_table());
  const std::vector<Table> found = pieces(2);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].dimensions.at("run"), 2);
  EXPECT_EQ(found[1].dimensions.at("run"), 1);
  EXPECT_EQ(found[1].dimensions.at("scope"), 2);
  EXPECT_EQ(std::get<Texts>(found[1].find("run_id")->values), Texts{"größe 🙂"});
  EXPECT_EQ(std::get<Texts>(found[1].find("scope")->values), (Texts{"attention", "rest"}));
  expect_same(merge_tables(found), full_table());
  EXPECT_EQ(pieces(1).size(), 3U);
  for (const size_t most_runs : {3, 9}) {
    const std::vector<Table> whole = pieces(most_runs);
    ASSERT_EQ(whole.size(), 1U);
    expect_same(whole[0], full_table());
  }
}

TEST_F(Pieces, HoldTheColumnsThatAreWantedAndThere) {
  write_table(folder_ / "t.h5", full_table());
  const Table last = pieces(2, {"scope", "repeat", "forward_scope_flops", "absent"}).at(1);
  ASSERT_EQ(last.columns.size(), 2U);
  EXPECT_TRUE(same(std::get<Numbers>(last.find("forward_scope_flops")->values), {9, 10, 11, 12}));
}

TEST_F(Pieces, AreOneWithoutRuns) {
  write_table(folder_ / "t.h5", sample_table({}));
  const std::vector<Table> found = pieces(2);
  ASSERT_EQ(found.size(), 1U);
  expect_same(found[0], sample_table({}));
}

TEST_F(Pieces, AreOneWithoutASealAndNoneOfADamagedFile) {
  write_table(folder_ / "t.h5", full_table());
  std::string bytes = read_bytes(folder_ / "t.h5");
  write_bytes(folder_ / "t.h5", bytes.substr(0, bytes.size() - 32));
  ASSERT_EQ(pieces(1).size(), 1U);
  expect_same(pieces(1)[0], full_table());
  bytes[bytes.size() / 2] ^= 1;
  write_bytes(folder_ / "t.h5", bytes);
  expect_user_error([&] { pieces(1); }, {"t.h5: found damaged contents (checksum "});
  expect_user_error([&] { read_in_pieces(folder_ / "none.h5", {}, 1, [](const Table&) {}); },
                    {"none.h5: found no such file, expected a results file"});
}

TEST_F(Pieces, MakeTheComparisonOfTheWholeTable) {
  std::vector<SampleRun> rows;
  for (int64_t seed = 0; seed < 900; ++seed) {
    for (SampleRun row : quadratic_study()) {
      row.seed = seed;
      row.config = fmt::format("length = {}\nseed = {}\nmodel.width = {}\n", row.length, seed,
                               64 * (1 + seed % 3));
      rows.push_back(row);
    }
  }
  write_table(folder_ / "t.h5", sample_table(rows));
  const fs::path path = folder_ / "t.h5";
  EXPECT_EQ(comparison_json(compare_file(path)),
            comparison_json(compare_table(sample_table(rows), path.string())));
}

TEST_F(Pieces, HaveEveryColumnThatAComparisonUses) {
  for (const char* study : {"quadratic", "mqar", "incremental"}) {
    const fs::path path = source_folder() / fmt::format("results/{}.h5", study);
    EXPECT_EQ(comparison_json(compare_file(path)),
              comparison_json(compare_table(read_table(path), path.string())))
        << study;
  }
}

}  // namespace
}  // namespace lengthwise
