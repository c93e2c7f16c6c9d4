// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Comma-separated tables as RFC 4180 has them.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <ocellus/io/atomic_file.hpp>
#include <ocellus/io/file_error.hpp>

namespace ocellus::io {

/// A table whose first record names the columns; every row has as many fields.
struct CsvTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;

  /// The column's number, or the number of columns when there is none of that name.
  [[nodiscard]] std::size_t column(std::string_view name) const {
    std::size_t c = 0;
    while (c < header.size() && header[c] != name) ++c;
    return c;
  }
};

/// Parses a table: fields separated by commas, records by LF or CRLF; quoted fields may hold commas, line ends and doubled quotes. A byte-order mark and an
/// empty last line are skipped.
///
/// Errors: `FileError` with the line when a quote is out of place or does not end, or a row has another number of fields than the header.
[[nodiscard]] inline CsvTable parse_csv(std::filesystem::path const& path, std::string_view text) {
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  CsvTable table;
  std::vector<std::string> record;
  std::string field;
  std::size_t line = 1, record_line = 1;
  auto const fail   = [&](std::size_t at, std::string const& reason) { throw FileError(path, "line " + std::to_string(at), reason); };
  auto const finish = [&]() {
    record.push_back(std::move(field));
    field.clear();
    if (table.header.empty()) {
      table.header = std::move(record);
    } else if (record.size() == table.header.size()) {
      table.rows.push_back(std::move(record));
    } else {
      fail(record_line, "has " + std::to_string(record.size()) + " fields, the header has " + std::to_string(table.header.size()));
    }
    record.clear();
    record_line = line;
  };
  std::size_t i = 0;
  bool open     = false;  // a record has begun
  while (i < text.size()) {
    char const c = text[i];
    if (c == '"') {
      if (!field.empty()) fail(line, "a quote stands inside a field that does not begin with one");
      std::size_t const quote_line = line;
      bool closed                  = false;
      for (++i; i < text.size(); ++i) {
        if (text[i] == '"') {
          if (i + 1 < text.size() && text[i + 1] == '"')
            ++i;
          else {
            closed = true;
            ++i;
            break;
          }
        }
        if (text[i] == '\n') ++line;
        field += text[i];
      }
      if (!closed) fail(quote_line, "a quoted field does not end");
      if (i < text.size() && text[i] != ',' && text[i] != '\n' && !(text[i] == '\r' && (i + 1 == text.size() || text[i + 1] == '\n')))
        fail(line, "text follows a closing quote");
      open = true;
    } else if (c == ',') {
      record.push_back(std::move(field));
      field.clear();
      open = true;
      ++i;
    } else if (c == '\n' || (c == '\r' && (i + 1 == text.size() || text[i + 1] == '\n'))) {
      i += c == '\n' ? 1 : 2;
      ++line;
      bool const empty_line = !open && field.empty() && record.empty();
      if (!empty_line || (!table.header.empty() && table.header.size() == 1))
        finish();
      else
        record_line = line;
      open = false;
    } else {
      if (c == '\0') fail(line, "holds a zero byte: is this a text file?");
      field += c;
      open = true;
      ++i;
    }
  }
  if (open || !field.empty() || !record.empty()) finish();
  if (table.header.empty()) throw FileError(path, "", "the table is empty");
  return table;
}

/// Reads a table.
[[nodiscard]] inline CsvTable read_csv(std::filesystem::path const& path) {
  auto const bytes = read_file(path, std::size_t{1} << 32);
  return parse_csv(path, std::string_view(reinterpret_cast<char const*>(bytes.data()), bytes.size()));
}

/// The text of a table; fields are quoted where they must be.
[[nodiscard]] inline std::string encode_csv(CsvTable const& table) {
  std::string text;
  auto const add = [&](std::vector<std::string> const& record) {
    for (std::size_t c = 0; c < record.size(); ++c) {
      if (c > 0) text += ',';
      // A zero byte is read between quotes only, and a mark at the beginning of the file would be skipped.
      bool const is_plain = record[c].find_first_of(std::string_view(",\"\r\n\0", 5)) == std::string::npos && !(record.size() == 1 && record[c].empty()) &&
                            !(text.empty() && record[c].substr(0, 3) == "\xEF\xBB\xBF");
      if (is_plain) {
        text += record[c];
        continue;
      }
      text += '"';
      for (char const ch : record[c]) text += ch == '"' ? std::string("\"\"") : std::string(1, ch);
      text += '"';
    }
    text += '\n';
  };
  add(table.header);
  for (auto const& row : table.rows) add(row);
  return text;
}

/// Writes a table, whole or not at all.
inline void write_csv(std::filesystem::path const& path, CsvTable const& table) { write_file_atomically(path, encode_csv(table)); }

}  // namespace ocellus::io
