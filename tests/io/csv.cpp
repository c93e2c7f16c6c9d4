// SPDX-License-Identifier: Apache-2.0

#include <ocellus/io/csv.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "io/damage.hpp"

namespace ocellus::test {
namespace {

using Row  = std::vector<std::string>;
using Rows = std::vector<Row>;

io::CsvTable parse(std::string const& text) { return io::parse_csv("t.csv", text); }
std::string message_of(std::string const& text) {
  return file_error([&] { (void)parse(text); });
}

TEST(Csv, reads_the_first_record_as_the_names_of_the_columns) {
  auto const table = parse("plate,well,dose\nP1,A01,0.5\nP1,A02,\n");
  EXPECT_EQ(table.header, (Row{"plate", "well", "dose"}));
  EXPECT_EQ(table.rows, (Rows{{"P1", "A01", "0.5"}, {"P1", "A02", ""}}));
  EXPECT_EQ(table.column("well"), 1u);
  EXPECT_EQ(table.column("Well"), 3u) << "there is no such column";
}

TEST(Csv, line_ends_may_be_lf_or_crlf_and_the_last_may_lack) {
  Rows const rows{{"1", "2"}, {"3", "4"}};
  for (char const* text : {"a,b\n1,2\n3,4\n", "a,b\r\n1,2\r\n3,4\r\n", "a,b\r\n1,2\n3,4",
                           "\xEF\xBB\xBF"
                           "a,b\n1,2\n3,4\n",
                           "a,b\n1,2\n3,4\r", "a,b\n1,2\n3,\"4\"\r", "a,b\n1,2\n3,4\n\n", "a,b\n\n1,2\n3,4\n"}) {
    auto const table = parse(text);
    EXPECT_EQ(table.header, (Row{"a", "b"})) << text;
    EXPECT_EQ(table.rows, rows) << text;
  }
}

TEST(Csv, quoted_fields_hold_commas_quotes_and_line_ends) {
  auto const table = parse("\"a,b\",\"say \"\"hi\"\"\"\r\n\"two\nlines\",\"and\r\ntwo\"\r\n\"\",x\r\n");
  EXPECT_EQ(table.header, (Row{"a,b", "say \"hi\""}));
  EXPECT_EQ(table.rows, (Rows{{"two\nlines", "and\r\ntwo"}, {"", "x"}}));
}

TEST(Csv, spaces_are_part_of_a_field) { EXPECT_EQ(parse("a, b\n 1 ,2\n").rows, (Rows{{" 1 ", "2"}})); }

TEST(Csv, in_a_table_of_one_column_an_empty_line_is_an_empty_field) { EXPECT_EQ(parse("a\n\n1\n").rows, (Rows{{""}, {"1"}})); }

TEST(Csv, a_table_without_rows_is_a_table) {
  EXPECT_TRUE(parse("a,b").rows.empty());
  EXPECT_EQ(parse("a,b").header.size(), 2u);
}

TEST(Csv, refusals_name_the_line) {
  struct Case {
    std::string text, words;
  };
  std::vector<Case> const cases = {{"", "the table is empty"},
                                   {"\n\r\n", "the table is empty"},
                                   {"a,b\n1,2\n1\n", "line 3: has 1 fields, the header has 2"},
                                   {"a,b\n1,2,3\n", "line 2: has 3 fields, the header has 2"},
                                   {"a,b\n\"x\ny\",2\n1\n", "line 4: has 1 fields"},
                                   {"a,b\n\"x\ny\",2,3\n", "line 2: has 3 fields"},
                                   {"a,b\n1,\"2\n3\n", "line 2: a quoted field does not end"},
                                   {"a,b\n1,\"2\"3\n", "line 2: text follows a closing quote"},
                                   {"a,b\n1,2\"\n", "line 2: a quote stands inside a field"},
                                   {std::string("a,b\n1,\0\n", 8), "line 2: holds a zero byte"}};
  for (auto const& c : cases) {
    std::string const message = message_of(c.text);
    EXPECT_NE(message.find(c.words), std::string::npos) << message << " lacks " << c.words;
  }
}

TEST(Csv, written_is_what_is_read) {
  TemporaryFolder const folder;
  io::CsvTable const table{{"name", "a \"quoted\", name", ""},
                           {{"x,y", "line\nend", "cr\r\nlf"}, {"", "\"", " padded "}, {"1.7976931348623157e308", "caf\xC3\xA9", "-0"}}};
  io::write_csv(folder / "t.csv", table);
  auto const back = io::read_csv(folder / "t.csv");
  EXPECT_EQ(back.header, table.header);
  EXPECT_EQ(back.rows, table.rows);
  io::CsvTable const narrow{{"only"}, {{""}, {"x"}, {""}}};
  io::write_csv(folder / "n.csv", narrow);
  EXPECT_EQ(io::read_csv(folder / "n.csv").rows, narrow.rows);
  // A byte-order mark that belongs to the first name, and a zero byte, must not be taken for what they mean elsewhere.
  io::CsvTable const marked{{"\xEF\xBB\xBF"
                             "a",
                             "b"},
                            {{std::string("z\0z", 3), "2"}}};
  auto const again = io::parse_csv("m.csv", io::encode_csv(marked));
  EXPECT_EQ(again.header, marked.header);
  EXPECT_EQ(again.rows, marked.rows);
  EXPECT_NE(file_error([&] { (void)io::read_csv(folder / "absent.csv"); }).find("No such file"), std::string::npos);
}

TEST(Csv, damaged_files_are_refused_or_rectangular) {
  auto const read = [](std::vector<std::byte> const& file) {
    return io::parse_csv("t.csv", std::string_view(reinterpret_cast<char const*>(file.data()), file.size()));
  };
  auto const rectangular = [](io::CsvTable const& table) {
    bool same = !table.header.empty();
    for (auto const& row : table.rows) same = same && row.size() == table.header.size();
    return same;
  };
  walk_damage("\xEF\xBB\xBFplate,\"a,b\",c\r\n1,\"x\"\"y\",\"two\r\nlines\"\r\n,,\n", read, rectangular);
}

}  // namespace
}  // namespace ocellus::test
