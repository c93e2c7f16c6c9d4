// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A model's flat parameters from a safetensors file, by name.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <ocellus/core/parameter_table.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/io/safetensors.hpp>

namespace ocellus::io {

/// What happened to each name.
struct LoadReport {
  std::vector<std::string> missing;    ///< in the table, not in the file: left as they were
  std::vector<std::string> extra;      ///< in the file, not in the table
  std::vector<std::string> misshapen;  ///< in both, with other extents: left as they were
  std::vector<std::string> ignored;    ///< in the file and matched by the ignore list

  [[nodiscard]] bool complete() const { return missing.empty() && misshapen.empty(); }
};

struct LoadParametersOptions {
  std::vector<std::string> ignore         = {"head."};                  ///< names that begin so are not asked for and not complained of
  std::vector<std::string> strip_prefixes = {"encoder.vit_backbone."};  ///< taken off a name before it is looked up
};

/// The name without the first prefix that it begins with.
[[nodiscard]] inline std::string stripped_name(std::string const& name, std::vector<std::string> const& prefixes) {
  for (auto const& prefix : prefixes) {
    if (name.rfind(prefix, 0) == 0) return name.substr(prefix.size());
  }
  return name;
}

/// Fills `parameters` (at least table.size() elements, in host memory) with the tensors of the file, converted to its element type.
///
/// Errors: `std::invalid_argument` when the View is too small. What does not fit is reported, not thrown.
template <RealView<1> Parameters>
[[nodiscard]] LoadReport load_parameters(Safetensors const& file, ParameterTable const& table, Parameters const& parameters,
                                         LoadParametersOptions const& options = {}) {
  require(parameters.extent(0) >= table.size(), "ocellus::io::load_parameters", "parameters.extent(0) is ", parameters.extent(0), " but the table has ",
          table.size());
  using Scalar = typename Parameters::non_const_value_type;
  LoadReport report;
  std::vector<std::string> seen;
  for (auto const& tensor : file.tensors) {
    std::string const name = stripped_name(tensor.name, options.strip_prefixes);
    bool ignored           = false;
    for (auto const& prefix : options.ignore) ignored = ignored || name.rfind(prefix, 0) == 0;
    auto const* const entry = table.find(name);
    if (entry == nullptr) {
      (ignored ? report.ignored : report.extra).push_back(tensor.name);
    } else if (entry->extents != tensor.extents) {
      report.misshapen.push_back(name);
      seen.push_back(name);
    } else {
      for (std::size_t i = 0; i < tensor.size(); ++i) parameters(entry->offset + i) = static_cast<Scalar>(tensor.at(i));
      seen.push_back(name);
    }
  }
  for (auto const& entry : table.entries()) {
    if (std::find(seen.begin(), seen.end(), entry.name) == seen.end()) report.missing.push_back(entry.name);
  }
  return report;
}

/// The same from a path.
template <RealView<1> Parameters>
[[nodiscard]] LoadReport load_parameters(std::filesystem::path const& path, ParameterTable const& table, Parameters const& parameters,
                                         LoadParametersOptions const& options = {}) {
  return load_parameters(read_safetensors(path), table, parameters, options);
}

}  // namespace ocellus::io
