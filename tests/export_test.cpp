#include "experiments/analysis/export.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/table_checks.h"

namespace lengthwise {
namespace {

using nlohmann::ordered_json;
using testing::ElementsAre;

// RFC 4180, by the book: quotes double inside quotes, lines end in CR LF.
std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row = {""};
  bool inside = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool quote = text[i] == '"';
    if (inside && quote && text.substr(i, 2) == "\"\"") {
      row.back() += text[++i];
    } else if (quote) {
      inside = !inside;
    } else if (!inside && text[i] == ',') {
      row.emplace_back();
    } else if (!inside && text.substr(i, 2) == "\r\n") {
      rows.push_back(std::exchange(row, {""}));
      ++i;
    } else {
      row.back() += text[i];
    }
  }
  EXPECT_THAT(row, ElementsAre("")) << "the last line does not end";
  return rows;
}

Table small_table() {
  Table table = full_table();
  table.columns.back().values = Texts{"a,b", "line\r\n\"quoted\"", " "};
  return table;
}

TEST(Export, CsvNamesPlacesByTheirCoordinates) {
  const auto rows = parse_csv(export_csv(small_table()));
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_THAT(rows[0],
              ElementsAre("run_id", "status", "seed", "forward_seconds[0]", "forward_seconds[1]",
                          "forward_scope_flops[0,attention]", "forward_scope_flops[0,rest]",
                          "forward_scope_flops[1,attention]", "forward_scope_flops[1,rest]",
                          "accuracy[128]", "accuracy[4096]", "config"));
}

TEST(Export, CsvHasOneRowForEachRun) {
  const auto rows = parse_csv(export_csv(small_table()));
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_THAT(rows[1],
              ElementsAre("a1", "ok", "0", "1.5", "", "1", "2", "3", "4", "0", "1", "a,b"));
  EXPECT_THAT(rows[2], ElementsAre("", "crashed", "9223372036854775807", "-0", "inf", "5", "6", "7",
                                   "8", "", "", "line\r\n\"quoted\""));
  EXPECT_THAT(rows[3],
              ElementsAre("größe 🙂", "out_of_memory", "-9223372036854775808", "5e-324",
                          "-1.7976931348623157e+308", "9", "10", "11", "12", "0.25", "0.5", " "));
}

TEST(Export, CsvQuotesNamesWithTwoPlaces) {
  EXPECT_THAT(export_csv(small_table()), testing::HasSubstr(",\"forward_scope_flops[0,rest]\","));
}

TEST(Export, JsonReadsBackAsTheTable) {
  const Table table = small_table();
  const ordered_json found = ordered_json::parse(export_json(table));
  EXPECT_EQ(found["attributes"].get<decltype(table.attributes)>(), table.attributes);
  EXPECT_EQ(found["dimensions"]["run"], 3);
  EXPECT_EQ(found["dimensions"]["unused"], 4);
  EXPECT_EQ(found["dimensions"]["test_length"], ordered_json({128, 4096}));
  EXPECT_EQ(found["dimensions"]["scope"], ordered_json({"attention", "rest"}));
  EXPECT_EQ(found["columns"].size(), table.columns.size());
  EXPECT_EQ(found["columns"]["accuracy"]["dimensions"], ordered_json({"run", "test_length"}));
  EXPECT_EQ(found["columns"]["forward_seconds"]["units"], "s");
  EXPECT_EQ(found["columns"]["forward_seconds"]["long_name"], "seconds of a forward pass");
  ASSERT_EQ(found["runs"].size(), 3U);
  const ordered_json& run = found["runs"][2];
  EXPECT_EQ(run["run_id"], "größe 🙂");
  EXPECT_EQ(run["status"], "out_of_memory");
  EXPECT_EQ(run["seed"].get<int64_t>(), INT64_MIN);
  EXPECT_EQ(run["forward_seconds"].get<Numbers>(), (Numbers{5e-324, -1.7976931348623157e308}));
  EXPECT_EQ(run["forward_scope_flops"], ordered_json({{9.0, 10.0}, {11.0, 12.0}}));
  EXPECT_EQ(run["config"], " ");
  EXPECT_FALSE(run.contains("scope")) << "a coordinate is of no run";
  const ordered_json& second = found["runs"][1];
  EXPECT_TRUE(std::signbit(second["forward_seconds"][0].get<double>()));
  EXPECT_TRUE(second["forward_seconds"][1].is_null()) << "JSON has no infinity";
  EXPECT_TRUE(second["accuracy"][0].is_null());
}

TEST(Export, OfNoRunsIsAHeader) {
  Table table;
  table.dimensions = {{"run", 0}, {"step", 0}};
  table.columns = {{"id", {"run"}, Texts{}, "", "", {}},
                   {"loss", {"run", "step"}, Numbers{}, "1", "", {}}};
  EXPECT_EQ(export_csv(table), "id\r\n");
  EXPECT_EQ(ordered_json::parse(export_json(table))["runs"], ordered_json::array());
  table.dimensions["run"] = 1;
  table.columns[0].values = Texts{"a"};
  EXPECT_EQ(ordered_json::parse(export_json(table))["runs"],
            ordered_json::parse(R"([{"id": "a", "loss": []}])"));
}

}  // namespace
}  // namespace lengthwise
