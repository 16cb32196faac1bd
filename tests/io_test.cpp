#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "io/sealed_file.h"
#include "tests/table_checks.h"

namespace lengthwise {
namespace {

class TableFile : public FolderTest {};
class FailedWrite : public FolderTest {};
class DamagedFile : public FolderTest {};

TEST_F(TableFile, GivesBackEveryKindOfColumnInOrder) {
  write_table(folder_ / "t.h5", full_table());
  expect_same(read_table(folder_ / "t.h5"), full_table());
}

TEST_F(TableFile, IsTheSameBytesForTheSameTable) {
  write_table(folder_ / "a.h5", full_table());
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // HDF5's time stamps are seconds
  write_table(folder_ / "b.h5", read_table(folder_ / "a.h5"));
  EXPECT_TRUE(read_bytes(folder_ / "a.h5") == read_bytes(folder_ / "b.h5"));
}

TEST_F(TableFile, ReplacesAnOlderOneAndLeavesNothingElse) {
  write_bytes(folder_ / "t.h5.tmp", "what a killed process left");
  Table table = full_table();
  write_table(folder_ / "t.h5", table);
  table.attributes["title"] = "newer";
  write_table(folder_ / "t.h5", table);
  expect_same(read_table(folder_ / "t.h5"), table);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
}

TEST_F(TableFile, IsWrittenIntoTheCurrentFolderWithoutAPath) {
  const fs::path before = fs::current_path();
  fs::current_path(folder_);
  write_table("t.h5", full_table());
  fs::current_path(before);
  expect_same(read_table(folder_ / "t.h5"), full_table());
}

TEST_F(TableFile, MayHaveNoRunsAndDimensionsOfLengthZero) {
  Table table;
  table.dimensions = {{"run", 0}, {"repeat", 3}, {"step", 0}, {"length", 0}};
  table.columns = {{"id", {"run"}, Texts{}, "", "", {}},
                   {"seed", {"run"}, Integers{}, "1", "", {}},
                   {"status", {"run"}, Flags{}, "", "", {"ok", "bad"}},
                   {"seconds", {"run", "repeat"}, Numbers{}, "s", "", {}},
                   {"length", {"length"}, Integers{}, "token", "", {}}};
  write_table(folder_ / "t.h5", table);
  expect_same(read_table(folder_ / "t.h5"), table);

  table = {};
  table.dimensions = {{"run", 2}, {"step", 0}};
  table.columns = {{"loss", {"run", "step"}, Numbers{}, "1", "", {}},
                   {"name", {"run"}, Texts{"", ""}, "", "", {}}};
  write_table(folder_ / "t.h5", table);
  expect_same(read_table(folder_ / "t.h5"), table);

  table = {};
  table.dimensions = {{"run", 0}};
  write_table(folder_ / "t.h5", table);
  expect_same(read_table(folder_ / "t.h5"), table);
}

TEST_F(TableFile, HoldsManyRowsOfWideColumns) {
  Table table;  // a row is wider than a chunk, and there are many chunks
  table.dimensions = {{"run", 5}, {"step", 150'001}, {"row", 2}};
  Numbers loss;
  for (int i = 0; i < 5 * 150'001; ++i) loss.push_back(0.1 * i);
  table.columns = {{"loss", {"run", "step"}, loss, "1", "", {}}};
  write_table(folder_ / "t.h5", table);
  expect_same(read_table(folder_ / "t.h5"), table);

  table.dimensions = {{"run", 300'000}};
  Integers seeds(300'000);
  for (size_t i = 0; i < seeds.size(); ++i) seeds[i] = static_cast<int64_t>(i * i);
  Texts names(300'000, "name");
  table.columns = {{"seed", {"run"}, seeds, "1", "", {}}, {"name", {"run"}, names, "", "", {}}};
  write_table(folder_ / "t.h5", table);
  expect_same(read_table(folder_ / "t.h5"), table);
}

TEST_F(TableFile, HoldsManyColumnsAndLongAttributes) {
  Table table;
  table.dimensions = {{"run", 1}, {"repeat", 2}};
  for (int i = 0; i < 30; ++i) table.attributes[fmt::format("a{}", i)] = std::string(60'000, 'y');
  for (int i = 0; i < 200; ++i) {
    table.columns.push_back(
        {fmt::format("c{}", 199 - i), {"run", "repeat"}, Numbers{1, 2}, "s", "name", {}});
  }
  write_table(folder_ / "t.h5", table);
  expect_same(read_table(folder_ / "t.h5"), table);
}

TEST_F(TableFile, ShowsBytesThatNoReaderCouldDecode) {
  Table table;
  table.dimensions = {{"run", 8}};
  const std::string bad = "\xef\xbf\xbd";
  table.attributes["host"] = "a\xff";
  const auto texts = [](const Texts& values) {
    return std::vector<Column>{{"text", {"run"}, values, "", "", {}}};
  };
  // stray, cut off, overlong, surrogate, past U+10FFFF, NUL; then two that are right
  table.columns = texts({"a\x80z", "a\xe2\x82", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                         std::string("a\0z", 3), "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"});
  write_table(folder_ / "t.h5", table);
  table.attributes["host"] = "a" + bad;
  table.columns =
      texts({"a" + bad + "z", "a" + bad + bad, bad + bad, bad + bad + bad, bad + bad + bad + bad,
             "a" + bad + "z", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"});
  expect_same(read_table(folder_ / "t.h5"), table);
}

TEST_F(FailedWrite, NamesThePathAndLeavesNothingBehind) {
  const auto write_to = [](const fs::path& path) {
    return [=] { write_table(path, full_table()); };
  };
  expect_user_error(write_to(folder_ / "missing" / "t.h5"),
                    {(folder_ / "missing" / "t.h5").string(), "No such file or directory"});
  EXPECT_FALSE(fs::exists(folder_ / "missing"));

  write_bytes(folder_ / "file", "kept");
  expect_user_error(write_to(folder_ / "file" / "t.h5"), {"file/t.h5", "Not a directory"});
  EXPECT_EQ(read_bytes(folder_ / "file"), "kept");

  fs::create_directories(folder_ / "taken.h5" / "inside");
  expect_user_error(write_to(folder_ / "taken.h5"), {"taken.h5", "Is a directory"});
  EXPECT_TRUE(fs::exists(folder_ / "taken.h5" / "inside"));
  EXPECT_FALSE(fs::exists(folder_ / "taken.h5.tmp"));
}

TEST_F(FailedWrite, ReportsAFolderWithoutPermission) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write anywhere";
  fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec);
  expect_user_error([&] { write_table(folder_ / "t.h5", full_table()); },
                    {"t.h5", "Permission denied"});
  fs::permissions(folder_, fs::perms::owner_all);
}

TEST_F(FailedWrite, KeepsTheOldFileWhenTheDiskRefusesMore) {
  write_table(folder_ / "t.h5", full_table());
  const std::string before = read_bytes(folder_ / "t.h5");
  Table larger = full_table();
  larger.columns.back().values = Texts{std::string(3'000'000, 'z'), "", ""};

  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  rlimit low = limit;
  low.rlim_cur = 1'000'000;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &low), 0);
  expect_user_error([&] { write_table(folder_ / "t.h5", larger); },
                    {(folder_ / "t.h5").string(), "File too large"});
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, handler);

  EXPECT_TRUE(read_bytes(folder_ / "t.h5") == before);
  EXPECT_FALSE(fs::exists(folder_ / "t.h5.tmp"));
}

TEST_F(FailedWrite, KeepsTheOldFileWhenTheTemporaryNameIsTaken) {
  write_table(folder_ / "t.h5", full_table());
  fs::create_directories(folder_ / "t.h5.tmp");
  Table other = full_table();
  other.attributes.clear();
  expect_user_error([&] { write_table(folder_ / "t.h5", other); }, {"t.h5", "Is a directory"});
  expect_same(read_table(folder_ / "t.h5"), full_table());
}

TEST_F(FailedWrite, RefusesATableThatBreaksItsPromises) {
  using Change = std::function<void(Table&)>;
  const std::vector<std::pair<std::string, Change>> changes = {
      {"no dimension 'run'", [](Table& t) { t.dimensions.erase("run"); }},
      {"unknown dimension", [](Table& t) { t.dimensions.erase("repeat"); }},
      {"values, expected", [](Table& t) { t.dimensions["run"] = 4; }},
      {"expected 0 or more", [](Table& t) { t.dimensions["unused"] = -1; }},
      {"expected run first",
       [](Table& t) {
         t.columns[3].dimensions = {"repeat", "run"};
       }},
      {"expected run first", [](Table& t) { t.columns[0].dimensions = {}; }},
      {"twice",
       [](Table& t) {
         t.columns[3].dimensions = {"run", "run"};
       }},
      {"its own name alone", [](Table& t) { t.columns[0].name = "repeat"; }},
      {"second column", [](Table& t) { t.columns[0].name = "seed"; }},
      {"netCDF does not allow", [](Table& t) { t.columns[0].name = "a/b"; }},
      {"netCDF does not allow", [](Table& t) { t.columns[0].name = ""; }},
      {"netCDF does not allow", [](Table& t) { t.dimensions["\xff"] = 1; }},
      {"expected one word", [](Table& t) { t.columns[1].flag_meanings[0] = "two words"; }},
      {"the number of meanings", [](Table& t) { t.columns[1].flag_meanings = {"ok"}; }},
      {"none but for flags", [](Table& t) { t.columns[0].flag_meanings = {"ok"}; }},
      {"60000 at most", [](Table& t) { t.attributes["a"] = std::string(60'001, 'a'); }},
      {"60000 at most", [](Table& t) { t.columns[0].long_name = std::string(60'001, 'a'); }},
  };
  for (const auto& [fragment, change] : changes) {
    Table table = full_table();
    change(table);
    try {
      write_table(folder_ / "t.h5", table);
      ADD_FAILURE() << "written, expected an error with: " << fragment;
    } catch (const CheckFailure& error) {
      EXPECT_NE(std::string(error.what()).find(fragment), std::string::npos) << error.what();
    }
  }
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(DamagedFile, ThatIsNoFileAtAllIsNamed) {
  const auto read = [&](const char* name) { return [=, this] { read_table(folder_ / name); }; };
  expect_user_error(read("missing.h5"),
                    {(folder_ / "missing.h5").string(), "no such file", "expected a results file"});
  expect_user_error(read("."), {folder_.string(), "a folder", "expected a results file"});
  write_bytes(folder_ / "empty.h5", "");
  expect_user_error(read("empty.h5"), {"empty.h5", "an empty file", "expected a results file"});
  write_bytes(folder_ / "text.h5", "run,seconds\n1,2\n");
  expect_user_error(read("text.h5"), {"text.h5", "not HDF5", "expected a results file"});
  expect_user_error(read("text.h5/t.h5"), {"text.h5/t.h5", "no such file"});
}

TEST_F(DamagedFile, WithoutReadPermissionIsNamed) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  write_table(folder_ / "t.h5", full_table());
  fs::permissions(folder_ / "t.h5", fs::perms::none);
  expect_user_error([&] { read_table(folder_ / "t.h5"); }, {"t.h5", "Permission denied"});
}

TEST_F(DamagedFile, TruncatedAnywhereIsRefused) {
  Table table = full_table();
  table.columns.back().values = Texts{"short", "", ""};
  write_table(folder_ / "t.h5", table);
  const std::string whole = read_bytes(folder_ / "t.h5");
  ASSERT_GT(whole.size(), 5000U);
  for (size_t size = 1; size < whole.size();
       size += size < 300 || size + 300 > whole.size() ? 1 : 97) {
    SCOPED_TRACE(size);
    write_bytes(folder_ / "cut.h5", whole.substr(0, size));
    if (size + kSealBytes >= whole.size()) {  // all that is missing is of the seal
      expect_same(read_table(folder_ / "cut.h5"), table);
      continue;
    }
    expect_user_error([&] { read_table(folder_ / "cut.h5"); },
                      {"cut.h5", size < 8 ? "not HDF5" : "damaged", "expected a results file"});
    if (HasFailure()) break;
  }
}

TEST_F(DamagedFile, OverwrittenWithGarbageIsRefused) {
  write_table(folder_ / "t.h5", full_table());
  const std::string whole = read_bytes(folder_ / "t.h5");
  // the signature, the superblock, the root group, everything after the superblock
  const std::vector<std::pair<size_t, size_t>> ranges = {
      {0, 8}, {20, 28}, {48, 300}, {48, whole.size()}, {0, whole.size()}};
  for (const auto& [begin, end] : ranges) {
    SCOPED_TRACE(begin);
    std::string bytes = whole;
    for (size_t i = begin; i < end; ++i) bytes[i] = static_cast<char>(i * 2654435761U >> 13);
    write_bytes(folder_ / "bad.h5", bytes);
    expect_user_error([&] { read_table(folder_ / "bad.h5"); }, {"bad.h5", "expected a results"});
  }
}

TEST_F(DamagedFile, WithOneWrongBitInANumberIsRefused) {
  write_table(folder_ / "t.h5", full_table());
  std::string bytes = read_bytes(folder_ / "t.h5");
  bytes.resize(bytes.size() - kSealBytes);  // HDF5's own checksum finds it too
  const double number = 5e-324;
  std::string pattern(sizeof number, '\0');
  std::memcpy(pattern.data(), &number, sizeof number);
  pattern += std::string("\xff\xff\xff\xff\xff\xff\xef\xff", 8);
  const size_t place = bytes.find(pattern);
  ASSERT_NE(place, std::string::npos);
  bytes[place + 3] ^= 0x10;
  write_bytes(folder_ / "bad.h5", bytes);
  expect_user_error([&] { read_table(folder_ / "bad.h5"); },
                    {"bad.h5", "forward_seconds", "expected a results file"});
}

TEST_F(DamagedFile, ThatIsAnotherProgramsHdf5IsRefused) {
  // an empty HDF5 file as h5py writes it: superblock, and a root group of zeros with its checksum
  const std::string hex =
      "894844460d0a1a0a020808000000000000000000ffffffffffffffffb30000000000000030000000"
      "0000000087672a284f484452020078021200000000ffffffffffffffffffffffffffffffff0a0200"
      "0100000058";
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  bytes += std::string(90, '\0') + "\xc5\xb9\xc8\xac";
  write_bytes(folder_ / "foreign.h5", bytes);
  expect_user_error(
      [&] { read_table(folder_ / "foreign.h5"); },
      {"foreign.h5", "foreign HDF5 file (no dimension 'run')", "expected a results file"});
}

using DamagedFileDeathTest = DamagedFile;

TEST_F(DamagedFileDeathTest, DoesNotMakeHdf5PrintAnything) {
  write_table(folder_ / "t.h5", full_table());
  const auto refused_in_silence = [&](const fs::path& path) {
    EXPECT_EXIT(
        {
          try {
            read_table(path);
          } catch (const UserError&) {
            std::exit(7);
          }
        },
        testing::ExitedWithCode(7), "^$");
  };
  std::string bytes = read_bytes(folder_ / "t.h5");
  write_bytes(folder_ / "cut.h5", bytes.substr(0, 3000));
  refused_in_silence(folder_ / "cut.h5");
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "HDF5 leaks what it cannot close";
#endif
  bytes[60] ^= 1;  // in the root group, which HDF5 complains of once more at exit
  write_bytes(folder_ / "root.h5", bytes);
  refused_in_silence(folder_ / "root.h5");
}

}  // namespace
}  // namespace lengthwise
