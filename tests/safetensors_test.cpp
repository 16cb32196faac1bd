#include "io/safetensors.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "tests/table_checks.h"

namespace lengthwise {
namespace {

using testing::HasSubstr;
using testing::Not;

// A file of this header, as long as it says or not, and so many bytes behind it.
std::string file_of(const std::string& json, size_t data_bytes = 0, int64_t length = -1) {
  const uint64_t said = length < 0 ? json.size() : static_cast<uint64_t>(length);
  std::string file(sizeof(said), '\0');
  std::memcpy(file.data(), &said, sizeof(said));
  return file + json + std::string(data_bytes, '\x3f');
}

std::string tensor(const std::string& name, const std::string& type, const std::string& shape,
                   const std::string& offsets) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":{}}})", name, type, shape,
                     offsets);
}

class Safetensors : public FolderTest {
 protected:
  std::filesystem::path write(const std::string& contents) const {
    std::filesystem::path path = folder_ / "some.safetensors";
    write_bytes(path, contents);
    return path;
  }
  std::string refusal(const std::string& contents) const {
    try {
      const SafetensorsFile file(write(contents));
      return "";
    } catch (const UserError& error) {
      return error.what();
    }
  }
};

TEST_F(Safetensors, GivesBackWhatWasWritten) {
  const std::vector<float> matrix = {1, -2.5F, 3e-40F, std::numeric_limits<float>::infinity(),
                                     5, 6},
                           one = {7};
  const std::filesystem::path path = folder_ / "w.safetensors";
  write_safetensors(
      path, {{"b.matrix", {{2, 3}, matrix}}, {"a.scalar", {{}, one}}, {"c.none", {{4, 0}, {}}}},
      {{"config", "a = 1\nb = \"2\"\n"}, {"steps", "3"}});
  const SafetensorsFile file(path);
  EXPECT_EQ(file.header().metadata.at("config"), "a = 1\nb = \"2\"\n");
  EXPECT_EQ(file.header().metadata.at("steps"), "3");
  ASSERT_EQ(file.header().tensors.size(), 3U);
  EXPECT_EQ(file.header().bytes % 64, 0U);
  EXPECT_EQ(file.header().tensors.at("b.matrix").shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(file.values("b.matrix"), matrix);
  EXPECT_EQ(file.values("a.scalar"), one);
  EXPECT_TRUE(file.header().tensors.at("a.scalar").shape.empty());
  EXPECT_TRUE(file.values("c.none").empty());
  EXPECT_THROW((void)file.values("d"), UserError);
}

TEST_F(Safetensors, ReadsHalvesDoublesAndListsWhatNobodyReads) {
  const double third = 1.0 / 3;
  std::string values(24, '\0');
  const uint16_t half = 0x3555, upper = 0xc049;
  std::memcpy(values.data(), &third, 8);
  std::memcpy(values.data() + 8, &half, 2);
  std::memcpy(values.data() + 10, &upper, 2);
  const SafetensorsFile file(write(file_of("{" + tensor("d", "F64", "[1]", "[0,8]") + "," +
                                           tensor("h", "F16", "[1]", "[8,10]") + "," +
                                           tensor("u", "BF16", "[1,1]", "[10,12]") + "," +
                                           tensor("mask", "BOOL", "[3,4]", "[12,24]") + "}   ") +
                                   values));
  EXPECT_EQ(file.values("d"), std::vector{static_cast<float>(third)});
  EXPECT_EQ(file.values("h"), std::vector{0.333251953125F});
  EXPECT_EQ(file.values("u"), std::vector{-3.140625F});
  EXPECT_EQ(file.header().tensors.at("mask").type, "BOOL");
  try {
    (void)file.values("mask");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("some.safetensors: tensor 'mask': found dtype BOOL, "
                                        "expected F32, F64, F16 or BF16"));
  }
}

