#include "io/sealed_file.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <thread>

#include "io/isolated.h"
#include "io/table_bytes.h"
#include "tests/table_checks.h"

namespace lengthwise {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::byte>;

Bytes bytes_of(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

TEST(Seal, GivesBackWhatItClosed) {
  for (size_t size = 0; size < 40; ++size) {
    const Bytes contents = bytes_of(std::string(size, 'x'));
    const Bytes sealed = seal(contents);
    EXPECT_EQ(sealed.size(), size + kSealBytes);
    ASSERT_TRUE(ends_in_seal(sealed));
    const SealedFile file = open_sealed(sealed);
    EXPECT_EQ(file.damage, "");
    EXPECT_EQ(Bytes(file.contents.begin(), file.contents.end()), contents);
    EXPECT_FALSE(ends_in_seal(contents));
  }
}

TEST(Seal, SeesEveryBit) {
  const Bytes sealed = seal(bytes_of("some text of 27 bytes, odd."));
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Bytes damaged = sealed;
    damaged[bit / 8] ^= std::byte{1} << bit % 8;
    EXPECT_TRUE(!ends_in_seal(damaged) || !open_sealed(damaged).damage.empty()) << bit;
  }
}

TEST(Seal, SeesPiecesThatAreMissingOrMoved) {
  const std::string text = "12345678abcdefgh";
  std::set<uint64_t> sums;
  for (const std::string& other :
       {text, text.substr(8) + text.substr(0, 8), text.substr(0, 8), text + std::string(8, '\0'),
        std::string(), std::string(1, '\0'), std::string(8, '\0'), std::string(16, '\0')}) {
    EXPECT_TRUE(sums.insert(checksum_of(bytes_of(other))).second) << other;
  }
  Bytes sealed = seal(bytes_of(text));
  sealed.erase(sealed.begin() + 3);
  EXPECT_EQ(open_sealed(sealed).damage, "15 bytes, sealed with 16");
}

class SealedTable : public FolderTest {};

TEST_F(SealedTable, WithOneWrongBitAnywhereIsRefusedOrReadAsItWas) {
  write_table(folder_ / "t.h5", full_table());
  const std::string whole = read_bytes(folder_ / "t.h5");
  for (size_t place = 9; place < whole.size(); place += 997) {
    std::string bytes = whole;
    bytes[place] ^= 0x10;
    write_bytes(folder_ / "bad.h5", bytes);
    expect_user_error([&] { read_table(folder_ / "bad.h5"); },
                      {"bad.h5: found damaged contents (checksum ", ", expected a results file"});
  }
  for (size_t place = whole.size() - kSealBytes; place < whole.size() - 16; ++place) {
    std::string bytes = whole;
    bytes[place] ^= 0x10;
    write_bytes(folder_ / "bad.h5", bytes);
    expect_same(read_table(folder_ / "bad.h5"), full_table());
  }
}

TEST_F(SealedTable, WithoutItsSealIsReadInAProcessOfItsOwn) {
  write_table(folder_ / "t.h5", full_table());
  const std::string whole = read_bytes(folder_ / "t.h5");
  write_bytes(folder_ / "old.h5", whole.substr(0, whole.size() - kSealBytes));
  expect_same(read_table(folder_ / "old.h5"), full_table());
}

TEST(PackedTable, IsUnpackedAsItWas) {
  expect_same(unpack_table(pack_table(full_table())), full_table());
}

TEST(PackedTable, IsNotUnpackedInPart) {
  Table table = full_table();
  table.columns.back().values = Texts{"", "", ""};
  Bytes bytes = pack_table(table);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(unpack_table(std::span(bytes).first(size)), std::out_of_range) << size;
  }
  bytes.push_back(std::byte{0});
  EXPECT_THROW(unpack_table(bytes), std::out_of_range);
}

TEST(Isolated, GivesWhatTheWorkGives) {
  const Bytes large(3'000'000, std::byte{7});
  EXPECT_EQ(run_isolated([&] { return large; }, 9s).bytes, large);
  const IsolatedResult nothing = run_isolated([] { return Bytes(); }, 9s);
  EXPECT_TRUE(nothing.bytes.empty());
  EXPECT_EQ(nothing.failure, "");
}

TEST(Isolated, ThrowsTheUserErrorOfTheWork) {
  expect_user_error([] { run_isolated([]() -> Bytes { user_error("t.h5: found nothing"); }, 9s); },
                    {"t.h5: found nothing"});
}

TEST(Isolated, OutlivesACrash) {
  for (const int number : {SIGSEGV, SIGABRT, SIGKILL}) {
    const auto crash = [&]() -> Bytes {
      std::raise(number);
      return {};
    };
    EXPECT_EQ(run_isolated(crash, 9s).failure, fmt::format("ended with signal {}", number));
  }
  const auto leave = []() -> Bytes { std::_Exit(9); };
  EXPECT_EQ(run_isolated(leave, 9s).failure, "ended with code 9");
}

TEST(Isolated, EndsWhatTakesTooLong) {
  volatile bool forever = true;
  const auto loop = [&] {
    while (forever) {
    }
    return Bytes();
  };
  EXPECT_EQ(run_isolated(loop, 1s).failure, "took more than 1 s");
  const auto sleep = [] {
    std::this_thread::sleep_for(std::chrono::hours(1));
    return Bytes();
  };
  EXPECT_EQ(run_isolated(sleep, 0s).failure, "took more than 0 s");
}

TEST(Isolated, EndsWhatTakesTooMuchMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers map more than any limit";
#endif
  const auto eat = [] {
    Bytes bytes;  // as much as the machine would give, and more than half of it
    bytes.reserve(static_cast<size_t>(sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / 4 * 3));
    return bytes;
  };
  EXPECT_EQ(run_isolated(eat, 9s).failure, "took too much memory");
}

TEST(Isolated, PrintsNothing) {
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  run_isolated(
      [] {
        std::fputs("noise", stderr);
        std::puts("noise");
        std::fflush(stdout);
        return Bytes();
      },
      9s);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

}  // namespace
}  // namespace lengthwise
