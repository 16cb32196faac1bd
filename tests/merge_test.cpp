#include "tests/table_checks.h"

namespace lengthwise {
namespace {

class MergedFile : public FolderTest {};

Column numbers(const std::string& name, std::vector<std::string> dimensions, Numbers values) {
  return {name, std::move(dimensions), std::move(values), "", "", {}};
}

Table part(int64_t runs, std::map<std::string, int64_t> dimensions, std::vector<Column> columns) {
  Table table;
  table.dimensions = std::move(dimensions);
  table.dimensions["run"] = runs;
  table.columns = std::move(columns);
  return table;
}

TEST(Merge, OfNothingIsATableWithoutRuns) { expect_same(merge_tables({}), part(0, {}, {})); }

TEST(Merge, OfOneTableIsThatTable) {
  const Table table = full_table();
  expect_same(merge_tables({&table, 1}), table);
}

TEST(Merge, KeepsRowsInOrderAndTheFirstAttributes) {
  Table a = full_table(), b = full_table();
  b.attributes = {{"title", "other"}, {"more", "b's own"}};
  a.columns[3].units = "";
  b.columns[3].long_name = "another wording";
  const Table merged = merge_tables(std::vector<Table>{a, b});
  EXPECT_EQ(merged.attributes.at("title"), "Lengthwise");
  EXPECT_EQ(merged.attributes.at("more"), "b's own");
  EXPECT_EQ(merged.dimensions.at("run"), 6);
  EXPECT_EQ(merged.dimensions.at("repeat"), 2);
  EXPECT_EQ(merged.columns[3].units, "s");
  EXPECT_EQ(merged.columns[3].long_name, "seconds of a forward pass");
  EXPECT_EQ(std::get<Integers>(merged.find("seed")->values),
            (Integers{0, INT64_MAX, INT64_MIN, 0, INT64_MAX, INT64_MIN}));
  EXPECT_EQ(std::get<Texts>(merged.find("run_id")->values),
            (Texts{"a1", "", "größe 🙂", "a1", "", "größe 🙂"}));
  EXPECT_EQ(std::get<Texts>(merged.find("scope")->values), (Texts{"attention", "rest"}));
}

TEST(Merge, MovesValuesToTheSortedUnionOfNumericCoordinates) {
  const auto with_lengths = [](int64_t runs, const Integers& lengths, Numbers values) {
    return part(runs, {{"length", std::ssize(lengths)}},
                {{"length", {"length"}, lengths, "token", "", {}},
                 numbers("accuracy", {"run", "length"}, std::move(values))});
  };
  const std::vector<Table> parts = {with_lengths(1, {512, 128}, {5, 1}),
                                    with_lengths(2, {256, 512}, {22, 25, 32, 35}),
                                    with_lengths(1, {}, {})};
  expect_same(
      merge_tables(parts),
      with_lengths(4, {128, 256, 512}, {1, kNaN, 5, kNaN, 22, 25, kNaN, 32, 35, kNaN, kNaN, kNaN}));
}

TEST(Merge, SortsRealCoordinatesToo) {
  const auto with_rates = [](int64_t runs, const Numbers& rates, const Numbers& values) {
    return part(runs, {{"rate", std::ssize(rates)}},
                {numbers("rate", {"rate"}, rates), numbers("loss", {"run", "rate"}, values)});
  };
  const std::vector<Table> parts = {with_rates(1, {0.5, -1}, {50, -10}),
                                    with_rates(1, {0.25}, {25})};
  expect_same(merge_tables(parts), with_rates(2, {-1, 0.25, 0.5}, {-10, kNaN, 50, kNaN, 25, kNaN}));
}

TEST(Merge, KeepsTextCoordinatesByFirstAppearance) {
  const auto with_tags = [](int64_t runs, const Texts& tags, Numbers bytes, Texts notes) {
    return part(runs, {{"tag", std::ssize(tags)}, {"repeat", 2}},
                {{"tag", {"tag"}, tags, "", "", {}},
                 numbers("bytes", {"run", "repeat", "tag"}, std::move(bytes)),
                 {"note", {"run", "tag"}, std::move(notes), "", "", {}}});
  };
  const std::vector<Table> parts = {with_tags(1, {"state", "data"}, {1, 2, 3, 4}, {"s", "d"}),
                                    with_tags(1, {"data", "apple"}, {5, 6, 7, 8}, {"D", "A"})};
  expect_same(merge_tables(parts), with_tags(2, {"state", "data", "apple"},
                                             {1, 2, kNaN, 3, 4, kNaN, kNaN, 5, 6, kNaN, 7, 8},
                                             {"s", "d", "", "", "D", "A"}));
}

TEST(Merge, PadsDimensionsWithoutCoordinate) {
  const auto curve = [](int64_t runs, int64_t steps, Numbers values) {
    return part(runs, {{"step", steps}}, {numbers("loss", {"run", "step"}, std::move(values))});
  };
  const std::vector<Table> parts = {curve(1, 1, {1}), curve(1, 3, {2, 3, 4}), curve(2, 0, {})};
  expect_same(merge_tables(parts),
              curve(4, 3, {1, kNaN, kNaN, 2, 3, 4, kNaN, kNaN, kNaN, kNaN, kNaN, kNaN}));
}

TEST(Merge, FillsColumnsThatAPartLacks) {
  const Table a = part(1, {}, {numbers("seconds", {"run"}, {1})});
  const Table b = part(2, {{"step", 2}},
                       {numbers("loss", {"run", "step"}, {1, 2, 3, 4}),
                        {"note", {"run"}, Texts{"x", "y"}, "", "", {}}});
  expect_same(merge_tables(std::vector<Table>{a, b}),
              part(3, {{"step", 2}},
                   {numbers("seconds", {"run"}, {1, kNaN, kNaN}),
                    numbers("loss", {"run", "step"}, {kNaN, kNaN, 1, 2, 3, 4}),
                    {"note", {"run"}, Texts{"", "x", "y"}, "", "", {}}}));
}

TEST(Merge, RefusesAbsentIntegersAndFlags) {
  const Table without = part(1, {}, {});
  const Table seeds = part(1, {}, {{"seed", {"run"}, Integers{7}, "1", "", {}}});
  const Table flags = part(1, {}, {{"status", {"run"}, Flags{0}, "", "", {"ok"}}});
  const auto merge = [](std::vector<Table> parts) { return [=] { merge_tables(parts); }; };
  expect_user_error(merge({without, seeds}), {"'seed'", "integers", "every table"});
  expect_user_error(merge({flags, without}), {"'status'", "flags", "every table"});
  const Table none = part(0, {}, {});
  EXPECT_EQ(std::get<Integers>(merge_tables(std::vector{seeds, none}).find("seed")->values),
            Integers{7});
  const Table two = part(1, {{"step", 2}}, {{"n", {"run", "step"}, Integers{7, 8}, "1", "", {}}});
  const Table one = part(1, {{"step", 1}}, {{"n", {"run", "step"}, Integers{9}, "1", "", {}}});
  expect_user_error(merge({two, one}), {"'n'", "integers"});
}

TEST(Merge, RenumbersFlagsByTheirMeaning) {
  const Table a = part(2, {}, {{"status", {"run"}, Flags{0, 1}, "", "", {"ok", "crashed"}}});
  const Table b =
      part(3, {}, {{"status", {"run"}, Flags{0, 1, 2}, "", "", {"ok", "refused", "crashed"}}});
  expect_same(
      merge_tables(std::vector<Table>{a, b}),
      part(5, {},
           {{"status", {"run"}, Flags{0, 1, 0, 2, 1}, "", "", {"ok", "crashed", "refused"}}}));
  const Table bare = part(1, {}, {{"status", {"run"}, Flags{1}, "", "", {}}});
  expect_user_error([&] { merge_tables(std::vector<Table>{a, bare}); }, {"'status'", "meanings"});
}

TEST(Merge, RefusesTablesThatDisagree) {
  const auto merge = [](Table a, Table b) { return [=] { merge_tables(std::vector{a, b}); }; };
  const auto seconds = [](Column column, int64_t steps = 1) {
    return part(1, {{"step", steps}}, {std::move(column)});
  };
  const Column plain{"t", {"run"}, Numbers{1}, "s", "", {}};
  Column other = plain;
  other.units = "ms";
  expect_user_error(merge(seconds(plain), seconds(other)), {"'t'", "'s'", "'ms'"});
  other = plain;
  other.values = Integers{1};
  expect_user_error(merge(seconds(plain), seconds(other)), {"'t'", "numbers", "integers"});
  other = plain;
  other.dimensions = {"run", "step"};
  expect_user_error(merge(seconds(plain), seconds(other)), {"'t'", "[run]", "[run, step]"});
  const Column steps{"step", {"step"}, Numbers{1}, "1", "", {}};
  expect_user_error(merge(seconds(plain), seconds(steps)), {"'step'", "coordinate"});
  const Column twice{"step", {"step"}, Numbers{1, 1}, "1", "", {}};
  expect_user_error(merge(seconds(twice, 2), seconds(steps)), {"'step'", "twice"});
  const Column nan{"step", {"step"}, Numbers{kNaN}, "1", "", {}};
  expect_user_error(merge(seconds(steps), seconds(nan)), {"'step'", "nan"});
}

TEST_F(MergedFile, SurvivesMergingTwice) {
  write_table(folder_ / "a.h5", full_table());
  const Table one = read_table(folder_ / "a.h5");
  const Table once = merge_tables(std::vector<Table>{one, one});
  write_table(folder_ / "b.h5", once);
  const Table twice = merge_tables(std::vector<Table>{read_table(folder_ / "b.h5"), one});
  expect_same(twice, merge_tables(std::vector<Table>{one, one, one}));
}

}  // namespace
}  // namespace lengthwise