TEST(SafetensorsTypes, HalvesAreTheFloatsThatIeeeSays) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const auto& [bits, value] :
       std::vector<std::pair<uint16_t, float>>{{0x0000, 0.0F},
                                               {0x3c00, 1.0F},
                                               {0xc000, -2.0F},
                                               {0x7bff, 65504.0F},
                                               {0x0400, 0x1p-14F},
                                               {0x0001, 0x1p-24F},
                                               {0x03ff, 1023 * 0x1p-24F},
                                               {0x8001, -0x1p-24F},
                                               {0x3555, 0.333251953125F},
                                               {0x7c00, infinity},
                                               {0xfc00, -infinity}}) {
    EXPECT_EQ(float_of_f16(bits), value) << std::hex << bits;
  }
  EXPECT_TRUE(std::signbit(float_of_f16(0x8000)));
  EXPECT_TRUE(std::isnan(float_of_f16(0x7e00)));
  EXPECT_TRUE(std::isnan(float_of_f16(0xfc01)));
  for (const auto& [bits, value] : std::vector<std::pair<uint16_t, float>>{
           {0x3f80, 1.0F}, {0xc040, -3.0F}, {0x0001, 0x1p-133F}, {0x7f80, infinity}}) {
    EXPECT_EQ(float_of_bf16(bits), value) << std::hex << bits;
  }
  EXPECT_TRUE(std::isnan(float_of_bf16(0x7fc0)));
}

