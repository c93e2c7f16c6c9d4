// SPDX-License-Identifier: Apache-2.0

#include "populations.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <set>

#include <ocellus/io/csv.hpp>

#include "support/user_error.hpp"

namespace ocellus::examples {
namespace {

/// Columns that number or place things, and say nothing of what a cell is like.
std::set<std::string> const bookkeeping = {"cell", "label", "site", "y", "x", "dose", "replicate", "field", "row", "column"};

/// The number that a whole field spells, if it is finite.
std::optional<double> finite_number(std::string const& field) {
  char* end          = nullptr;
  double const value = std::strtod(field.c_str(), &end);
  if (field.empty() || *end != '\0' || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::vector<std::size_t> chosen_rows(io::CsvTable const& table, std::string const& file, std::string const& where) {
  std::vector<std::size_t> rows;
  std::size_t column = 0;
  std::string value;
  if (!where.empty()) {
    auto const sign = where.find('=');
    if (sign == std::string::npos) throw UserError("\"" + where + "\" does not say which rows to take: write COLUMN=VALUE");
    column = table.column(where.substr(0, sign));
    value  = where.substr(sign + 1);
    if (column == table.header.size()) throw UserError(file + " has no column \"" + where.substr(0, sign) + "\"");
  }
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    if (where.empty() || table.rows[row][column] == value) rows.push_back(row);
  }
  if (rows.size() < 2)
    throw UserError(file + (where.empty() ? " holds " : " holds, with " + where + ", ") + std::to_string(rows.size()) +
                    " points, but a population needs at least 2");
  return rows;
}

bool holds_numbers(io::CsvTable const& table, std::vector<std::size_t> const& rows, std::string const& name) {
  std::size_t const column = table.column(name);
  return column < table.header.size() &&
         std::all_of(rows.begin(), rows.end(), [&](std::size_t row) { return finite_number(table.rows[row][column]).has_value(); });
}

/// (rows, features)
HostTensor<double**> take(io::CsvTable const& table, std::string const& file, std::vector<std::size_t> const& rows, std::vector<std::string> const& features) {
  auto const values =
      make_host_tensor<double**>("ocellus::examples::population", static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(features.size()));
  for (std::size_t f = 0; f < features.size(); ++f) {
    std::size_t const column = table.column(features[f]);
    if (column == table.header.size()) throw UserError(file + " has no column \"" + features[f] + "\"");
    for (std::size_t i = 0; i < rows.size(); ++i) {
      auto const value = finite_number(table.rows[rows[i]][column]);
      if (!value)
        throw UserError(file + ", row " + std::to_string(rows[i] + 2) + ", column \"" + features[f] + "\": \"" + table.rows[rows[i]][column] +
                        "\" is no finite number");
      values(i, f) = *value;
    }
  }
  return values;
}

}  // namespace

Populations read_populations(Settings const& settings) {
  auto const source = io::read_csv(settings.source), target = io::read_csv(settings.target);
  Populations p;
  p.rows_x = chosen_rows(source, settings.source.string(), settings.source_where);
  p.rows_y = chosen_rows(target, settings.target.string(), settings.target_where);

  auto wanted = settings.features;
  if (wanted.empty()) {
    for (auto const& name : source.header) {
      if (bookkeeping.count(name) == 0 && holds_numbers(source, p.rows_x, name) && holds_numbers(target, p.rows_y, name)) wanted.push_back(name);
    }
    if (wanted.empty())
      throw UserError(settings.source.string() + " and " + settings.target.string() +
                      " have no column in common that holds finite numbers in every row: --features names columns");
  }
  auto const x = take(source, settings.source.string(), p.rows_x, wanted), y = take(target, settings.target.string(), p.rows_y, wanted);

  std::vector<std::size_t> kept;
  for (std::size_t f = 0; f < wanted.size(); ++f) {
    double mean = 0, squares = 0;
    for (std::size_t i = 0; i < x.extent(0); ++i) mean += x(i, f);
    mean /= static_cast<double>(x.extent(0));
    for (std::size_t i = 0; i < x.extent(0); ++i) squares += (x(i, f) - mean) * (x(i, f) - mean);
    double const deviation = std::sqrt(squares / static_cast<double>(x.extent(0) - 1));
    if (!(deviation > 1e-12 * std::abs(mean)) || deviation == 0) {
      p.left_out.push_back(wanted[f]);
      continue;
    }
    kept.push_back(f);
    p.features.push_back(wanted[f]);
    p.mean.push_back(mean);
    p.deviation.push_back(deviation);
  }
  if (kept.empty()) throw UserError("no feature varies in " + settings.source.string() + ", so there is no unit to measure distances in");
  auto const standardised = [&](HostTensor<double**> const& values) {
    auto const scaled =
        make_host_tensor<double**>("ocellus::examples::population", static_cast<std::int64_t>(values.extent(0)), static_cast<std::int64_t>(kept.size()));
    for (std::size_t i = 0; i < values.extent(0); ++i) {
      for (std::size_t k = 0; k < kept.size(); ++k) scaled(i, k) = (values(i, kept[k]) - p.mean[k]) / p.deviation[k];
    }
    return scaled;
  };
  p.x = standardised(x);
  p.y = standardised(y);
  return p;
}

}  // namespace ocellus::examples