TEST_F(Safetensors, RefusesDamagedAndHostileHeadersWithTheReason) {
  const std::string a = tensor("a", "F32", "[2]", "[0,8]");
  EXPECT_EQ(refusal(file_of("{" + a + "}", 8)), "");
  EXPECT_EQ(refusal(file_of("{}")), "");
  EXPECT_EQ(refusal(file_of(R"({"__metadata__":{"a":"b"}})")), "");
  for (const auto& [contents, words] : std::vector<std::pair<std::string, std::string>>{
           {"", "found an empty file, expected a safetensors file"},
           {"seven..", "found 7 bytes, expected at least the 8 of a header's length"},
           {file_of("{}", 0, 3), "found a header of 3 bytes, expected at most the 2 that follow"},
           {file_of("{}", 0, 100'000'001),
            "found a header of 100000001 bytes, expected at most 100000000"},
           {file_of("{}", 0, std::numeric_limits<int64_t>::max()), "expected at most 100000000"},
           {file_of("{}", 0, 0), "header: found nothing, expected '{' at its beginning"},
           {file_of(" {}"), "header: found \" \", expected '{'"},
           {file_of("[]"), "header: found \"[\", expected '{'"},
           {file_of("{" + a), "header: found no JSON at its byte"},
           {file_of("{} {}"), "header: found no JSON at its byte"},
           {file_of(std::string("{}\0", 3)), "header: found no JSON at its byte 3"},
           {file_of(std::string("{}\0 and more", 12)), "header: found no JSON at its byte 3"},
           {file_of("{\"\xff\":1}"), "header: found no JSON at its byte"},
           {file_of("{" + a + "," + a + "}", 8), "tensor \"a\": found it twice"},
           {file_of(R"({"a":{"dtype":"F32","dtype":"F32"}})"),
            "tensor \"a\": found the key \"dtype\" twice"},
           {file_of(R"({"__metadata__":{"a":"","a":""}})"),
            "__metadata__: found the key \"a\" twice"},
           {file_of(R"({"__metadata__":{"a":1}})"), "__metadata__: \"a\": found 1, expected text"},
           {file_of(R"({"__metadata__":{"a":[]}})"), "found a list, expected text"},
           {file_of(R"({"__metadata__":[]})"), "__metadata__: found a list, expected an object"},
           {file_of(R"({"a":1})"), "tensor \"a\": found 1, expected an object"},
           {file_of(R"({"a":{}})"), "tensor \"a\": found no 'dtype', expected one"},
           {file_of(R"({"a":{"dtype":"F32","shape":[1]}})"), "found no 'data_offsets'"},
           {file_of(R"({"a":{"dtype":"F32","shape":[1],"order":"C"}})"),
            "tensor \"a\": found the key \"order\", expected dtype, shape and data_offsets"},
           {file_of("{" + tensor("a", "F33", "[1]", "[0,4]") + "}", 4),
            "tensor \"a\": dtype: found \"F33\", expected one of BOOL"},
           {file_of(R"({"a":{"dtype":["F32"]}})"), "dtype: found a list, expected the name"},
           {file_of("{" + tensor("a", "F32", "[-1]", "[0,4]") + "}", 4),
            "tensor \"a\": shape: found -1, expected a list of whole numbers"},
           {file_of("{" + tensor("a", "F32", "[1.0]", "[0,4]") + "}", 4), "shape: found 1"},
           {file_of("{" + tensor("a", "F32", "[[1]]", "[0,4]") + "}", 4), "shape: found a list"},
           {file_of("{" + tensor("a", "F32", "{\"b\":1}", "[0,4]") + "}", 4),
            "shape: found an object"},
           {file_of("{" + tensor("a", "F32", "1", "[0,4]") + "}", 4), "shape: found 1, expected"},
           {file_of("{" + tensor("a", "F32", "[18446744073709551615]", "[0,4]") + "}", 4),
            "shape: found 18446744073709551615, expected a list of whole numbers below 2^63"},
           {file_of("{" + tensor("a", "F32", "[4294967296,4294967296]", "[0,4]") + "}", 4),
            "shape: found [4294967296,4294967296], expected fewer than 2^63 bytes"},
           {file_of("{" + tensor("a", "F32", "[1]", "[0]") + "}", 4),
            "data_offsets: found 1 numbers, expected where it begins and ends"},
           {file_of("{" + tensor("a", "F32", "[1]", "[4,0]") + "}", 4),
            "data_offsets: found 4 to 0, expected an end behind the beginning"},
           {file_of("{" + tensor("a", "F32", "[3]", "[0,8]") + "}", 8),
            "tensor \"a\": found 8 bytes, expected the 12 of F32 [3]"},
           {file_of("{" + tensor("a", "F16", "[2]", "[0,8]") + "}", 8),
            "found 8 bytes, expected the 4 of F16 [2]"},
           {file_of("{" + a + "," + tensor("b", "F32", "[2]", "[4,12]") + "}", 12),
            "tensor \"b\": found bytes 4 to 12, expected from 8 on: tensors overlap"},
           {file_of("{" + a + "," + tensor("b", "F32", "[1]", "[12,16]") + "}", 16),
            "tensor \"b\": found bytes 12 to 16, expected from 8 on: tensors leave a hole"},
           {file_of("{" + a + "}", 7),
            "tensor \"a\": found bytes 0 to 8, expected at most the 7 behind the header: the file "
            "is cut off"},
           {file_of("{" + a + "}", 9),
            "found 9 bytes behind the header, expected the 8 of the tensors"},
           {file_of(std::string(1000, '[')), "expected '{'"},
           {file_of("{\"a\":" + std::string(100'000, '[')), "tensor \"a\": found a list"},
           {file_of("{\"a\\nb\":1}"), R"(tensor "a\nb": found 1)"},
       }) {
    const std::string found = refusal(contents);
    EXPECT_THAT(found, HasSubstr(words));
    EXPECT_THAT(found, HasSubstr("some.safetensors: "));
    EXPECT_THAT(found, Not(HasSubstr("\n")));
    EXPECT_LT(found.size(), 400U);
  }
}

TEST_F(Safetensors, NamesWhatIsNoFile) {
  EXPECT_THROW(SafetensorsFile(folder_ / "nothing"), UserError);
  EXPECT_THROW(SafetensorsFile{folder_}, UserError);
}

TEST_F(Safetensors, EveryShorterFileIsRefused) {
  const std::vector<float> values = {1, 2, 3};
  const std::filesystem::path path = folder_ / "w.safetensors";
  write_safetensors(path, {{"a", {{3}, values}}}, {});
  const std::string whole = read_bytes(path);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(refusal(whole.substr(0, size)), "") << size;
  }
  EXPECT_NE(refusal(whole + "x"), "");
}

}  // namespace
}  // namespace lengthwise
